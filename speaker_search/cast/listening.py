"""Which pairs of characters a person should listen to first: where the answer is likely to change the cast most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from speaker_search import documents
from speaker_search.cast.lines import Lines, closest
from speaker_search.cast.voices import Cast
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Character, Clip, Floats, Ids
from speaker_search.search.calibration import MOST_PAIRS, Calibration, logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import blocks, normalised
from speaker_search.search.strangers import Doubles

LEAST_LOG_ODDS = -4.0  # of two groups being one voice: below, at most one answer in fifty would join them
MOST_PER_BLOCK = 5_000  # pairs of groups looked at closely, of each block of scores
# Of an answer, in characters: below, it is all but certain, and not worth anyone's time. No pair that could still be
# joined is below it, since at LEAST_LOG_ODDS two single characters expect 0.018.
LEAST_CHANGE = 0.01

ANSWERING_S = 5.0  # of a person's time for each pair, besides its two lines
LINES_FOUND = 5  # for this many times the questions wanted: only then is known how long each takes to hear


def to_hear(catalog: Catalog, ready: Ready, cast: Cast, known: Groups, limit: int) -> documents.ListeningQueue:
    """The `limit` questions worth most: those with the greatest expected change for each second they take to answer."""
    profiles = ready.profiles
    found = questions(profiles, _labels(cast, profiles), known, LINES_FOUND * limit)
    heard = [closest(ready, question.one, question.other) for question in found]
    with catalog.read() as connection:
        asked = {int(id_) for question in found for id_ in profiles.character_ids[_ends(question)]}
        named = people.characters_by_id(connection, ready.space, asked)
        spoken = clips_by_id(connection, [id_ for lines in heard if lines for id_ in (lines.one, lines.other)])
    entries = [
        _entry(question, lines, [named[int(id_)] for id_ in profiles.character_ids[_ends(question)]], spoken)
        for question, lines in zip(found, heard, strict=True)
        if lines is not None and lines.one in spoken and lines.other in spoken
    ]
    entries.sort(key=lambda entry: -entry.value)
    return documents.ListeningQueue(encoder=cast.encoder, pairs=entries[:limit], warnings=list(cast.warnings))


def _ends(question: Question) -> Ids:
    return np.array([question.one, question.other], np.int64)


def _labels(cast: Cast, profiles: Profiles) -> Ids:
    """The group of each character (C,): the lowest row in its voice, its own outside one."""
    labels = np.arange(len(profiles))
    for voice in cast.voices:
        rows = np.searchsorted(profiles.character_ids, sorted(one.id for one, _ in voice.members))
        labels[rows] = rows[0]
    return labels


def _entry(question: Question, lines: Lines, ends: list[Character], spoken: dict[int, Clip]) -> documents.ListeningPair:
    """A question in words, with the lines to hear."""
    one, other = (spoken[id_] for id_ in (lines.one, lines.other))
    seconds = ANSWERING_S + (one.seconds or 0.0) + (other.seconds or 0.0)
    few, more = sorted(question.sizes)
    whole = few + more
    if question.joined:
        same = f"Nothing changes: a voice of {whole} characters is confirmed at its weakest link."
        different = f"A voice of {whole} characters falls into {few} and {more}."
    else:
        same = "The two become one voice." if whole == 2 else f"Groups of {few} and {more} characters become one voice."
        different = "Nothing changes: they stay apart for good."
    return documents.ListeningPair(
        one=documents.Character.copy_of(ends[0]),
        other=documents.Character.copy_of(ends[1]),
        probability=question.probability,
        value=question.change / seconds,
        change=question.change,
        seconds=seconds,
        if_same=same,
        if_different=different,
        joined=question.joined,
        sizes=question.sizes,
        lines=[documents.Clip.copy_of(one), documents.Clip.copy_of(other)],
        cosine=lines.cosine,
    )


@dataclass(frozen=True, slots=True)
class Question:
    """Are two groups of characters one voice? Asked of one character of each."""

    one: int  #: row in the profiles, as is the other
    other: int
    probability: float  #: of one voice, from their scores
    joined: bool  #: whether both groups are in one voice of the cast
    sizes: tuple[int, int]  #: characters in each group
    change: float  #: expected of the cast, see `expected_change`


def expected_change(probability: Doubles, joined: bool, one: Doubles, other: Doubles) -> Doubles:
    """By how much an answer on groups of `one` and `other` characters is expected to change the cast, in characters.

    If it changes anything, the B-cubed precision or recall of each character changes by the other group's share of both
    together. That sums to 2 n m / (n + m). An answer that the cast has already changes nothing.
    """
    changing = 1 - probability if joined else probability
    return np.asarray(changing * 2 * one * other / (one + other), np.float64)


def questions(profiles: Profiles, labels: Ids, known: Groups, most: int) -> list[Question]:
    """The `most` questions with the greatest expected change, over groups of characters given by their labels (C,).

    One kind asks whether two groups that were nearly joined are one voice; the other, whether the weakest link inside a
    voice holds. What is known already, directly or through others, is not asked, nor what is expected to change less
    than LEAST_CHANGE, nor whether two characters of one game are one voice. Uncalibrated, it is empty.
    """
    if profiles.pairs is None:
        return []
    heard = np.flatnonzero(~profiles.echoes)
    order = heard[np.argsort(labels[heard], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    found = [pair for pair in _splits(profiles, profiles.pairs, groups, known) if pair.change >= LEAST_CHANGE]
    found += islice(_merges(profiles, profiles.pairs, groups, known), most)
    found.sort(key=lambda pair: (-pair.change, pair.one[0], pair.other[0]))
    return [pair.question(profiles) for pair in found[:most]]


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """Two groups of rows that may or may not be one voice."""

    one: Ids
    other: Ids
    probability: float
    joined: bool

    @property
    def change(self) -> float:
        sizes = np.array(len(self.one), np.float64), np.array(len(self.other), np.float64)
        return float(expected_change(np.array(self.probability), self.joined, *sizes))

    def question(self, profiles: Profiles) -> Question:
        """What is asked: each group is represented by the character that is most like the rest of it."""
        ends = (_central(profiles, self.one, self.other), _central(profiles, self.other, self.one))
        sizes = (len(self.one), len(self.other))
        if ends[0] > ends[1]:
            ends, sizes = ends[::-1], sizes[::-1]
        return Question(*ends, self.probability, self.joined, sizes, self.change)


def _central(profiles: Profiles, group: Ids, other: Ids) -> int:
    """The row of a group most like the rest of it; of one or two characters, the one most like the other group."""
    among = group if len(group) > 2 else other
    scores = _scores(profiles, np.concatenate([group, among]))
    return int(group[scores[: len(group), len(group) :].mean(axis=1).argmax()])


def _scores(profiles: Profiles, rows: Ids) -> Doubles:
    """The scores (n, n) of these characters with each other."""
    some = profiles.as_pairs.of(rows)
    return np.asarray(normalised(some.vectors @ some.vectors.T, some.cohorts, some.cohorts), np.float64)


def _splits(profiles: Profiles, calibration: Calibration, groups: Sequence[Ids], known: Groups) -> Iterator[_Pair]:
    """Each voice cut in two at its weakest link, which is found by average linkage; what is known stays whole."""
    for rows in groups:
        ids = profiles.character_ids[rows].tolist()
        parts: dict[int, list[int]] = {}
        for place, id_ in enumerate(ids):
            parts.setdefault(known.group_of(id_), []).append(place)
        if len(parts) < 2:
            continue
        membership = np.zeros((len(parts), len(rows)))
        for part, places in enumerate(parts.values()):
            membership[part, places] = 1
        sums = membership @ _scores(profiles, rows) @ membership.T
        sizes = membership.sum(axis=1)
        while len(sizes) > 2:
            means = np.triu(sums / np.outer(sizes, sizes), 1) + np.tril(np.full(sums.shape, -np.inf))
            one, other = np.unravel_index(int(means.argmax()), means.shape)
            for held in (membership, sums, sums.T):
                held[one] += held[other]
            membership = np.delete(membership, other, 0)
            sums = np.delete(np.delete(sums, other, 0), other, 1)
            sizes = membership.sum(axis=1)
        log_odds = calibration.log_odds(sums[0, 1:] / sizes.prod()) + calibration.bonus(sizes.prod())
        # Each link of a voice that held when it was looked at makes it likelier that the next one holds, too: by the
        # rule of succession. Otherwise the same large voice would be asked about again and again.
        breaks = float(logistic(-log_odds)[0]) / (1 + len(rows) - len(parts))
        yield _Pair(rows[membership[0] > 0], rows[membership[1] > 0], 1 - breaks, True)


def _merges(profiles: Profiles, calibration: Calibration, groups: Sequence[Ids], known: Groups) -> Iterator[_Pair]:
    """Pairs of groups that may be one voice, the greatest expected change first."""
    sizes = np.array([len(rows) for rows in groups], np.float64)
    games = [set(profiles.game_ids[rows].tolist()) for rows in groups]
    ids = [profiles.character_ids[rows].tolist() for rows in groups]
    first, second, likely = _near(profiles, calibration, groups, sizes)
    changes = expected_change(likely, False, sizes[first], sizes[second])
    for place in np.lexsort((second, first, -changes)).tolist():
        one, other = int(first[place]), int(second[place])
        if games[one].isdisjoint(games[other]) and not known.any_known(ids[one], ids[other]):
            yield _Pair(groups[one], groups[other], float(likely[place]), False)


def _near(
    profiles: Profiles, calibration: Calibration, groups: Sequence[Ids], sizes: Doubles
) -> tuple[Ids, Ids, Doubles]:
    """Pairs of groups (first, second) with their probability of one voice, where it is not too low.

    A score is a cosine, shifted and scaled by character, so the mean score of two groups follows from means over each.
    """
    rows, starts = np.concatenate(groups), np.cumsum([0, *sizes[:-1]]).astype(np.int64)
    some = profiles.as_pairs.of(rows)

    def means(values: Doubles) -> Floats:
        return np.asarray(np.add.reduceat(values, starts, axis=0).T / sizes, np.float32).T

    spreads = some.cohort_spreads.astype(np.float64)
    vectors = means(some.vectors.astype(np.float64))
    scaled = means(some.vectors / spreads[:, None])
    shifts = means(some.cohort_means / spreads)
    left, right = np.hstack([vectors, scaled]), np.hstack([scaled, vectors])
    floors = np.array(
        [calibration.score_at(LEAST_LOG_ODDS - float(calibration.bonus(max(1, n)))) for n in range(MOST_PAIRS + 1)]
    )
    found: list[tuple[Ids, Ids, Doubles]] = []
    for part in blocks(len(groups), len(groups)):
        scores = (left[part] @ right.T - shifts[part, None] - shifts[None]) / 2
        pairs = np.minimum(np.outer(sizes[part], sizes), MOST_PAIRS).astype(np.int8)
        first, second = np.nonzero(scores >= floors.astype(np.float32)[pairs])
        later = first + part.start < second
        first, second = first[later], second[later]
        log_odds = calibration.log_odds(scores[first, second]) + calibration.bonus(
            sizes[first + part.start] * sizes[second]
        )
        first, likely = first + part.start, np.asarray(logistic(log_odds), np.float64)
        if len(first) > MOST_PER_BLOCK:
            changes = expected_change(likely, False, sizes[first], sizes[second])
            kept = np.argsort(-changes, kind="stable")[:MOST_PER_BLOCK]
            first, second, likely = first[kept], second[kept], likely[kept]
        found.append((first, second, likely))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]
