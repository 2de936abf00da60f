"""How strangers score: a distribution fitted to scores between characters, a few of whom share a voice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats, Ids

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BINS = 1024  # that scores are counted in; this moves each by less than a hundredth of the strangers' scale
#: The shapes tried for strangers' scores, from normal to nearly exponential tails.
SHAPES = (40.0, 20.0, 10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5)
#: To a few thousand scores neighbouring shapes fit equally well. This one fits catalogs of a few hundred characters ...
SHAPE = 2.5
SHAPE_SPREAD = 0.5  # ... and is the centre of a log-normal prior with this deviation
CENSORED_SHARE = 0.25  # the highest of all scores, where no game has two characters
REACH = 40.0  # standard deviations that the table of the survival function covers
STEPS = 8001


@dataclass(frozen=True, slots=True)
class Hyperbolic:
    """A symmetric hyperbolic distribution (Barndorff-Nielsen 1977): like a normal one near its centre, with exponential
    tails, which begin nearer to it the smaller the shape is.
    """

    centre: float
    scale: float  #: its standard deviation
    shape: float

    def log_density(self, scores: Floats | Doubles) -> Doubles:
        standard = (np.asarray(scores, np.float64) - self.centre) / self.scale
        return _log_density(self.shape)(standard) - math.log(self.scale)

    def log_survival(self, scores: Floats | Doubles) -> Doubles:
        """Log-probability of a score at least this high."""
        standard, values = _survival(self.shape)
        return np.interp((np.asarray(scores, np.float64) - self.centre) / self.scale, standard, values)


@dataclass(frozen=True)
class ByGame:
    """Scores (n, C) of rows with characters, whose columns are ordered by game. A segment is a row's scores in a game.

    Segments of a row's own game do not count.
    """

    bins: Ids  # (n, C) of each score
    middles: Doubles  # (BINS,) the score in the middle of each bin
    starts: Ids  # (G,) first column of each game
    sizes: Ids  # (G,) characters of each game
    counted: Bools  # (n, G)

    @property
    def segments(self) -> int:
        return int(self.counted.sum())

    @property
    def scores(self) -> int:
        """How many scores count."""
        return int((self.counted * self.sizes).sum())

    def histogram(self) -> Ids:
        """How many counted scores are in each bin, (BINS,)."""
        whole = np.repeat(self.counted, self.sizes, axis=1)
        return np.bincount(self.bins[whole], minlength=BINS)

    def best_two(self) -> tuple[Ids, Ids]:
        """Bins (s,) of the highest and second-highest score of every counted segment of two or more characters."""
        best = np.maximum.reduceat(self.bins, self.starts, axis=1)
        rest = np.where(self.bins == np.repeat(best, self.sizes, axis=1), -1, self.bins)
        second = np.maximum.reduceat(rest, self.starts, axis=1)
        second = np.where(second < 0, best, second)  # both in one bin
        wanted = self.counted & (self.sizes > 1)
        return best[wanted], second[wanted]


def by_game(scores: Floats, row_games: Ids, games: Ids) -> ByGame | None:
    """Group scores (n, C) of rows in `row_games` (n,) with characters in `games` (C,); None when all are the same."""
    order = np.argsort(games, kind="stable")
    _, starts, sizes = np.unique(games[order], return_index=True, return_counts=True)
    counted = row_games[:, None] != games[order][starts][None]
    low, high = float(scores.min()), float(scores.max())
    if not high > low:
        return None
    width = (high - low) / BINS
    bins = np.minimum((np.take(scores, order, axis=1) - low) / width, BINS - 1).astype(np.int64)
    middles = np.asarray(low + width * (np.arange(BINS) + 0.5), np.float64)
    return ByGame(bins, middles, starts, sizes, counted)


def fit(groups: ByGame, evidence: float = 1.0) -> Hyperbolic | None:
    """The distribution of strangers' scores, by maximum likelihood; None when they do not vary.

    Where scores are alike, each is only a part of the `evidence` for a shape that an independent one would be.

    In another game at most one character is the same voice. So all of a row's scores in a game except the highest are
    strangers'. All that is used of the highest stranger is that it scores at least as much as the second-highest (a
    sample censored there, type II). Nobody has to say which scores are strangers', and the fit is as good when every
    voice recurs as when none does. Where no game has two characters, the highest quarter of all scores is censored.
    """
    # Imported here: it takes a quarter of a second.
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    histogram = groups.histogram()
    best, second = groups.best_two()
    if len(best):
        observed = histogram - _in_multiple(groups, histogram, best)
        censored = np.bincount(second, minlength=BINS)
    else:
        cut = int(np.searchsorted(np.cumsum(histogram), (1 - CENSORED_SHARE) * histogram.sum()))
        observed = np.where(np.arange(BINS) <= cut, histogram, 0)
        censored = np.where(np.arange(BINS) == cut, histogram.sum() - observed.sum(), 0)
    seen, late = observed > 0, censored > 0
    centre, scale = _moments(groups.middles, observed)
    if not scale > 0:
        return None
    x, weight, beyond, beyond_weight = groups.middles[seen], observed[seen], groups.middles[late], censored[late]

    def surprise(parameters: Doubles, shape: float) -> float:
        model = Hyperbolic(float(parameters[0]), math.exp(parameters[1]), shape)
        return -float(weight @ model.log_density(x) + beyond_weight @ model.log_survival(beyond))

    found, least = None, math.inf
    at = np.array([centre, math.log(scale)])
    for shape in SHAPES:
        fitted = minimize(surprise, at, (shape,), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-2})
        at = fitted.x
        unlikely = evidence * float(fitted.fun) + (math.log(shape / SHAPE) / SHAPE_SPREAD) ** 2 / 2
        if unlikely < least:
            found, least = Hyperbolic(float(at[0]), math.exp(at[1]), shape), unlikely
    return found


def _in_multiple(groups: ByGame, histogram: Ids, best: Ids) -> Ids:
    """Scores that are not known to be strangers': the highest of each segment, and those of one-character games."""
    alone = groups.counted & (groups.sizes == 1)
    single = groups.bins[np.repeat(alone, groups.sizes, axis=1)]
    doubtful = np.bincount(best, minlength=BINS) + np.bincount(single, minlength=BINS)
    return np.asarray(np.minimum(histogram, doubtful), np.int64)


def _moments(middles: Doubles, weights: Ids) -> tuple[float, float]:
    total = weights.sum()
    if not total:
        return 0.0, 0.0
    mean = float(middles @ weights / total)
    return mean, float(np.sqrt((middles - mean) ** 2 @ weights / total))


@cache
def _log_density(shape: float) -> Callable[[Doubles], Doubles]:
    """The log-density with mean 0 and standard deviation 1."""
    from scipy.special import kve  # type: ignore[import-untyped]

    # Density: exp(-shape * sqrt(1 + (x / d)^2)) / (2 d K1(shape)); variance: d^2 K2(shape) / (shape K1(shape)).
    d = math.sqrt(shape * kve(1, shape) / kve(2, shape))
    constant = -math.log(2 * d * kve(1, shape)) + shape  # kve is K times exp(shape)
    return lambda standard: constant - shape * np.sqrt(1 + (standard / d) ** 2)


@cache
def _survival(shape: float) -> tuple[Doubles, Doubles]:
    """A table of the log of the survival function, by deviations from the centre."""
    standard = np.linspace(-REACH, REACH, STEPS)
    density = np.exp(_log_density(shape)(standard))
    above = np.cumsum(density[::-1])[::-1] - density / 2
    return standard, np.log(np.maximum(above / density.sum(), 1e-300))
