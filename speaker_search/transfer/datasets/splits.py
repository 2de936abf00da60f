"""Which clips go into a data set, and into which split: arrays in, arrays out.

Characters that are one person are one speaker, and so are those that share a recording, unless many do. A speaker is in
one split alone, and who may be a speaker of another split is left out; when splits are made by game, every game is in
one split alone, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
By = Literal["voice", "game"]

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
MOST_SHARING = 4  # characters: a sound that more have is a breath or an effect, and says nothing about who they are
MAY_BE_HELD_OUT = "of a speaker who may be one of another split"


@dataclass(frozen=True, slots=True)
class Lines:
    """Clips (n) of known characters, by id."""

    ids: Ids  # (n,)
    characters: Ids  # (n,)
    games: Ids  # (n,)
    seconds: Doubles  # (n,)
    sounds: Ids  # (n,) equal numbers are the same audio

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clips are wanted."""

    min_seconds: float = 0.0
    max_seconds: float = np.inf
    min_clips: int = 1  #: of a character, after all else was left out
    excluded: dict[str, Ids] = field(default_factory=dict)  #: ids of clips, by the reason why they are left out
    within: Bools | None = None  #: (n,) those of the makers and games asked for


@dataclass(frozen=True, slots=True)
class Shares:
    """How clips are divided."""

    by: By = "voice"
    validation: float = 0.05
    test: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The clips of a data set (k), by split and id."""

    rows: Ids  # (k,) of the lines
    splits: Ids  # (k,) TRAIN, VALIDATION or TEST
    speakers: Ids  # (k,) the lowest id of the speaker's characters
    left_out: dict[str, int]  #: how many clips, by reason


def planned(lines: Lines, voices: Iterable[Sequence[int]], may_be: Ids, wanted: Wanted, shares: Shares) -> Plan:
    """The plan for all lines of a catalog. `voices` are characters (ids) that are one person, and `may_be` (m, 2) those
    that may be.
    """
    left_out: dict[str, int] = {}
    kept = np.ones(len(lines), np.bool_) if wanted.within is None else wanted.within.copy()

    def drop(reason: str, which: Bools) -> None:
        count = int((kept & which).sum())
        if count:
            left_out[reason] = count
        np.logical_and(kept, ~which, out=kept)

    drop("shorter than wanted", lines.seconds < wanted.min_seconds)
    drop("longer than wanted", lines.seconds > wanted.max_seconds)
    for reason, ids in wanted.excluded.items():
        drop(reason, np.isin(lines.ids, ids))
    drop("of a sound that many characters share", _common(lines))
    drop("the same audio as another clip", _repeats(lines.sounds, kept))
    speakers = speakers_of(lines, voices)
    splits = np.full(len(lines), TRAIN)
    rows = np.flatnonzero(kept)
    if shares.by == "game":
        splits[rows], crossing = _by_game(lines.games[rows], speakers[rows], shares)
        drop("of a speaker who is heard in games of another split", _at(rows[crossing], len(lines)))
        rows = np.flatnonzero(kept)
    else:
        splits[rows] = _divided(speakers[rows], shares)
    named, first = np.unique(lines.characters, return_index=True)
    pairs = may_be[np.isin(may_be, named).all(axis=1)]
    doubtful = _doubtful(speakers[rows], splits[rows], speakers[first[np.searchsorted(named, pairs)]])
    drop(MAY_BE_HELD_OUT, _at(rows[doubtful], len(lines)))
    _, place, counts = np.unique(lines.characters[kept], return_inverse=True, return_counts=True)
    few = np.flatnonzero(kept)[(counts < wanted.min_clips)[place]]
    drop("of a character with too few clips", _at(few, len(lines)))
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((lines.ids[rows], splits[rows]))]
    return Plan(rows, splits[rows], speakers[rows], left_out)


def speakers_of(lines: Lines, voices: Iterable[Sequence[int]]) -> Ids:
    """The speaker (n,) of each line: the lowest id of the characters that are connected by voices and recordings."""
    from scipy.sparse import coo_array  # type: ignore[import-untyped]  # takes a tenth of a second to import
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

    characters, place = np.unique(lines.characters, return_inverse=True)
    order = np.argsort(lines.sounds, kind="stable")
    alike = (lines.sounds[order][1:] == lines.sounds[order][:-1]) & ~_common(lines)[order][1:]
    pairs = [np.column_stack([place[order][1:][alike], place[order][:-1][alike]])]
    held = set(characters.tolist())
    for voice in voices:
        there = np.searchsorted(characters, sorted(held.intersection(voice)))
        pairs.append(np.array(list(pairwise(there.tolist())), np.int64).reshape(-1, 2))
    one, other = np.concatenate(pairs).T
    size = len(characters)
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), (size, size))
    _, group = connected_components(graph, directed=False)
    lowest = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(lowest, group, characters)
    return np.asarray(lowest[group[place]], np.int64)


def _common(lines: Lines) -> Bools:
    """Which lines (n,) have a sound of more than MOST_SHARING characters."""
    sounds, place = np.unique(lines.sounds, return_inverse=True)
    pairs = np.unique(np.column_stack([place, lines.characters]), axis=0)
    return np.asarray(np.bincount(pairs[:, 0], minlength=len(sounds))[place] > MOST_SHARING, np.bool_)


def _repeats(sounds: Ids, kept: Bools) -> Bools:
    """Which of the kept lines (n,) have the sound of one before."""
    rows = np.flatnonzero(kept)
    _, first = np.unique(sounds[rows], return_index=True)
    return _at(np.delete(rows, first), len(sounds))


def _at(rows: Ids, size: int) -> Bools:
    """Which of that many are these rows."""
    found = np.zeros(size, np.bool_)
    found[rows] = True
    return found


def _doubtful(speakers: Ids, splits: Ids, may_be: Ids) -> Bools:
    """Which lines (k,) are of a speaker who may be one of a later split, by pairs of speakers (m, 2): what is held out
    stays.
    """
    there, first = np.unique(speakers, return_index=True)
    pairs = may_be[np.isin(may_be, there).all(axis=1)]
    one, other = splits[first[np.searchsorted(there, pairs)]].T
    before = np.where(one < other, pairs[:, 0], pairs[:, 1])
    return np.isin(speakers, before[one != other])


def _divided(of: Ids, shares: Shares) -> Ids:
    """The split (k,) of each line, from what it is of: all lines of one are in one split."""
    names, place, sizes = np.unique(of, return_inverse=True, return_counts=True)
    order = np.random.default_rng(shares.seed).permutation(len(names))
    splits = np.full(len(names), TRAIN)
    for split, share in ((TEST, shares.test), (VALIDATION, shares.validation)):
        room = round(share * len(of))
        for one in order.tolist():
            if splits[one] == TRAIN and sizes[one] <= room:
                splits[one] = split
                room -= int(sizes[one])
    return splits[place]


def _by_game(games: Ids, speakers: Ids, shares: Shares) -> tuple[Ids, Bools]:
    """The split (k,) of each line by its game, and which lines are left out, because their speaker is in another split.

    A speaker stays in the split that has most of their lines; of equal ones in the first.
    """
    splits = _divided(games, shares)
    names, place = np.unique(speakers, return_inverse=True)
    counts = np.zeros((len(names), len(SPLITS)), np.int64)
    np.add.at(counts, (place, splits), 1)
    return splits, splits != counts.argmax(axis=1)[place] if len(names) else np.zeros(0, np.bool_)
