"""The usual measures of search, linking and calibration, over arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats

Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[Any]

CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True)
class BCubed:
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class CalibrationError:
    ece: float
    brier: float


def precision_at_1(scores: Floats, relevant: Bools, eligible: Bools) -> float | None:
    """The share of rows whose best eligible column is relevant, over rows that have a relevant one; all (n, m).

    A score of minus infinity counts as no answer.
    """
    rows = (relevant & eligible).any(axis=1)
    if not rows.any():
        return None
    reached = np.where(eligible, scores, -np.inf)
    best = reached.argmax(axis=1)
    every = np.arange(len(scores))
    right = relevant[every, best] & eligible[every, best] & np.isfinite(reached[every, best])
    return float(right[rows].mean())


def mean_average_precision(scores: Floats, relevant: Bools, eligible: Bools) -> float | None:
    """The mean, over rows that have relevant columns, of the precision at each of those, ranked by score.

    A column with a score of minus infinity is never reached: its precision is 0.
    """
    values = []
    for row_scores, row_relevant, row_eligible in zip(scores, relevant, eligible, strict=True):
        order = np.argsort(-row_scores[row_eligible], kind="stable")
        hits = row_relevant[row_eligible][order]
        if hits.any():
            ranks = np.flatnonzero(hits) + 1
            reached = np.isfinite(row_scores[row_eligible][order][hits])
            values.append((np.arange(1, len(ranks) + 1) / ranks * reached).mean())
    return float(np.mean(values)) if values else None


def equal_error_rate(same: Floats, different: Floats) -> float | None:
    """The error rate at the threshold that rejects the same share of `same` as it accepts of `different` scores."""
    if not len(same) or not len(different):
        return None
    thresholds = np.unique(np.concatenate([same, different]))
    rejected = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    accepted = 1 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    nearest = int(np.abs(rejected - accepted).argmin())
    return float((rejected[nearest] + accepted[nearest]) / 2)


def bcubed(found: Labels, truth: Labels) -> BCubed:
    """B-cubed precision, recall and F1 of groups found (n,) against the true ones (n,) (Bagga and Baldwin 1998)."""
    together, belong = found[:, None] == found[None], truth[:, None] == truth[None]
    right = (together & belong).sum(axis=1)
    precision = float((right / together.sum(axis=1)).mean())
    recall = float((right / belong.sum(axis=1)).mean())
    return BCubed(precision, recall, 2 * precision * recall / (precision + recall))


def calibration_error(probabilities: Floats, outcomes: Bools) -> CalibrationError:
    """Expected calibration error over ten bins of equal width, and the Brier score."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    ece = 0.0
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if inside.any():
            ece += inside.mean() * abs(float(probabilities[inside].mean()) - float(outcomes[inside].mean()))
    return CalibrationError(float(ece), float(np.mean((probabilities - outcomes) ** 2)))
