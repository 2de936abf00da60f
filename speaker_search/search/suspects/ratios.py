"""Log-likelihood ratios of one speaker to two, learnt by logistic regression: arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.search.calibration import MAX_LOG_RATIO, logistic
from speaker_search.search.strangers import Doubles

RIDGE = 1.0  # on the regression's standardised weights: with a few hundred trials it hardly matters
ROUNDS = 50
MIXED_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Ratios:
    """Log-likelihood ratios of a clip and a character, linear in some features (F) of the two."""

    centre: Doubles  # (F,)
    scale: Doubles  # (F,)
    weights: Doubles  # (F + 1,) the constant first

    def of(self, features: Doubles) -> Doubles:
        """(...,) of features (..., F)"""
        logit = ((features - self.centre) / self.scale) @ self.weights[1:] + self.weights[0]
        return np.asarray(np.clip(logit, -MAX_LOG_RATIO, MAX_LOG_RATIO), np.float64)

    @property
    def linear(self) -> tuple[float, Doubles]:
        """The same without bounds: a constant, and a slope for each feature (F,)."""
        slopes = self.weights[1:] / self.scale
        return float(self.weights[0] - self.centre @ slopes), slopes


def regression(same: Doubles, different: Doubles, worth: tuple[Doubles, Doubles] | None = None) -> Ratios:
    """Logistic regression of trials (s, F) of one speaker against those (d, F) of two, by Newton.

    Each kind weighs as much as the other, so the log-odds are log-likelihood ratios. Within its kind each trial counts
    as 1, or as much as it is worth, (s,) and (d,).
    """
    trials = np.concatenate([same, different])
    features = trials.shape[1]
    centre, scale = trials.mean(axis=0), np.maximum(trials.std(axis=0), 1e-6)
    x = np.column_stack([np.ones(len(trials)), (trials - centre) / scale])
    right = np.repeat([1.0, 0.0], [len(same), len(different)])
    mine, theirs = worth or (np.ones(len(same)), np.ones(len(different)))
    weight = np.concatenate([mine / max(1e-9, mine.sum()), theirs / max(1e-9, theirs.sum())]) * len(same)
    ridge = np.diag([0.0, *[RIDGE] * features])
    weights = np.zeros(features + 1)
    for _ in range(ROUNDS):
        likely = logistic(x @ weights).astype(np.float64)
        slope = x.T @ (weight * (right - likely)) - ridge @ weights
        curve = (x * (weight * likely * (1 - likely))[:, None]).T @ x + ridge + 1e-9 * np.eye(features + 1)
        step = np.linalg.solve(curve, slope)
        weights += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return Ratios(centre, scale, weights)


def mixed_regression(same: Doubles, different: Doubles, wrong: float) -> Ratios:
    """The same where that share of the trials of one speaker is of two, and as many of the others are of one.

    By expectation-maximisation: a trial is worth the probability that it is what it is said to be.
    """
    ratios = regression(same, different)
    swapped = wrong * len(same) / len(different)
    for _ in range(MIXED_ROUNDS):
        mine = logistic(ratios.of(same) + np.log((1 - wrong) / wrong)).astype(np.float64)
        theirs = logistic(-ratios.of(different) - np.log(swapped / (1 - swapped))).astype(np.float64)
        ratios = regression(same, different, (mine, theirs))
    return ratios
