"""Credits and voices compared: credits that the voices disagree with, and actors who sound like one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Ids
from speaker_search.search.calibration import Calibration, logistic
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import blocks

MIN_PAIRS = 2  # of two actors' roles: a single pair that sounds alike says little
EVEN = 0.5  # the probability at which voices neither agree nor disagree


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A credit that the voices disagree with; characters by their rows among the profiles."""

    row: int
    roles: int  #: the actor's other roles
    probability: float  #: that it is the voice of these
    role: int  #: the nearest of them
    nearest: int  #: the character of another game, not known to be the actor's, that sounds most like it
    nearest_probability: float
    doubt: float  #: how much likelier the nearest is than the other roles, in log-odds


@dataclass(frozen=True, slots=True)
class Alike:
    """Two actors, by id, who sound like one person."""

    one: int
    other: int
    probability: float
    roles: tuple[int, int]
    pairs: int
    alike: int  #: pairs that are likelier one voice than two by themselves
    shared_games: int


def doubtful(profiles: Profiles, actors: Mapping[int, int]) -> tuple[list[Doubtful], int]:
    """Credits that the voices disagree with, the surest first, and how many could be audited.

    `actors` gives a character's only actor, by id. A credit is doubtful when its character is likelier not the voice of
    the actor's other roles, and some character that is not the actor's sounds more like it.
    """
    if profiles.pairs is None:
        return [], 0
    rows, of = _credited(profiles, actors)
    found, audited = [], 0
    for part in blocks(len(rows), len(profiles)):
        mine = rows[part]
        odds = profiles.pairs.log_odds(profiles.pair_scores(mine))
        for row, row_odds in zip(mine.tolist(), odds, strict=True):
            own = rows[(of == actors[int(profiles.character_ids[row])]) & (rows != row)]
            if not len(own):
                continue
            audited += 1
            one = _audit(profiles, profiles.pairs, row, row_odds, own)
            if one is not None:
                found.append(one)
    return sorted(found, key=lambda one: (-one.doubt, one.row)), audited


def _audit(profiles: Profiles, calibration: Calibration, row: int, odds: np.ndarray, own: Ids) -> Doubtful | None:
    """`odds` (C,) are the log-odds of the character and each other one; `own` are the rows of the actor's others."""
    mean = float(odds[own].mean() + calibration.bonus(len(own)))
    others = odds.copy()
    others[own] = -np.inf
    others[(profiles.game_ids == profiles.game_ids[row]) | profiles.echoes] = -np.inf
    nearest = int(others.argmax())
    doubt = float(others[nearest]) - mean
    if mean >= 0 or not doubt > 0:
        return None
    role = int(own[odds[own].argmax()])
    probabilities = logistic(np.array([mean, others[nearest]]))
    return Doubtful(row, len(own), float(probabilities[0]), role, nearest, float(probabilities[1]), doubt)


def sounding_alike(profiles: Profiles, actors: Mapping[int, int]) -> list[Alike]:
    """Pairs of actors whose roles are likelier one voice than two, the likeliest first.

    Their roles must sound like one voice on average, and at least one pair of them by itself.
    """
    if profiles.pairs is None:
        return []
    rows, of = _credited(profiles, actors)
    people, place = np.unique(of, return_inverse=True)
    count = len(people)
    sums, alike = np.zeros((count, count)), np.zeros((count, count), np.int64)
    for part in blocks(len(rows), len(profiles)):
        scores = profiles.pair_scores(rows[part], rows).astype(np.float64)
        high = profiles.pairs.log_odds(scores) >= 0
        for line, mine in enumerate(place[part].tolist()):
            sums[mine] += np.bincount(place, scores[line], minlength=count)
            alike[mine] += np.bincount(place, high[line], minlength=count).astype(np.int64)
    sizes = np.bincount(place, minlength=count)
    pairs = sizes[:, None] * sizes[None]
    odds = profiles.pairs.log_odds(sums / pairs) + profiles.pairs.bonus(pairs)
    first, second = np.nonzero(np.triu((odds >= 0) & (pairs >= MIN_PAIRS) & (alike > 0), 1))
    games: defaultdict[int, set[int]] = defaultdict(set)
    for row, person in zip(rows.tolist(), of.tolist(), strict=True):
        games[person].add(int(profiles.game_ids[row]))
    found = [
        Alike(
            int(people[one]),
            int(people[other]),
            float(logistic(odds[one, other])),
            (int(sizes[one]), int(sizes[other])),
            int(pairs[one, other]),
            int(alike[one, other]),
            len(games[int(people[one])] & games[int(people[other])]),
        )
        for one, other in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return sorted(found, key=lambda each: (-each.probability, each.one, each.other))


def _credited(profiles: Profiles, actors: Mapping[int, int]) -> tuple[Ids, Ids]:
    """Rows (n,) of characters with one actor, and these (n,). Echoes say nothing by themselves."""
    ids = profiles.character_ids.tolist()
    rows = [row for row, id_ in enumerate(ids) if id_ in actors and not profiles.echoes[row]]
    return np.array(rows, np.int64), np.array([actors[ids[row]] for row in rows], np.int64)
