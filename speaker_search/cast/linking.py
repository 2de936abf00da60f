"""Linking characters into voices: average linkage with cannot-link, without a matrix of all pairs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids
from speaker_search.search.profiles.profiles import Sounding
from speaker_search.search.scoring import blocks, normalised

Doubles = npt.NDArray[np.float64]
LogOdds = Callable[[Doubles], Doubles]

#: A voice with many roles is recognised by all of them together: each doubling of the pairs that agree is worth this
#: much log-odds ...
DOUBLING = 1.5
#: ... up to this many pairs. An unlimited bonus would join large groups that have little in common: in a simulated
#: catalog of 720 characters, whose actors have up to 40 roles, it cost a third of B-cubed F1.
MOST_PAIRS = 8
GONE = -1  # the age of a group that was merged into another
MOST_NEIGHBOURS = 256  # of a character, the nearest: bounds the memory in large catalogs


def bonus(pairs: npt.ArrayLike) -> Doubles:
    """What the agreement of that many pairs of characters adds to the log-odds of their mean score."""
    return np.asarray(DOUBLING * np.log2(np.minimum(pairs, MOST_PAIRS)), np.float64)


def link(sounding: Sounding, games: Ids, log_odds: LogOdds, floor: float, least: float) -> Ids:
    """Group characters; returns labels (C,), each the lowest row in its group.

    Agglomerative clustering by average linkage (UPGMA, Sokal and Michener 1958): the two groups with the highest
    evidence are merged first, as long as it reaches `least`. The evidence is the `log_odds` of their mean score plus
    the `bonus` for the pairs between them. Two characters of one game never join one group. Pairs that score below
    `floor` are skipped: even the greatest bonus would not lift them to `least`, and no mean exceeds its highest score.

    A score is a cosine, shifted and scaled by character, so the mean score of two groups can be computed from sums over
    each. Memory therefore grows with the pairs above the floor, not with the square of the number of characters.
    """
    groups = _Groups(sounding, games)
    waiting: list[_Merge] = []
    for rows, first, second, scores in _near(sounding, games, floor):
        groups.neighbours(rows, first, second)
        evidence = log_odds(scores)
        # Both directions: where neighbours are bounded, a pair may be among those of one side only.
        for place in np.flatnonzero(evidence >= least).tolist():
            low, high = sorted((int(first[place]), int(second[place])))
            waiting.append(groups.merge_of(low, high, evidence[place], scores[place]))
    heapq.heapify(waiting)
    while waiting:
        merge = heapq.heappop(waiting)
        if not groups.stands(merge):
            continue  # one of the two has grown since, or is gone
        others, scores, pairs = groups.join(merge.one, merge.other)
        evidence = log_odds(scores) + bonus(pairs)
        for place in np.flatnonzero(evidence >= least).tolist():
            low, high = sorted((merge.one, int(others[place])))
            heapq.heappush(waiting, groups.merge_of(low, high, evidence[place], scores[place]))
    return groups.labels


class _Merge(NamedTuple):
    """Two groups that may be merged; the best merge sorts first."""

    evidence: float  #: negated, so that the strongest sorts first
    score: float  #: negated too; it decides where the table of log-odds is flat, at its upper end
    one: int
    other: int
    ages: tuple[int, int]


class _Groups:
    """Groups of characters, each named by its lowest row, with the sums that give their mean scores."""

    def __init__(self, sounding: Sounding, games: Ids) -> None:
        count = len(games)
        self.labels = np.arange(count)
        self._age = [0] * count  # how often a group has grown
        self._members = [[row] for row in range(count)]
        self._games = [{game} for game in games.tolist()]
        self._near = [np.empty(0, np.int32)] * count
        spreads = np.asarray(sounding.cohort_spreads, np.float64)
        self._vectors = np.asarray(sounding.vectors, np.float64)
        self._scaled = self._vectors / spreads[:, None]
        self._shifts = sounding.cohort_means / spreads
        self._sizes = np.ones(count)

    def neighbours(self, rows: Ids, first: Ids, second: Ids) -> None:
        """Note which characters score above the floor with each of these rows; the pairs are sorted by row."""
        for row, near in zip(rows.tolist(), np.split(second, np.searchsorted(first, rows[1:])), strict=True):
            self._near[row] = near.astype(np.int32)

    def merge_of(self, one: int, other: int, evidence: float, score: float) -> _Merge:
        return _Merge(-float(evidence), -float(score), one, other, (self._age[one], self._age[other]))

    def stands(self, merge: _Merge) -> bool:
        """Whether neither group has changed since the merge was noted."""
        return (self._age[merge.one], self._age[merge.other]) == merge.ages

    def join(self, one: int, other: int) -> tuple[Ids, Doubles, Doubles]:
        """Merge `other` into `one`; its neighbours (n,), their mean scores with it, and the number of pairs in each."""
        self.labels[self._members[other]] = one
        self._members[one] += self._members[other]
        self._games[one] |= self._games[other]
        for sums in (self._vectors, self._scaled, self._shifts, self._sizes):
            sums[one] += sums[other]
        self._age[one] += 1
        self._age[other] = GONE
        groups = np.unique(self.labels[np.concatenate([self._near[one], self._near[other]])])
        self._near[one] = groups[groups != one].astype(np.int32)
        apart = [group for group in self._near[one].tolist() if self._games[group].isdisjoint(self._games[one])]
        near = np.array(apart, np.int64)
        sizes, own = self._sizes[near], self._sizes[one]
        by_own = self._vectors[near] @ self._scaled[one] - sizes * self._shifts[one]
        by_other = self._scaled[near] @ self._vectors[one] - own * self._shifts[near]
        return near, (by_own + by_other) / (2 * sizes * own), sizes * own


def _near(sounding: Sounding, games: Ids, floor: float) -> Iterator[tuple[Ids, Ids, Ids, Doubles]]:
    """Pairs (first, second) of characters of different games whose score reaches the floor, in blocks of rows."""
    count = len(games)
    for part in blocks(count, count):
        rows = np.arange(part.start, part.stop)
        own = sounding.cohort_means[rows], sounding.cohort_spreads[rows]
        scores = normalised(sounding.vectors[rows] @ sounding.vectors.T, own, sounding.cohorts)
        scores[games[rows, None] == games[None]] = -np.inf
        if count > MOST_NEIGHBOURS:
            least = np.partition(scores, count - MOST_NEIGHBOURS, axis=1)[:, count - MOST_NEIGHBOURS]
            scores[scores < least[:, None]] = -np.inf
        first, second = np.nonzero((scores >= floor) & np.isfinite(scores))
        yield rows, rows[first], second, scores[first, second].astype(np.float64)
