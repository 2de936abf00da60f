"""The usual measures of search, linking and calibration, over arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats, Ids

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]

CALIBRATION_BINS = 10  # of equal width


@dataclass(frozen=True, slots=True)
class BCubed:
    precision: float
    recall: float
    f1: float
    best_f1: float | None = None  #: at the threshold that the truth would choose


@dataclass(frozen=True, slots=True)
class CalibrationError:
    ece: float
    brier: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Predictions whose probability lies in one bin."""

    low: float
    high: float
    count: int
    mean_probability: float
    right: float  #: the share of them that are right


def mean(values: Doubles) -> float | None:
    """The mean of those values (n,) that are not nan; None when there are none."""
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if len(counted) else None


def first_is_right(scores: Floats, relevant: Bools, eligible: Bools) -> Doubles:
    """Whether each row's best eligible column is relevant, (n,) of 1 and 0; the arguments are (n, m).

    nan for a row without a relevant column. A score of minus infinity counts as no answer.
    """
    reached = np.where(eligible, scores, -np.inf)
    best = reached.argmax(axis=1)
    every = np.arange(len(scores))
    right = relevant[every, best] & np.isfinite(reached[every, best])
    return np.where((relevant & eligible).any(axis=1), right, np.nan)


def average_precisions(scores: Floats, relevant: Bools, eligible: Bools) -> Doubles:
    """Each row's mean (n,) of the precisions at its relevant columns, ranked by score; the arguments are (n, m).

    nan for a row without a relevant column. A column with a score of minus infinity is never reached: its precision is
    0. Where scores are equal, the wrong columns are ranked first.
    """
    values = np.full(len(scores), np.nan)
    for row in range(len(scores)):
        right = scores[row, relevant[row] & eligible[row]]
        if len(right):
            wrong = np.sort(scores[row, ~relevant[row] & eligible[row]])
            right = np.sort(right)[::-1]
            found = np.arange(1, len(right) + 1)
            above = len(wrong) - np.searchsorted(wrong, right, side="left")
            values[row] = (found / (found + above) * np.isfinite(right)).mean()
    return values


def equal_error_rate(same: Floats, different: Floats) -> float | None:
    """The error rate at the threshold that rejects the same share of `same` as it accepts of `different` scores."""
    if not len(same) or not len(different):
        return None
    thresholds = np.unique(np.concatenate([same, different]))
    rejected = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    accepted = 1 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    nearest = int(np.abs(rejected - accepted).argmin())
    return float((rejected[nearest] + accepted[nearest]) / 2)


def bcubed_of_each(found: Labels, truth: Labels) -> tuple[Doubles, Doubles]:
    """Each one's precision and recall, (n,) and (n,): of groups found (n,) against the true ones (n,)."""
    group, group_sizes = np.unique(found, return_inverse=True, return_counts=True)[1:]
    belong, true_sizes = np.unique(truth, return_inverse=True, return_counts=True)[1:]
    part, part_sizes = np.unique(group * len(true_sizes) + belong, return_inverse=True, return_counts=True)[1:]
    right = part_sizes[part]
    return right / group_sizes[group], right / true_sizes[belong]


def bcubed(found: Labels, truth: Labels) -> BCubed:
    """B-cubed precision, recall and F1 of groups found (n,) against the true ones (n,) (Bagga and Baldwin 1998)."""
    precisions, recalls = bcubed_of_each(found, truth)
    precision, recall = float(precisions.mean()), float(recalls.mean())
    return BCubed(precision, recall, f1(precision, recall))


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def members_are_right(voices: Labels, actors: Labels) -> Doubles:
    """Whether each member's actor is the most frequent one among its voice's other members, (n,) of 1 and 0.

    `voices` (n,) are the members' voices and `actors` (n,) their actors. Equally frequent actors are all right;
    nan where a voice has no other member.
    """
    right = np.full(len(voices), np.nan)
    for voice in np.unique(voices):
        rows = np.flatnonzero(voices == voice)
        if len(rows) > 1:
            each, own, counts = np.unique(actors[rows], return_inverse=True, return_counts=True)
            others = np.broadcast_to(counts, (len(rows), len(each))).copy()
            others[np.arange(len(rows)), own] -= 1
            right[rows] = others[np.arange(len(rows)), own] == others.max(axis=1)
    return right


def bins_of(probabilities: Floats) -> Ids:
    """The bin of each probability, of the same shape; 1.0 is in the last one."""
    return np.minimum((probabilities * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_error(probabilities: Floats, outcomes: Bools) -> CalibrationError:
    """Expected calibration error over ten bins of equal width, and the Brier score."""
    gaps = np.bincount(bins_of(probabilities), np.asarray(probabilities, np.float64) - outcomes, CALIBRATION_BINS)
    return CalibrationError(
        float(np.abs(gaps).sum() / len(probabilities)), float(np.mean((probabilities - outcomes) ** 2))
    )


def reliability(probabilities: Floats, outcomes: Bools) -> tuple[Reliability, ...]:
    """Predicted probabilities and how many came true, bin by bin; empty bins are left out."""
    bins = bins_of(probabilities)
    rows = []
    for number in np.unique(bins).tolist():
        inside = bins == number
        said, so = float(probabilities[inside].mean()), float(outcomes[inside].mean())
        low, high = number / CALIBRATION_BINS, (number + 1) / CALIBRATION_BINS
        rows.append(Reliability(low, high, int(inside.sum()), said, so))
    return tuple(rows)


def log_likelihood_ratio_cost(same: Doubles, different: Doubles) -> float | None:
    """Cllr in bits, of natural log-likelihood ratios of pairs of one voice and of two (Brummer and du Preez 2006).

    0 is perfect. Ratios that say nothing, all of them 0, cost 1; ratios that mislead cost more.
    """
    if not len(same) or not len(different):
        return None
    missed, false = np.logaddexp(0, -same).mean(), np.logaddexp(0, different).mean()
    return float((missed + false) / 2 / np.log(2))


def log_likelihood_ratios(log_odds: Doubles, prior: float) -> Doubles:
    """Log-likelihood ratios (n,): the log-odds (n,) minus those of the prior probability."""
    prior = float(np.clip(prior, 1e-12, 1 - 1e-12))
    return np.asarray(log_odds - np.log(prior / (1 - prior)))
