"""From a score to the probability of being one voice, learnt from the catalog itself: arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats

MIN_SAME_GAME_PAIRS = 30  # fewer say too little about how high two strangers can score
MIN_CROSS_GAME_PAIRS = 30
TAIL = 0.99  # the scale of strangers' scores is estimated near where decisions fall: at their 99th percentile
BULK = 0.75  # ... or at this quantile of the cross-game scores, most of which are strangers' even there
TAIL_PAIRS = 10  # ... the first at a lower quantile, if fewer pairs than this would lie beyond it
LEAST_SEPARATION = 2.5  # between the two components, in standard deviations: closer ones look like one
MAX_ROUNDS = 500
BINS = 4096


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probability of one voice = 1 / (1 + exp(-(slope * score + intercept)))."""

    slope: float
    intercept: float

    def log_odds(self, scores: Floats) -> npt.NDArray[np.float64]:
        """Natural logarithms of the odds of one voice, of the same shape as the scores."""
        return self.slope * np.asarray(scores, np.float64) + self.intercept

    def probability(self, scores: Floats) -> Floats:
        """Probabilities of the same shape as the scores."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.log_odds(scores), -500, 500))), np.float32)

    @property
    def threshold(self) -> float:
        """The score at which one voice is as likely as two."""
        return -self.intercept / self.slope


def calibrate(same_game: Floats, cross_game: Floats) -> Calibration | None:
    """Learn a calibration from scores between characters; None when there are too few.

    `same_game` are scores between different characters of one game, who hardly ever share a voice: they show how high
    strangers can score. `cross_game` are scores between characters of different games: most of them strangers, an
    unknown share the same voice. They are modelled as a mixture of two normal distributions of equal scale, so that the
    log-odds are linear in the score. Strangers' centre is the median of the cross-game scores. Their scale is the
    larger of two estimates, from the upper tail of the same-game scores and from the bulk of the cross-game scores: in
    small games the former is too low, because the game's mean was subtracted from its few voices. The other component's
    share and centre are fitted by expectation-maximisation (Dempster, Laird and Rubin 1977). The posterior is one minus
    the local false discovery rate, the centre an empirical null (Efron 2004, 2007).
    """
    if len(same_game) < MIN_SAME_GAME_PAIRS or len(cross_game) < MIN_CROSS_GAME_PAIRS:
        return None
    cross = np.asarray(cross_game, np.float64)
    centre = float(np.median(cross))
    quantile = min(TAIL, 1 - TAIL_PAIRS / len(same_game))
    tail = (float(np.quantile(same_game, quantile)) - centre) / NormalDist().inv_cdf(quantile)
    bulk = (float(np.quantile(cross, BULK)) - centre) / NormalDist().inv_cdf(BULK)
    scale = max(tail, bulk)
    if not scale > 0:
        return None
    share, same_centre = _fit(cross, centre, scale)
    slope = (same_centre - centre) / scale**2
    intercept = np.log(share / (1 - share)) - (same_centre**2 - centre**2) / (2 * scale**2)
    return Calibration(float(slope), float(intercept))


def _fit(scores: npt.NDArray[np.float64], centre: float, scale: float) -> tuple[float, float]:
    """The share of same-voice pairs among the scores, and the centre of their scores."""
    top = max(5, len(scores) // 200)
    share, same_centre = top / len(scores), float(np.partition(scores, -top)[-top:].mean())
    # Binning bounds the cost of millions of scores, and moves each by at most a hundredth of a deviation.
    counts, edges = np.histogram(scores, BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    for _ in range(MAX_ROUNDS):
        same_centre = max(same_centre, centre + LEAST_SEPARATION * scale)
        log_ratio = (same_centre - centre) * (2 * middles - same_centre - centre) / (2 * scale**2)
        odds = share / (1 - share) * np.exp(np.minimum(log_ratio, 500))
        weights = counts * odds / (1 + odds)
        before = share, same_centre
        share = float(np.clip(weights.sum() / len(scores), 1 / len(scores), 0.5))
        if weights.sum() > 0:
            same_centre = float((weights * middles).sum() / weights.sum())
        if abs(share - before[0]) < 1e-9 and abs(same_centre - before[1]) < 1e-6 * scale:
            break
    return share, max(same_centre, centre + LEAST_SEPARATION * scale)
