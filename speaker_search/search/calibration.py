"""From a score to the probability of being one voice, learnt from the catalog itself: arrays in, numbers out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats, Ids
from speaker_search.errors import UsageError
from speaker_search.search import strangers
from speaker_search.search.strangers import Bools, ByGame, Doubles, Hyperbolic

MIN_SCORES = 30  # between games: fewer say too little
KNOTS = 512
MAX_ROUNDS = 200
MAX_LOG_RATIO = 50.0
MAX_RECURRENCE = 0.95

#: A voice with many roles is recognised by all of them together: each doubling of the pairs that agree is worth this
#: much log-odds, and more by the share of scores that are of one voice. Where few are, more of the groups that are
#: compared agree by chance.
DOUBLING, DOUBLING_BY_SHARE = 1.3, 12.0
#: A doubling is worth no more than this. On eight catalogs of 52 to 239 characters B-cubed F1 came at most 0.020 short
#: of the best threshold's, and 0.022 on average on 104 parts of them; with 1.5 for all catalogs 0.041 and 0.028.
MOST_DOUBLING = 1.75
#: Pairs beyond these add nothing. An unlimited bonus would join large groups that have little in common: in a simulated
#: catalog of 720 characters, whose actors have up to 40 roles, it cost a third of B-cubed F1.
MOST_PAIRS = 8

LEAST_SEPARATION = 2.0  # nearer ones look like one distribution

# A score that is known to be of one voice tells more of such scores than one that seems to be. Where a fifth of the
# characters of eight catalogs were credited, twice as much was best: with more, F1 of the rest fell in some of them.
KNOWN_WEIGHT = 2.0
MOST_KNOWN = 60.0  # of all known scores together
UNKNOWN = -1  # in place of an actor


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed of voices that recur until a catalog's scores say otherwise.

    A small catalog says little about them: without a prior, a few high scores of strangers would pass for one voice.
    """

    recurrence: float  #: the probability that a voice is heard in any one other game ...
    looks: float  #: ... counted as if seen in this many searches of a game for a voice
    separation: float  #: of one voice's mean score from strangers', in the strangers' standard deviations ...
    spread: float  #: ... and the standard deviation of one voice's scores, in the same unit ...
    scores: float  #: ... both counted as if seen in this many scores of one voice
    widened: float  #: the factor by which maximum likelihood underestimates the strangers' scale ...
    unsure: float  #: ... and what this divided by the number of characters adds to it
    evidence: float  #: of a score for the shape of the strangers' distribution: 1 if all were independent

    def scale_factor(self, characters: int) -> float:
        """What the strangers' scale, as it was fitted, is multiplied by."""
        return self.widened + self.unsure / characters


