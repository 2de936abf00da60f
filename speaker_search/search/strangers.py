"""How strangers score: a distribution fitted to scores between characters, a few of whom share a voice."""

from __future__ import annotations

import math
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
MAX_STEPS = 50  # of Newton's method, which takes a few
SHORT = 0.1  # standard deviations: steps up to this are not checked for leading up
PRECISION = 1e-4  # a shorter step is the last: the error left is about the square of it


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
        return _log_density(self.shape, standard) - math.log(self.scale)

    def moved(self, stretch: float, shift: float) -> Hyperbolic:
        """The one for which standard scores z become (1 + `stretch`) z + `shift`."""
        scale = self.scale / (1 + stretch)
        return Hyperbolic(self.centre - shift * scale, scale, self.shape)

    def log_survival(self, scores: Floats | Doubles) -> Doubles:
        """Log-probability of a score at least this high."""
        standard, values = _survival(self.shape)
        found = (np.asarray(scores, np.float64) - self.centre) / self.scale
        slope = self.shape / _bend(self.shape)[0]  # of the tail, which is exponential beyond the table
        return np.interp(found, standard, values) - slope * np.maximum(0, found - REACH)


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
    sample = sample_of(groups)
    centre, scale = _moments(sample.scores, sample.counts)
    if not scale > 0:
        return None
    found, least = None, math.inf
    for shape in SHAPES:
        model = sample.likeliest(Hyperbolic(centre, scale, shape))
        centre, scale = model.centre, model.scale  # near the next shape's
        unlikely = evidence * sample.surprise(model) + (math.log(shape / SHAPE) / SHAPE_SPREAD) ** 2 / 2
        if unlikely < least:
            found, least = model, unlikely
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Scores, and lower bounds of others that are not known; how many there are of each."""

    scores: Doubles  # (k,)
    counts: Ids  # (k,)
    bounds: Doubles  # (m,)
    bounded: Ids  # (m,)
    width: float  #: of a bin: how far apart scores in one lie is not known

    def surprise(self, model: Hyperbolic) -> float:
        """Minus the log-likelihood."""
        return -float(self.counts @ model.log_density(self.scores) + self.bounded @ model.log_survival(self.bounds))

    def likeliest(self, model: Hyperbolic) -> Hyperbolic:
        """The likeliest model of this one's shape, by Newton's method.

        The log-density and the log of the survival function are concave, and so is the log-likelihood in the factor
        and the offset that make a score a standard one. It has one maximum, and each step leads up if it is short.
        """
        for _ in range(MAX_STEPS):
            step = self._step(model)
            while max(map(abs, step)) > SHORT and not self._leads_up(model, step):
                step = step[0] / 2, step[1] / 2
            after = model.moved(*step)
            if after.scale < self.width:
                break  # nearly all are in one bin: the narrower, the likelier, without end
            model = after
            if max(map(abs, step)) < PRECISION:
                break
        return model

    def _leads_up(self, model: Hyperbolic, step: tuple[float, float]) -> bool:
        return step[0] > -1 and self.surprise(model.moved(*step)) <= self.surprise(model)

    def _step(self, model: Hyperbolic) -> tuple[float, float]:
        """Newton's step: how much to stretch standard scores, and by how much to shift them."""
        seen, late = ((each - model.centre) / model.scale for each in (self.scores, self.bounds))
        slopes, bends = (self.counts * each for each in _derivatives(model.shape, seen))
        hazard = np.exp(_log_density(model.shape, late) - model.log_survival(self.bounds))
        late_slopes = -self.bounded * hazard
        late_bends = late_slopes * (_derivatives(model.shape, late)[0] + hazard)
        total = int(self.counts.sum())
        up = np.array([slopes @ seen + late_slopes @ late + total, slopes.sum() + late_slopes.sum()])
        both = bends @ seen + late_bends @ late
        stretched = bends @ seen**2 + late_bends @ late**2 - total
        stretch, shift = np.linalg.solve([[stretched, both], [both, bends.sum() + late_bends.sum()]], -up)
        return float(stretch), float(shift)


def sample_of(groups: ByGame) -> Sample:
    """What these scores tell of strangers', as `fit` says."""
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
    width = float(groups.middles[1] - groups.middles[0])
    return Sample(groups.middles[seen], observed[seen], groups.middles[late], censored[late], width)


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
def _bend(shape: float) -> tuple[float, float]:
    """How far from the centre the tails begin, in standard deviations, and the log-density at the centre."""
    # Density: exp(-shape * sqrt(1 + (x / d)^2)) / (2 d K1(shape)); variance: d^2 K2(shape) / (shape K1(shape)).
    k1, k2 = _bessel(1, shape), _bessel(2, shape)
    d = math.sqrt(shape * k1 / k2)
    return d, -math.log(2 * d * k1)


def _bessel(order: int, at: float) -> float:
    """The modified Bessel function K of that order times exp(at), from its integral (https://dlmf.nist.gov/10.32.E9).

    The trapezoid rule is as exact as rounding allows: all odd derivatives vanish at both ends. SciPy's own function is
    not used, since it takes 0.2 s to import.
    """
    t, step = np.linspace(0, 20, 2001, retstep=True)
    values = np.exp(-at * (np.cosh(t) - 1)) * np.cosh(order * t)
    return float((values.sum() - values[0] / 2) * step)


def _log_density(shape: float, standard: Doubles) -> Doubles:
    """The log-density with mean 0 and standard deviation 1."""
    d, highest = _bend(shape)
    return np.asarray(highest + shape - shape * np.sqrt(1 + (standard / d) ** 2), np.float64)


def _derivatives(shape: float, standard: Doubles) -> tuple[Doubles, Doubles]:
    """The first and the second derivative of the log-density."""
    d, _ = _bend(shape)
    root = np.sqrt(1 + (standard / d) ** 2)
    return -shape / d**2 * standard / root, -shape / d**2 / root**3


@cache
def _survival(shape: float) -> tuple[Doubles, Doubles]:
    """A table of the log of the survival function, by deviations from the centre."""
    standard = np.linspace(-REACH, REACH, STEPS)
    density = np.exp(_log_density(shape, standard))
    step, slope = standard[1] - standard[0], shape / _bend(shape)[0]
    beyond = density[-1] / (slope * step)  # all that is above the table
    above = np.cumsum(density[::-1])[::-1] - density / 2 + beyond
    return standard, np.log(above / density.sum())
