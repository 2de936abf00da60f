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
P_TARGET = 0.01  # of minDCF: the assumed share of pairs that are one voice, with a cost of 1 for either error


@dataclass(frozen=True, slots=True)
class BCubed:
    precision: float
    recall: float
    f1: float
    best_f1: float | None = None  #: at the threshold that the truth would choose


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Of all pairs; None where no pair is linked, or none is one actor's."""

    precision: float | None  #: the share of linked pairs that are one actor's
    recall: float | None  #: the share of one actor's pairs that are linked
    f1: float | None


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
    rejected, accepted = _errors(same, different)
    nearest = int(np.abs(rejected - accepted).argmin())
    return float((rejected[nearest] + accepted[nearest]) / 2)


def min_detection_cost(same: Floats, different: Floats, p_target: float = P_TARGET) -> float | None:
    """The normalised detection cost at the threshold that suits these scores best, minDCF; 1 says nothing.

    P_target P_miss + (1 - P_target) P_false_alarm, divided by the lower cost of accepting all pairs or none: the
    measure of NIST's speaker recognition evaluations (2016 plan, section 3), with both costs 1.
    """
    if not len(same) or not len(different):
        return None
    rejected, accepted = _errors(same, different)
    costs = p_target * rejected + (1 - p_target) * accepted
    return float(min(costs.min() / min(p_target, 1 - p_target), 1.0))  # 1: a threshold above all scores


def _errors(same: Floats, different: Floats) -> tuple[Doubles, Doubles]:
    """The shares of `same` rejected and of `different` accepted, at a threshold of each score that occurs."""
    thresholds = np.unique(np.concatenate([same, different]))
    rejected = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    accepted = 1 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    return rejected, accepted


def bcubed_of_each(found: Labels, truth: Labels) -> tuple[Doubles, Doubles]:
    """Each one's precision and recall, (n,) and (n,): of groups found (n,) against the true ones (n,)."""
    right, linked, true = _agreement(found, truth)
    return right / linked, right / true


def _agreement(found: Labels, truth: Labels) -> tuple[Ids, Ids, Ids]:
    """For each one, itself included: how many are in both its groups, in the group found, and in the true one."""
    group, group_sizes = np.unique(found, return_inverse=True, return_counts=True)[1:]
    belong, true_sizes = np.unique(truth, return_inverse=True, return_counts=True)[1:]
    part, part_sizes = np.unique(group * len(true_sizes) + belong, return_inverse=True, return_counts=True)[1:]
    return part_sizes[part], group_sizes[group], true_sizes[belong]


def bcubed(found: Labels, truth: Labels) -> BCubed:
    """B-cubed precision, recall and F1 of groups found (n,) against the true ones (n,) (Bagga and Baldwin 1998)."""
    precisions, recalls = bcubed_of_each(found, truth)
    precision, recall = float(precisions.mean()), float(recalls.mean())
    return BCubed(precision, recall, f1(precision, recall))


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def pairs_of_each(found: Labels, truth: Labels) -> tuple[Doubles, Doubles, Doubles]:
    """How many others each one is linked with rightly, is linked with, and should be linked with; (n,) each."""
    right, linked, true = (np.asarray(each - 1, np.float64) for each in _agreement(found, truth))
    return right, linked, true


def pairwise(found: Labels, truth: Labels) -> Pairwise:
    """Precision, recall and F1 over all pairs, of groups found (n,) against the true ones (n,)."""
    right, linked, true = (float(each.sum()) for each in pairs_of_each(found, truth))
    both = linked + true
    return Pairwise(
        right / linked if linked else None, right / true if true else None, 2 * right / both if both else None
    )


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


def groups_are_right(voices: Labels, actors: Labels) -> tuple[Labels, Bools]:
    """Each voice with two members or more (v,), by its number, and whether all its members are one actor (v,)."""
    numbers, sizes = np.unique(voices, return_counts=True)
    _, kinds = np.unique(np.unique(np.stack([voices, actors]), axis=1)[0], return_counts=True)
    several = sizes > 1
    return numbers[several], kinds[several] == 1


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
