"""The characters of a space, aggregated over their clips: sums, counts, audio, and how clips scatter around them.

All of it is exact. A clip counts as float16, and a float64 holds the sum of millions of those without rounding; the
scatter counts multiples of 2^-14, whose products add up to less than 2^53. Audio is counted in whole milliseconds. So
following the change log step by step equals a rebuild bit for bit, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns

BLOCK = 65_536  # clips at a time, in float64
STEPS = 2.0**14  # per unit: the scatter counts vector elements in these steps
SAVED = ("ids", "games", "counts", "milliseconds", "sums", "moment")

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Characters:
    """Characters (C) with at least one embedded clip, by id, at one position of the change log."""

    position: int
    ids: Ids  # (C,)
    games: Ids  # (C,)
    counts: Ids  # (C,) embedded clips of each
    milliseconds: Ids  # (C,) of embedded audio; each clip is rounded to whole ones, so sums are exact in any order
    sums: Doubles  # (C, dim) of their vectors
    moment: Doubles  # (dim, dim) sum over all their clips of the vector's outer product with itself, in steps squared

    def __len__(self) -> int:
        return len(self.ids)

    def apply(self, delta: Delta) -> Characters:
        """The characters after a step of the change log."""
        less = _of(delta.removed, delta.position)
        more = _of(delta.added, delta.position)
        ids, place = np.unique(np.concatenate([self.ids, less.ids, more.ids]), return_inverse=True)
        own, removed, added = np.split(place, [len(self), len(self) + len(less)])
        games = np.zeros(len(ids), np.int64)
        counts = np.zeros(len(ids), np.int64)
        milliseconds = np.zeros(len(ids), np.int64)
        sums = np.zeros((len(ids), self.sums.shape[1]), np.float64)
        for part, where, sign in ((self, own, 1), (less, removed, -1), (more, added, 1)):
            games[where] = part.games
            counts[where] += sign * part.counts
            milliseconds[where] += sign * part.milliseconds
            sums[where] += sign * part.sums
        kept = counts > 0
        moment = self.moment - less.moment + more.moment
        return Characters(delta.position, ids[kept], games[kept], counts[kept], milliseconds[kept], sums[kept], moment)

    def scatter(self) -> Doubles:
        """The covariance (dim, dim) of clips around the mean of their character, pooled over all characters."""
        within = self.moment / STEPS**2 - (self.sums / self.counts[:, None]).T @ self.sums
        return np.asarray(within / max(1, int(self.counts.sum()) - len(self)), np.float64)


def of_clips(clips: Columns, position: int) -> Characters:
    """The characters of all clips of a space."""
    found = none(clips.dim, position)
    for start in range(0, len(clips), BLOCK):
        part = clips.take(np.arange(start, min(start + BLOCK, len(clips))))
        found = found.apply(Delta(position, columns.none(clips.dim), part))
    return found


def write(characters: Characters, path: Path) -> None:
    """Write them to a file, without their position."""
    np.savez(path, allow_pickle=False, **{name: getattr(characters, name) for name in SAVED})


def read(path: Path, position: int) -> Characters:
    """Those in a file that `write` has written."""
    with np.load(path, allow_pickle=False) as file:
        return Characters(position, *(file[name] for name in SAVED))


def none(dim: int, position: int = 0) -> Characters:
    """No characters."""
    nothing = np.empty(0, np.int64)
    return Characters(position, nothing, nothing, nothing, nothing, np.empty((0, dim)), np.zeros((dim, dim)))


def _of(clips: Columns, position: int) -> Characters:
    """The characters of a few clips, those of unknown speakers left out."""
    named = clips.named()
    named = named.take(np.argsort(named.characters, kind="stable"))
    vectors = named.vectors.astype(np.float64)
    ids, first, counts = np.unique(named.characters, return_index=True, return_counts=True)
    lengths = np.rint(named.seconds.astype(np.float64) * 1_000).astype(np.int64)  # in milliseconds
    if len(ids):
        sums, milliseconds = np.add.reduceat(vectors, first, axis=0), np.add.reduceat(lengths, first)
    else:  # reduceat needs at least one range
        sums, milliseconds = np.empty((0, clips.dim)), lengths
    steps = np.rint(vectors * STEPS)
    games, counts = named.games[first], counts.astype(np.int64)
    return Characters(position, ids, games, counts, milliseconds, sums, steps.T @ steps)
