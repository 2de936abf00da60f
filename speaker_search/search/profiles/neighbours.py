"""Which characters score high with which: the few pairs of a catalog that could be linked, out of all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.profiles.profiles import Sounding
from speaker_search.search.scoring import Bools, blocks, s_norm
from speaker_search.search.strangers import Doubles

MOST_NEIGHBOURS = 256  # of a character, the nearest: bounds the memory in large catalogs
ROUNDING = 1e-5  # more than float32 is wrong by in a cosine


def neighbours(
    sounding: Sounding, games: Ids, floors: tuple[float, float], wanted: Ids
) -> Iterator[tuple[Ids, Ids, Ids, Doubles]]:
    """Pairs (first, second) of the `wanted` rows with all whose score reaches its floor, in blocks of these rows.

    `floors` are those between games and, at least as high, within one. Yields the rows of a block, and its pairs with
    their scores, sorted by row. All cosines are computed, but scores only where a cosine is high enough for one.
    """
    count, means, spreads = len(games), sounding.cohort_means, sounding.cohort_spreads
    lowest = _lowest_cosines(sounding, floors[0])
    for part in blocks(len(wanted), count):
        rows = wanted[part]
        cosines = sounding.vectors[rows] @ sounding.vectors.T
        places = np.flatnonzero(cosines >= lowest[rows, None])
        first, second = rows[places // count], places % count
        scores = s_norm(cosines.ravel()[places], (means[first], spreads[first]), (means[second], spreads[second]))
        floor = np.where(games[first] == games[second], floors[1], floors[0])
        kept = np.flatnonzero((scores >= floor) & (first != second))
        kept = kept[_nearest(first[kept], scores[kept])]
        yield rows, first[kept], second[kept], scores[kept].astype(np.float64)


def _lowest_cosines(sounding: Sounding, floor: float) -> Floats:
    """A cosine (C,) that each character has at least with any other where their score reaches the floor.

    The cosine that gives two characters a certain score is the mean of those that would give it with both cohorts equal
    to the one's or to the other's, weighted by the inverse of the spreads.
    """
    if not len(sounding.vectors) or not np.isfinite(floor):
        return np.full(len(sounding.vectors), floor, np.float32)
    needed, weights = sounding.cohort_means + floor * sounding.cohort_spreads, 1 / sounding.cohort_spreads
    lowest = (weights * needed + weights.max() * needed.min()) / (weights + weights.max())
    return np.asarray(lowest - ROUNDING, np.float32)


def _nearest(rows: Ids, scores: Floats) -> Bools:
    """Which scores (p,) are among the highest of their row (p,); the pairs are sorted by row."""
    kept = np.ones(len(rows), np.bool_)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    for start, size in zip(starts[sizes > MOST_NEIGHBOURS], sizes[sizes > MOST_NEIGHBOURS], strict=True):
        own = scores[start : start + size]
        kept[start : start + size] = own >= np.partition(own, size - MOST_NEIGHBOURS)[size - MOST_NEIGHBOURS]
    return kept