# Chosen on four sets of 52 to 239 characters, acted and read, and on parts of them with up to 64 characters; other such
# parts were kept aside. Values around each do about as well. Several clips of a character score alike: counted in full,
# those of 50 characters passed for proof that strangers' scores have light tails.
PAIRS = Prior(recurrence=0.06, looks=20, separation=3.5, spread=2.0, scores=30, widened=1.08, unsure=0.0, evidence=1.0)
QUERIES = Prior(
    recurrence=0.08, looks=300, separation=4.5, spread=1.0, scores=40, widened=0.99, unsure=3.0, evidence=0.1
)


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Log-odds of one voice by score: a table that never falls, read with linear interpolation."""

    scores: Doubles  # (KNOTS,) ascending in even steps
    odds: Doubles  # (KNOTS,) natural logarithms
    share: float  #: of the scores between games that are of one voice
    recurrence: float  #: the probability that a voice is heard in any one other game

    def log_odds(self, scores: Floats | Doubles) -> Doubles:
        """Log-odds of the same shape as the scores."""
        # np.interp, which looks for each score's place, takes five times as long.
        last = len(self.scores) - 1
        steps = (np.asarray(scores, np.float64) - self.scores[0]) * (last / (self.scores[last] - self.scores[0]))
        steps = np.clip(steps, 0, last)
        low = np.minimum(steps.astype(np.int64), last - 1)
        return np.asarray(self.odds[low] + (steps - low) * np.diff(self.odds)[low], np.float64)

    def probability(self, scores: Floats | Doubles) -> Floats:
        """Probabilities of the same shape as the scores."""
        return logistic(self.log_odds(scores))

    def bonus(self, pairs: npt.ArrayLike) -> Doubles:
        """What the agreement of that many pairs of characters adds to the log-odds of their mean score."""
        doubling = min(DOUBLING + DOUBLING_BY_SHARE * self.share, MOST_DOUBLING)
        return np.asarray(doubling * np.log2(np.minimum(pairs, MOST_PAIRS)), np.float64)

    def log_ratio(self, score: float) -> float:
        """Log-likelihood ratio of one voice to two: the log-odds without the prior odds."""
        return float(np.interp(score, self.scores, self.odds)) - _log_odds(self.share)

    def log_ratios(self, scores: Floats) -> Doubles:
        """The same for many scores."""
        return self.log_odds(scores) - _log_odds(self.share)

    @property
    def odds_of_two(self) -> float:
        """The prior log-odds of two voices to one: added, they make both equally likely before a score is seen."""
        return -_log_odds(self.share)

    def score_at(self, log_odds: float) -> float:
        """The lowest score with these log-odds: infinite when none reaches them, minus infinity when all do."""
        place = int(np.searchsorted(self.odds, log_odds))
        if place == len(self.odds):
            return math.inf
        if place == 0:
            return -math.inf
        return float(np.interp(log_odds, self.odds[place - 1 : place + 1], self.scores[place - 1 : place + 1]))

    def nobody(self, log_odds: Doubles, games: Ids) -> float:
        """The probability that a voice is none of these characters, from their log-odds (C,) and the numbers (C,) of
        their games, which are small.
        """
        if not len(games):
            return 1.0
        ratios = np.exp(np.clip(log_odds - _log_odds(self.share), -MAX_LOG_RATIO, MAX_LOG_RATIO))
        sizes = np.bincount(games)
        there = self.recurrence * np.bincount(games, ratios) / np.maximum(sizes, 1)
        return float(np.prod((1 - self.recurrence) / (1 - self.recurrence + there)))


def calibrate(
    scores: Floats, row_games: Ids, games: Ids, prior: Prior = PAIRS, *, actors: tuple[Ids, Ids] | None = None
) -> Calibration | None:
    """Learn a calibration from scores (n, C) of rows in `row_games` (n,) with characters in `games` (C,).

    `actors` (n,) and (C,) number who is known to speak the rows and the characters, UNKNOWN elsewhere.

    None when there are too few scores between games, or they do not vary. The scores are a mixture: those of strangers,
    fitted by `strangers.fit`, and those of one voice, with the same shape but a centre and scale of their own. At most
    one character of a game has a row's voice, so the posterior is divided among the row's scores in that game. Share,
    centre and scale are fitted by expectation-maximisation (Dempster, Laird and Rubin 1977), starting from the prior;
    the posterior of a score between known actors is 0 or 1.
    The posterior is one minus the local false discovery rate (Efron 2004).
    """
    groups = strangers.by_game(scores, row_games, games) if scores.size else None
    if groups is None or groups.scores < MIN_SCORES:
        return None
    null = strangers.fit(groups, prior.evidence)
    if null is None:
        return None
    null = Hyperbolic(null.centre, null.scale * prior.scale_factor(len(games)), null.shape)
    labelled = None if actors is None else _labelled(groups, actors[0], actors[1][np.argsort(games, kind="stable")])
    recurrence, same = _fit(groups, null, prior, labelled)
    share = recurrence * groups.segments / groups.scores
    low = min(float(groups.middles[0]), null.centre - 3 * null.scale)
    high = max(float(groups.middles[-1]), same.centre + 4 * same.scale)
    knots = np.linspace(low, high, KNOTS)
    return Calibration(knots, _log_ratios(knots, same, null) + _log_odds(share), share, recurrence)


@dataclass(frozen=True, eq=False, slots=True)
class _Labelled:
    """What is known of scores whose rows and columns are of known actors."""

    open: Bools  # (n, C) whether a score may be of one voice without being known to be
    same: Ids  # (BINS,) how many are known to be


def _labelled(groups: ByGame, rows: Ids, columns: Ids) -> _Labelled:
    """From the actors of the rows (n,) and of the columns (C,) in their order by game."""
    known = (rows[:, None] != UNKNOWN) & (columns[None] != UNKNOWN)
    same = known & (rows[:, None] == columns[None]) & np.repeat(groups.counted, groups.sizes, axis=1)
    found = np.repeat(np.add.reduceat(same, groups.starts, axis=1) > 0, groups.sizes, axis=1)
    return _Labelled(~known & ~found, np.bincount(groups.bins[same], minlength=len(groups.middles)))


def _fit(groups: ByGame, null: Hyperbolic, prior: Prior, labelled: _Labelled | None = None) -> tuple[float, Hyperbolic]:
    """The probability that a voice is heard in another game, and the distribution of its scores there."""
    known = 0 if labelled is None else int(labelled.same.sum())
    weight = min(KNOWN_WEIGHT, MOST_KNOWN / max(1, known))
    expected = Hyperbolic(null.centre + prior.separation * null.scale, prior.spread * null.scale, null.shape)
    recurrence, same = prior.recurrence, expected
    segments, flat = groups.segments, groups.bins.ravel()
    shares = 1 / np.repeat(groups.sizes, groups.sizes)
    for _ in range(MAX_ROUNDS):
        ratios = np.exp(np.clip(_log_ratios(groups.middles, same, null), -MAX_LOG_RATIO, MAX_LOG_RATIO))
        weights = np.take(recurrence * ratios, groups.bins) * shares
        if labelled is not None:
            weights *= labelled.open
        sums = np.add.reduceat(weights, groups.starts, axis=1)
        weights *= np.repeat(groups.counted / (1 - recurrence + sums), groups.sizes, axis=1)
        binned = np.bincount(flat, weights.ravel(), minlength=len(groups.middles))
        before = recurrence, same
        recurrence = (float(binned.sum()) + known + prior.looks * prior.recurrence) / (segments + prior.looks)
        recurrence = min(recurrence, MAX_RECURRENCE)
        if labelled is not None:
            binned = binned + weight * labelled.same
        worth = float(binned.sum()) + prior.scores
        centre = float(binned @ groups.middles + prior.scores * expected.centre) / worth
        centre = max(centre, null.centre + LEAST_SEPARATION * null.scale)
        variance = float(binned @ (groups.middles - centre) ** 2 + prior.scores * expected.scale**2) / worth
        same = Hyperbolic(centre, math.sqrt(variance), null.shape)
        moved = abs(recurrence - before[0]) + abs(centre - before[1].centre) + abs(same.scale - before[1].scale)
        if moved < 1e-5:
            break
    return recurrence, same


def _log_ratios(scores: Doubles, same: Hyperbolic, null: Hyperbolic) -> Doubles:
    """Log-likelihood ratios of one voice to two, made to never fall as the score rises (`scores` ascend)."""
    ratios = same.log_density(scores) - null.log_density(scores)
    # Far below both centres the wider distribution is again the likelier one, which means nothing there.
    at_centre = float(same.log_density(np.array([null.centre]))[0] - null.log_density(np.array([null.centre]))[0])
    ratios = np.where(scores < null.centre, np.minimum(ratios, at_centre), ratios)
    return np.maximum.accumulate(ratios)


def least_log_odds(min_probability: float) -> float:
    """The log-odds of a minimum probability. Raises UsageError unless it is between 0 and 1."""
    if not 0 < min_probability < 1:
        raise UsageError(f"The minimum probability must be above 0 and below 1, not {min_probability:g}.")
    return _log_odds(min_probability)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def logistic(log_odds: Doubles) -> Floats:
    """Probabilities of the same shape as the log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -500, 500))), np.float32)
