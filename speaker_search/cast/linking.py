"""Linking characters into voices: average linkage with cannot-link, without a matrix of all pairs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids
from speaker_search.search.profiles.neighbours import neighbours
from speaker_search.search.profiles.profiles import Sounding
from speaker_search.search.scoring import Bools

Doubles = npt.NDArray[np.float64]
LogOdds = Callable[[Doubles], Doubles]
Bonus = Callable[[Doubles], Doubles]

#: Two characters of one game are rarely one actor, so groups that share a game must reach this by their scores alone.
#: In eight catalogs of 52 to 239 characters, acted and read, no pair of strangers in one game reaches more than 2.3.
#: Where games were made one, 17 and 19 of 22 doublings of read voices were found, 9 of 22 acted ones; one was wrong.
DOUBLED = 3.0
GONE = NOBODY = -1  # in place of the age of a group that was merged into another, and of an actor


NO_PAIRS = np.empty((0, 2), np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """What is known of rows before any score is looked at: pairs (n, 2) of them, and actors."""

    together: Ids  #: begin as one group, even in one game
    apart: Ids  #: never end in one group, also not through a third
    namesakes: Ids  #: of one name in games of one maker: pairs of different games
    alike: float = 0.0  #: the log-odds that a name in common adds, at least as much as the bonus
    actors: Ids = field(default_factory=lambda: NO_PAIRS)  #: rows with numbers >= 0: two numbers never end in one group


@dataclass(frozen=True, eq=False, slots=True)
class Start:
    """Groups to begin with: those that are not near a character linked anew do not change."""

    labels: Ids  # (C,) the lowest row of each character's group
    anew: Bools  # (C,) linked anew: in no group yet


NOTHING_GIVEN = Given(NO_PAIRS, NO_PAIRS, NO_PAIRS)


def link(
    sounding: Sounding,
    games: Ids,
    log_odds: LogOdds,
    bonus: Bonus,
    floors: tuple[float, float],
    least: float,
    given: Given = NOTHING_GIVEN,
    start: Start | None = None,
) -> Ids:
    """Group characters; returns labels (C,), each the lowest row in its group.

    Agglomerative clustering by average linkage (UPGMA, Sokal and Michener 1958): the two groups with the highest
    evidence are merged first, as long as it reaches `least`. The evidence is the `log_odds` of their mean score, plus
    the `bonus` for the pairs between them or what a name in common adds, whichever is more. Groups that share a game
    get neither, and their score must exceed `least` by DOUBLED. What is `given` holds whatever the scores are.

    `floors` are the lowest scores that the greatest bonus lifts to `least`, between games and within one. Pairs below
    are skipped, except namesakes, since no mean exceeds its highest score.

    A score is a cosine, shifted and scaled by character, so the mean score of two groups can be computed from sums over
    each. Memory therefore grows with the pairs above the floor, not with the square of the number of characters.

    With a `start`, a whole group is linked anew, too, when one of its members would alone be linked to a character
    that is linked anew. Only scores of characters that are linked anew are looked at, so two other groups are compared
    only if such a character is near both.
    """
    groups = _Groups(sounding, games, bonus, given)
    waiting: list[_Merge] = []
    anew = np.arange(len(games))
    if start is not None:
        start = _with_likely(start, sounding, games, log_odds, floors, least)
        anew = np.flatnonzero(start.anew)
        groups.begin_with(start.labels)
    for rows, first, second, scores in neighbours(sounding, games, floors, anew):
        groups.neighbours(rows, first, second)
        if start is not None:
            groups.neighbours_of_others(first, second, start.anew)
            continue
        evidence = log_odds(scores) - np.where(games[first] == games[second], DOUBLED, 0.0)
        # Both directions: where neighbours are bounded, a pair may be among those of one side only.
        for place in np.flatnonzero(evidence >= least).tolist():
            low, high = sorted((int(first[place]), int(second[place])))
            if groups.allowed(low, high):
                waiting.append(groups.merge_of(low, high, evidence[place], scores[place]))
    heapq.heapify(waiting)

    def reconsider(one: int, others: Ids) -> None:
        others = groups.allowed_among(one, others)
        scores, pairs = groups.between(one, others)
        evidence = log_odds(scores) + groups.beyond_scores(one, others, pairs)
        for place in np.flatnonzero(evidence >= least).tolist():
            low, high = sorted((one, int(others[place])))
            heapq.heappush(waiting, groups.merge_of(low, high, evidence[place], scores[place]))

    if start is not None:
        for row in anew.tolist():
            reconsider(row, groups.near(row))
    for one, other in given.namesakes.tolist():
        left, right = int(groups.labels[one]), int(groups.labels[other])
        if start is None or ((start.anew[one] or start.anew[other]) and left != right):
            groups.add_neighbour(left, right)
            reconsider(left, np.array([right], np.int64))
    for one, other in given.together.tolist():
        low, high = sorted((int(groups.labels[one]), int(groups.labels[other])))
        if low != high:
            reconsider(low, groups.join(low, high))
    while waiting:
        merge = heapq.heappop(waiting)
        if groups.stands(merge):  # otherwise one of the two has grown since, or is gone
            reconsider(merge.one, groups.join(merge.one, merge.other))
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

    def __init__(self, sounding: Sounding, games: Ids, bonus: Bonus, given: Given) -> None:
        count = len(games)
        self.labels = np.arange(count)
        self._bonus = bonus
        self._age = [0] * count  # how often a group has grown
        self._members = [[row] for row in range(count)]
        self._games = [{game} for game in games.tolist()]
        self._near = [np.empty(0, np.int32)] * count
        self._barred = partners_of(given.apart)
        self._actors = np.full(count, NOBODY)
        self._actors[given.actors[:, 0]] = given.actors[:, 1]
        self._namesakes = partners_of(given.namesakes)
        self._alike = given.alike
        spreads = np.asarray(sounding.cohort_spreads, np.float64)
        self._vectors = np.asarray(sounding.vectors, np.float64)
        self._scaled = self._vectors / spreads[:, None]
        self._shifts = sounding.cohort_means / spreads
        self._sizes = np.ones(count)

    def neighbours(self, rows: Ids, first: Ids, second: Ids) -> None:
        """Note which characters score above the floor with each of these rows; the pairs are sorted by row."""
        for row, near in zip(rows.tolist(), np.split(second, np.searchsorted(first, rows[1:])), strict=True):
            self._near[row] = near.astype(np.int32)

    def neighbours_of_others(self, first: Ids, second: Ids, anew: Bools) -> None:
        """Note the same for the groups of those `second` characters whose scores are not looked at."""
        others = ~anew[second]
        roots, rows = self.labels[second[others]], first[others]
        order = np.argsort(roots, kind="stable")
        bounds = np.flatnonzero(np.diff(roots[order], prepend=-1))
        for near in np.split(order, bounds[1:]) if len(order) else ():
            root = int(roots[near[0]])
            self._near[root] = np.append(self._near[root], rows[near].astype(np.int32))

    def near(self, one: int) -> Ids:
        """The groups (n,) that have members near a group."""
        groups = np.unique(self.labels[self._near[one]])
        return np.asarray(groups[groups != one], np.int64)

    def begin_with(self, labels: Ids) -> None:
        """Merge each character into the group that it is in to begin with."""
        for row in np.flatnonzero(labels != np.arange(len(labels))).tolist():
            self._absorb(int(labels[row]), row)

    def add_neighbour(self, one: int, other: int) -> None:
        """Note that two characters are to be compared, whatever their score."""
        self._near[one] = np.append(self._near[one], np.int32(other))
        self._near[other] = np.append(self._near[other], np.int32(one))

    def merge_of(self, one: int, other: int, evidence: float, score: float) -> _Merge:
        return _Merge(-float(evidence), -float(score), one, other, (self._age[one], self._age[other]))

    def stands(self, merge: _Merge) -> bool:
        """Whether neither group has changed since the merge was noted."""
        return (self._age[merge.one], self._age[merge.other]) == merge.ages

    def allowed(self, one: int, other: int) -> bool:
        """Whether no member of one group is known to be a different person from a member of the other."""
        actors = {self._actors[one], self._actors[other], NOBODY}
        barred = self._barred.get(one)
        return len(actors) < 3 and (barred is None or barred.isdisjoint(self._members[other]))

    def allowed_among(self, one: int, others: Ids) -> Ids:
        """Those of the others that a group is allowed to be merged with."""
        if self._actors[one] != NOBODY:
            actors = self._actors[others]
            others = others[(actors == NOBODY) | (actors == self._actors[one])]
        if one not in self._barred:
            return others
        return np.array([other for other in others.tolist() if self.allowed(one, other)], np.int64)

    def join(self, one: int, other: int) -> Ids:
        """Merge `other` into `one`; returns its neighbours (n,)."""
        self._near[one] = np.concatenate([self._near[one], self._near[other]])
        self._absorb(one, other)
        self._near[one] = self.near(one).astype(np.int32)
        return self._near[one].astype(np.int64)

    def _absorb(self, one: int, other: int) -> None:
        self.labels[self._members[other]] = one
        self._members[one] += self._members[other]
        self._games[one] |= self._games[other]
        for partners in (self._barred, self._namesakes):
            if other in partners:
                partners[one] = partners.get(one, set()) | partners.pop(other)
        self._actors[one] = max(self._actors[one], self._actors[other])  # both where both have one
        for sums in (self._vectors, self._scaled, self._shifts, self._sizes):
            sums[one] += sums[other]
        self._age[one] += 1
        self._age[other] = GONE

    def between(self, one: int, others: Ids) -> tuple[Doubles, Doubles]:
        """The mean scores (n,) of a group with others, and the number of pairs in each."""
        sizes, own = self._sizes[others], self._sizes[one]
        by_own = self._vectors[others] @ self._scaled[one] - sizes * self._shifts[one]
        by_other = self._scaled[others] @ self._vectors[one] - own * self._shifts[others]
        return (by_own + by_other) / (2 * sizes * own), sizes * own

    def beyond_scores(self, one: int, others: Ids, pairs: Doubles) -> Doubles:
        """What the number of pairs, names and games say of a group with others (n,), in log-odds."""
        games, namesakes = self._games[one], self._namesakes.get(one)
        said = self._bonus(pairs)
        for place, other in enumerate(others.tolist()):
            if namesakes is not None and not namesakes.isdisjoint(self._members[other]):
                said[place] = max(said[place], self._alike)
            if not games.isdisjoint(self._games[other]):
                said[place] = -DOUBLED
        return said


def partners_of(pairs: Ids) -> dict[int, set[int]]:
    """The rows that each row is paired with."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in pairs.tolist():
        found[one].add(other)
        found[other].add(one)
    return dict(found)


def _with_likely(
    start: Start, sounding: Sounding, games: Ids, log_odds: LogOdds, floors: tuple[float, float], least: float
) -> Start:
    """The same, with the groups added that have a member who alone would be linked to somebody linked anew."""
    touched = np.zeros(len(games), np.bool_)
    for _, first, second, scores in neighbours(sounding, games, floors, np.flatnonzero(start.anew)):
        likely = (log_odds(scores) >= least) & (games[first] != games[second])
        touched[start.labels[second[likely]]] = True
    anew = start.anew | touched[start.labels]
    return Start(np.where(anew, np.arange(len(games)), start.labels), anew)
