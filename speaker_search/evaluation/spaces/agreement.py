"""Two spaces asked about the pairs of characters whose answer people or credits have given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from speaker_search.cast.linking import DOUBLED
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Ids, Verdict
from speaker_search.evaluation.metrics import Bools
from speaker_search.search.calibration import Calibration
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import s_norm
from speaker_search.search.strangers import Doubles

MAX_PAIRS = 2_000_000  # of credited characters: of more, that many and all of one actor, the same ones every time
PAIRS_AT_A_TIME = 100_000


@dataclass(frozen=True, eq=False, slots=True)
class KnownPairs:
    """Pairs (p) of characters, by their rows, whose answer is known."""

    one: Ids  # (p,)
    other: Ids  # (p,)
    same: Bools  # (p,) whether they are one voice
    verdict: Bools  # (p,) whether a person said so; otherwise it follows from credits
    voices: Ids  # (p,) the voice that each pair is counted for

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, eq=False, slots=True)
class Agreement:
    """What two spaces say of known pairs (p)."""

    before: Doubles  # (p,) log-odds of one voice, by each space's own calibration
    after: Doubles  # (p,)
    before_right: Bools  # (p,)
    after_right: Bools  # (p,)
    better: int  #: voices of which the second space has more pairs right
    worse: int  #: voices of which it has fewer right
    chance: float  #: the probability that as many are worse, or more, if both spaces are equally good


def known_pairs(
    ids: Ids,
    games: Ids,
    verdicts: Iterable[Verdict],
    actors: Mapping[int, int],
    said: Groups,
    *,
    most: int = MAX_PAIRS,
) -> KnownPairs:
    """The pairs of these characters (C,), given by id and game, that standing verdicts answer, or credits alone.

    Credits answer pairs of different games: `actors` gives characters' only actors. A pair is counted for the voice of
    its first character, as verdicts and credits together (`said`) group them.
    """
    row_of = {id_: row for row, id_ in enumerate(ids.tolist())}
    judged: dict[tuple[int, int], bool] = {}
    for verdict in verdicts:
        one, other = row_of.get(verdict.one_id), row_of.get(verdict.other_id)
        if one is not None and other is not None and one != other:  # which have been merged since
            judged[min(one, other), max(one, other)] = verdict.same
    credited = np.array([row for id_, row in row_of.items() if id_ in actors], np.int64)
    spoken = np.array([actors[id_] for id_ in ids[credited].tolist()], np.int64)
    by_people = np.array([*judged], np.int64).reshape(-1, 2)
    left, right = _pairs(spoken, most)
    number = credited[left] * len(ids) + credited[right]  # of a pair, to find those that people have judged
    kept = (games[credited[left]] != games[credited[right]]) & ~np.isin(number, by_people @ [len(ids), 1])
    left, right = left[kept], right[kept]
    firsts = np.concatenate([by_people[:, 0], credited[left]])
    return KnownPairs(
        firsts,
        np.concatenate([by_people[:, 1], credited[right]]),
        np.concatenate([np.array([*judged.values()], np.bool_), spoken[left] == spoken[right]]),
        np.arange(len(firsts)) < len(judged),
        np.array([said.group_of(id_) for id_ in ids.tolist()], np.int64)[firsts],
    )


def agreement(before: Profiles, after: Profiles, known: KnownPairs) -> Agreement | None:
    """Ask two spaces that hold the same characters about known pairs, each at its own threshold.

    None where one of them is not calibrated. Pairs of one voice are not independent, so voices are counted, not pairs:
    by the sign test (Dixon and Mood 1946), one-sided.
    """
    if before.pairs is None or after.pairs is None:
        return None
    old, new = _log_odds(before, before.pairs, known), _log_odds(after, after.pairs, known)
    threshold = np.where(before.game_ids[known.one] == before.game_ids[known.other], DOUBLED, 0.0)
    old_right, new_right = (old >= threshold) == known.same, (new >= threshold) == known.same
    gains = new_right.astype(np.float64) - old_right
    net = np.bincount(np.unique(known.voices, return_inverse=True)[1], gains)
    better, worse = int((net > 0).sum()), int((net < 0).sum())
    return Agreement(old, new, old_right, new_right, better, worse, sign_test(worse, better))


def sign_test(worse: int, better: int) -> float:
    """The probability that at least `worse` of worse + better coins fall on one side."""
    both = worse + better
    return float(sum(math.comb(both, count) for count in range(worse, both + 1)) / 2**both)


def _pairs(actors: Ids, most: int) -> tuple[Ids, Ids]:
    """Pairs (p,) and (p,) of places of credited characters, the lower one first: all pairs of one actor, and those of
    different ones, or at most about `most` of these.
    """
    count = len(actors)
    if count * (count - 1) // 2 <= most:
        pairs = np.stack(np.triu_indices(count, 1))
        return pairs[0], pairs[1]
    drawn = np.random.default_rng(0).integers(count, size=(2, most))
    order = np.argsort(actors, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(actors[order])) + 1)
    same = [group[np.stack(np.triu_indices(len(group), 1))] for group in groups]
    pairs = np.unique(np.sort(np.concatenate([drawn[:, drawn[0] != drawn[1]], *same], axis=1), axis=0), axis=1)
    return pairs[0], pairs[1]


def _log_odds(profiles: Profiles, calibration: Calibration, known: KnownPairs) -> Doubles:
    found = np.empty(len(known))
    for start in range(0, len(known), PAIRS_AT_A_TIME):
        part = slice(start, start + PAIRS_AT_A_TIME)
        one, other = profiles.as_pairs.of(known.one[part]), profiles.as_pairs.of(known.other[part])
        cosines = np.einsum("nd,nd->n", one.vectors, other.vectors)
        found[part] = calibration.log_odds(s_norm(cosines, one.cohorts, other.cohorts))
    return found
