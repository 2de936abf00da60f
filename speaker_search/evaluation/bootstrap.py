"""How far measures would move with other voice actors: 95 % intervals by bootstrap (Efron 1979). Over arrays.

Characters of one actor are not independent, so actors are drawn, with replacement, and each brings all its characters.
What a character contributes is computed once and weighted by how often its actor was drawn: the catalog, the
calibration and the linking stay as they are.
"""

from __future__ import annotations

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.metrics import CALIBRATION_BINS, Bools, Doubles, bins_of

ROUNDS = 1_000
SEED = 0
TAILS = (2.5, 97.5)  # percentiles

Interval = tuple[float, float]


def draws(actors: int) -> Doubles:
    """How often each actor is drawn in each round: (ROUNDS, actors), the same every time."""
    drawn = np.random.default_rng(SEED).multinomial(actors, np.full(actors, 1 / actors), ROUNDS)
    return np.asarray(drawn, np.float64)


def means(drawn: Doubles, actors: Ids, values: Doubles) -> Doubles:
    """The mean of values (n,) in each round, (ROUNDS,); `actors` (n,) says whose each value is.

    Values of nan do not count. nan for a round without any value.
    """
    counted = ~np.isnan(values)
    totals = _sums(drawn, actors[counted], values[counted])
    return _divided(totals, _sums(drawn, actors[counted], np.ones(int(counted.sum()))))


def f1_scores(drawn: Doubles, actors: Ids, precisions: Doubles, recalls: Doubles) -> Doubles:
    """F1 in each round, (ROUNDS,), from the precision and recall of each, (n,) and (n,)."""
    precision, recall = means(drawn, actors, precisions), means(drawn, actors, recalls)
    return _divided(2 * precision * recall, precision + recall)


def pairwise_f1_scores(drawn: Doubles, actors: Ids, right: Doubles, linked: Doubles, true: Doubles) -> Doubles:
    """Pairwise F1 in each round, (ROUNDS,), from each one's pairs (n,) (see metrics.pairs_of_each)."""
    return _divided(2 * _sums(drawn, actors, right), _sums(drawn, actors, linked + true))


def calibration_errors(drawn: Doubles, actors: Ids, probabilities: Floats, outcomes: Bools) -> Doubles:
    """The expected calibration error in each round, (ROUNDS,).

    Drawing adds noise to every bin, and noise never lowers this error, so its interval lies rather high.
    """
    gaps = np.asarray(probabilities, np.float64) - outcomes
    bins = bins_of(probabilities)
    apart = np.zeros(len(drawn))
    for number in range(CALIBRATION_BINS):
        apart += np.abs(_sums(drawn, actors, np.where(bins == number, gaps, 0.0)))
    return _divided(apart, _sums(drawn, actors, np.ones(len(gaps))))


def interval(measured: Doubles) -> Interval | None:
    """The middle 95 % of a measure's rounds; None when no round could be measured."""
    measured = measured[np.isfinite(measured)]
    if not len(measured):
        return None
    low, high = np.percentile(measured, TAILS)
    return float(low), float(high)


def _sums(drawn: Doubles, actors: Ids, values: Doubles) -> Doubles:
    return np.asarray(drawn @ np.bincount(actors, values, drawn.shape[1]), np.float64)


def _divided(above: Doubles, below: Doubles) -> Doubles:
    divided: Doubles = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return divided
