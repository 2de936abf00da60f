"""Same role, same actor in another role, sound-alike, or different: arrays in, probabilities out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np

from speaker_search.entities import Case
from speaker_search.search.scoring import Bools
from speaker_search.search.strangers import Doubles

CASES: tuple[Case, ...] = get_args(Case)

#: How far one actor and one role go together before anything is heard: 0 = independent, 1 = the rarer never without
#: the other. A role mostly keeps its actor, but some are recast and some actors sound alike. The middle is assumed: on
#: made voices, where a sixth of what sounds like one role is of two actors, 0.3 to 0.7 differ little and 0 is worse.
TOGETHER = 0.5
NAMESAKE = 0.5  # the prior probability that one name in games of one maker is one role, as linking assumes


@dataclass(frozen=True, eq=False, slots=True)
class Heard:
    """What one space says of n pairs of characters."""

    log_odds: Doubles  # (n,) calibrated, that both are one in this space: one actor, or one role
    share: float  #: of all pairs that are: the prior probability within the log-odds


def four_cases(actor: Heard, role: Heard, namesakes: Bools) -> Doubles:
    """The probabilities (n, 4) of CASES for n pairs of characters; each row sums to 1.

    `actor` is heard in a space that tells actors apart, `role` in one that tells even one actor's roles apart.
    `namesakes` (n,) says which pairs have one name in games of one maker.

    By Bayes' rule, P(case) is proportional to prior(case) * A if the case is of one actor * R if it is of one role's
    sound, with the likelihood ratios A = exp(actor.log_odds) / odds(actor.share) and R likewise:

        same_role    prior * A * R      same_actor   prior * A
        sound_alike  prior * R          different    prior

    The priors keep both shares a and r: same_role = a r + TOGETHER * (min(a, r) - a r), same_actor = a - same_role,
    sound_alike = r - same_role, and different is the rest. With TOGETHER = 0 the formula would be the product of the
    two probabilities. That is wrong: somebody who sounds like one role is mostly the same actor, so a doubtful actor
    with a sure role is not a sound-alike. For namesakes the prior of same_role is NAMESAKE, at least, and the others
    shrink alike; what is heard can still overrule a name.

    Limits: the spaces hear the same clips, so their errors are less independent than the product of A and R takes them
    for. A role that was recast with another actor is at best a sound-alike, since no actor is common to both.
    """
    a, r = actor.share, role.share
    same_role = a * r + TOGETHER * (min(a, r) - a * r)
    prior = np.array([same_role, a - same_role, r - same_role, 1 - a - r + same_role])
    named = np.array([NAMESAKE, *(prior[1:] * (1 - NAMESAKE) / (1 - same_role))])
    priors = np.where(np.asarray(namesakes)[:, None] & (same_role < NAMESAKE), named, prior)
    one_actor = (actor.log_odds - _log_odds(a))[:, None]
    one_role = (role.log_odds - _log_odds(r))[:, None]
    log = np.log(priors) + one_actor * np.array([1, 1, 0, 0]) + one_role * np.array([1, 0, 1, 0])
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))
