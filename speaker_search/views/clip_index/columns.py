"""Clips as columns, ordered so that a game and a character are ranges of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speaker_search.catalog.embeddings import UNKNOWN, EmbeddedClips
from speaker_search.entities import Floats, Ids

Halves = npt.NDArray[np.float16]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Clips (n), sorted by game, character and id. The vectors may be a memory map."""

    ids: Ids  # (n,)
    characters: Ids  # (n,) embeddings.UNKNOWN where the speaker is unknown
    games: Ids  # (n,)
    seconds: Floats  # (n,) of audio
    vectors: Halves  # (n, dim)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def take(self, rows: Rows | npt.NDArray[np.bool_] | slice) -> Columns:
        """Some of the rows in the order given; copied, unless they are a slice."""
        return Columns(
            self.ids[rows],
            self.characters[rows],
            self.games[rows],
            self.seconds[rows],
            np.asarray(self.vectors[rows]),
        )

    def named(self) -> Columns:
        """The clips of known speakers."""
        return self.take(self.characters != UNKNOWN)


@dataclass(frozen=True, slots=True)
class Runs:
    """The rows of each character, one after the other (m); those of nobody known are a run in each game."""

    games: Ids  # (m,)
    characters: Ids  # (m,)
    bounds: Rows  # (m + 1,) the first row of each, and the end of the last one

    def rows(self, games: Ids, characters: Ids) -> tuple[Rows, Rows]:
        """First row and end of each character's clips, (n,) and (n,), where `games` (n,) are the characters' games."""
        first, end = ranges(self, games, characters)
        return self.bounds[first], self.bounds[end]


def none(dim: int) -> Columns:
    """No clips."""
    nothing = np.empty(0, np.int64)
    return Columns(nothing, nothing, nothing, np.empty(0, np.float32), np.empty((0, dim), np.float16))


def gather(parts: Iterable[EmbeddedClips], dim: int) -> Columns:
    """Clips from the catalog, converted to float16 part by part: a million of them take 384 MB, not 768."""
    found = [Columns(part.ids, part.characters, part.games, part.seconds, halves(part.vectors)) for part in parts]
    return ordered(join([none(dim), *found]))


def halves(vectors: Floats) -> Halves:
    """Vectors in float16, rounded to nearest: a cosine of unit vectors changes by less than 0.0005."""
    with np.errstate(over="ignore", invalid="ignore"):  # a vector that is not of unit length may overflow
        return vectors.astype(np.float16)


def join(parts: list[Columns]) -> Columns:
    """The rows of all parts, concatenated."""
    if len(parts) == 1:
        return parts[0]
    return Columns(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.characters for part in parts]),
        np.concatenate([part.games for part in parts]),
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )


def ordered(columns: Columns) -> Columns:
    """The same clips, sorted."""
    order = np.lexsort((columns.ids, columns.characters, columns.games))
    return columns if (order == np.arange(len(order))).all() else columns.take(order)


def ranges(columns: Columns | Runs, games: Ids, characters: Ids | None = None) -> tuple[Rows, Rows]:
    """First row and end of each game's clips, (m,) and (m,); with `characters` (m,), those of each character, where
    `games` (m,) are the characters' games.
    """
    first, end = columns.games.searchsorted(games, "left"), columns.games.searchsorted(games, "right")
    if characters is None or not len(columns.games):
        return first, end
    for place, (low, high, character) in enumerate(zip(first.tolist(), end.tolist(), characters, strict=True)):
        within = columns.characters[low:high]
        first[place] = low + within.searchsorted(character, "left")
        end[place] = low + within.searchsorted(character, "right")
    return first, end


class ById:
    """The rows of clips by their ids."""

    def __init__(self, ids: Ids) -> None:
        self._order = np.argsort(ids)
        self._known = ids[self._order]

    def rows(self, ids: Ids) -> Rows:
        """The row of each clip, (n,); -1 for one that is not there."""
        if not len(self._known):
            return np.full(len(ids), -1, np.int64)
        places = np.minimum(np.searchsorted(self._known, ids), len(self._known) - 1)
        return np.where(self._known[places] == ids, self._order[places], -1)
