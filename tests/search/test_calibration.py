"""Probabilities learnt from scores: on mixtures whose truth is known, and on scores that teach nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

from speaker_search.evaluation.metrics import calibration_error
from speaker_search.search import strangers
from speaker_search.search.calibration import MIN_SCORES, QUERIES, UNKNOWN, Calibration, Prior, calibrate


@dataclass(frozen=True)
class Catalog:
    """Scores between characters, some of whom share a voice."""

    scores: np.ndarray  # (C, C)
    games: np.ndarray  # (C,)
    same: np.ndarray  # (C, C) which pairs are one voice
    voices: np.ndarray  # (C,)

    @property
    def across(self) -> np.ndarray:
        return self.games[:, None] != self.games[None]

    def calibrated(self) -> Calibration:
        found = calibrate(self.scores, self.games, self.games)
        assert found is not None
        return found


def catalog(
    games: int, cast: int, recurring: float, *, separation: float = 5.0, tails: float | None = None, seed: int = 0
) -> Catalog:
    """A catalog in which that share of each game's voices is heard in the next game too.

    Strangers' scores have mean -1 and deviation 0.8, and are normal or, with `tails` degrees of freedom, Student's t.
    """
    rng = np.random.default_rng([seed, games, cast, int(100 * recurring)])
    voices = np.arange(games * cast).reshape(games, cast)
    for game in range(1, games):
        again = round(recurring * cast)
        voices[game, :again] = rng.permutation(voices[game - 1])[:again]
    voice, of = voices.ravel(), np.repeat(np.arange(games), cast)
    same = (voice[:, None] == voice[None]) & (of[:, None] != of[None])
    noise = rng.standard_normal(same.shape) if tails is None else rng.standard_t(tails, same.shape)
    noise /= 1.0 if tails is None else math.sqrt(tails / (tails - 2))
    scores = -1 + 0.8 * (np.triu(noise) + np.triu(noise, 1).T + separation * same)
    return Catalog(scores.astype(np.float32), of, same, voice)


def troupe(actors: int, *, games: int = 8, cast: int = 7, separation: float = 4.0, seed: int = 0) -> Catalog:
    """A catalog whose games draw their voices from this many actors. Strangers score as in `catalog`."""
    rng = np.random.default_rng([seed, games, cast, actors])
    voice = np.concatenate([rng.permutation(actors)[:cast] for _ in range(games)])
    of = np.repeat(np.arange(games), cast)
    same = (voice[:, None] == voice[None]) & (of[:, None] != of[None])
    noise = rng.standard_normal(same.shape)
    scores = -1 + 0.8 * (np.triu(noise) + np.triu(noise, 1).T + separation * same)
    return Catalog(scores.astype(np.float32), of, same, voice)


#: Many large games; dozens of small ones; few characters; every voice in every game; nobody twice.
REGIMES = [(8, 30, 0.5), (40, 6, 0.5), (5, 8, 0.5), (6, 10, 1.0), (8, 20, 0.0)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("games", "cast", "recurring"), REGIMES)
def test_strangers_are_found_in_every_regime(games: int, cast: int, recurring: float, seed: int) -> None:
    made = catalog(games, cast, recurring, seed=seed)
    groups = strangers.by_game(made.scores, made.games, made.games)
    assert groups is not None
    found = strangers.fit(groups)
    assert found is not None
    # Where every voice is in every game, there is no censored stranger, so both come out a little high.
    assert found.centre == pytest.approx(-1, abs=0.2)
    assert found.scale == pytest.approx(0.8, rel=0.2)


@pytest.mark.parametrize(("games", "cast", "recurring"), [*REGIMES, (30, 1, 0.5)])
def test_no_distribution_near_the_one_found_is_likelier(games: int, cast: int, recurring: float) -> None:
    """A general minimiser that starts there finds nothing better."""
    made = catalog(games, cast, recurring)
    groups = strangers.by_game(made.scores, made.games, made.games)
    assert groups is not None
    sample, found = strangers.sample_of(groups), strangers.fit(groups)
    assert found is not None

    def surprise(at: np.ndarray) -> float:
        return sample.surprise(strangers.Hyperbolic(at[0], math.exp(at[1]), found.shape))

    here = np.array([found.centre, math.log(found.scale)])
    assert surprise(here) <= optimize.minimize(surprise, here, method="Nelder-Mead").fun + 0.02


def test_scores_far_beyond_all_others_lead_to_the_likeliest_distribution_too() -> None:
    """Beyond its table the survival function ended, and steps led downhill."""
    scores = np.random.default_rng(325).standard_cauchy((12, 60)).astype(np.float32)
    groups = strangers.by_game(scores, np.arange(12) % 7, np.arange(60) % 7)
    assert groups is not None
    sample = strangers.sample_of(groups)
    found = sample.likeliest(strangers.Hyperbolic(0.0, float(scores.std()), 0.5))

    def surprise(at: np.ndarray) -> float:
        return sample.surprise(strangers.Hyperbolic(at[0], math.exp(at[1]), found.shape))

    here = np.array([found.centre, math.log(found.scale)])
    assert surprise(here) <= optimize.minimize(surprise, here, method="Nelder-Mead").fun + 0.02


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("games", "cast", "recurring"), REGIMES)
def test_the_threshold_separates_voices_from_strangers_in_every_regime(
    games: int, cast: int, recurring: float, seed: int
) -> None:
    made = catalog(games, cast, recurring, separation=6.5, seed=seed)
    likely = made.calibrated().probability(made.scores) > 0.5
    taken = (likely & made.across & ~made.same).sum() / 2
    assert taken <= 1 + 0.05 * made.same.sum() / 2
    if recurring:
        assert (likely & made.same).sum() >= 0.9 * made.same.sum()


@pytest.mark.parametrize(("games", "cast", "recurring"), REGIMES[:4])
def test_known_actors_bring_the_threshold_nearer_to_the_best_one(games: int, cast: int, recurring: float) -> None:
    separation, plain, informed = 3.0, [], []
    for seed in range(4):
        made = catalog(games, cast, recurring, separation=separation, seed=seed)
        share = made.same[made.across].mean()
        best = -1 + 0.8 * (separation / 2 - math.log(share / (1 - share)) / separation)
        actors = np.where(np.random.default_rng(seed).random(len(made.voices)) < 0.3, made.voices, UNKNOWN)
        found = calibrate(made.scores, made.games, made.games, actors=(actors, actors))
        assert found is not None
        plain.append(abs(made.calibrated().score_at(0.0) - best))
        informed.append(abs(found.score_at(0.0) - best))
    assert np.mean(informed) < np.mean(plain)


@pytest.mark.parametrize("seed", range(4))
def test_a_small_catalog_of_a_few_actors_is_seen_to_repeat_them(seed: int) -> None:
    """Twelve actors with about five roles each: more than half of the searches of a game find the voice."""
    made = troupe(12, seed=seed)
    calibration = made.calibrated()
    assert 0.4 < calibration.recurrence < made.same.sum() / (made.across.sum() / 7)
    likely = calibration.probability(made.scores) > 0.5
    assert (likely & made.same).sum() > 0.7 * made.same.sum()
    assert (likely & made.across & ~made.same).sum() <= 0.03 * (likely & made.across).sum()


@pytest.mark.parametrize("seed", range(4))
def test_a_small_catalog_is_seen_not_to_repeat_anybody(seed: int) -> None:
    """The same number of characters, none of whom is heard twice."""
    assert catalog(8, 7, 0.0, seed=seed).calibrated().recurrence < 0.05


def of_clips(cast: int, actors: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores (n, C) of three clips each of the characters of 8 games; the games of the clips (n,) and of the
    characters (C,); which are one voice (n, C).

    Some pairs of strangers sound alike, in all clips: strangers' scores are lopsided, as real ones are.
    """
    rng = np.random.default_rng([seed, cast, actors])
    voice = np.concatenate([rng.permutation(actors)[:cast] for _ in range(8)])
    games = np.repeat(np.arange(8), cast)
    same = voice[:, None] == voice[None]
    of_pairs = rng.gamma(2, 0.7, same.shape) - 1.4 + 0.5 * rng.standard_normal(same.shape) + 3 * same
    scores = np.repeat(of_pairs, 3, axis=0) + 0.5 * rng.standard_normal((3 * len(games), len(games)))
    return scores.astype(np.float32), np.repeat(games, 3), games, np.repeat(same, 3, axis=0)


def sure_but_wrong(cast: int, actors: int, prior: Prior) -> float:
    """The share of first matches that get a probability of at least 0.9 and are strangers."""
    wrong = []
    for seed in range(4):
        scores, rows, games, same = of_clips(cast, actors, seed)
        found = calibrate(scores, rows, games, prior)
        assert found is not None
        first = np.where(rows[:, None] != games[None], scores, -np.inf).argmax(axis=1)
        every = np.arange(len(rows))
        wrong.append((found.probability(scores[every, first]) >= 0.9) & ~same[every, first])
    return float(np.mean(wrong))


#: As if all scores were independent, and the strangers' scale known for certain.
CREDULOUS = replace(QUERIES, evidence=1.0, unsure=0.0)


@pytest.mark.parametrize("actors", [12, 40, 100])  # nearly every voice recurs, many do, few do
def test_in_a_small_catalog_fewer_strangers_pass_for_sure_matches(actors: int) -> None:
    assert sure_but_wrong(7, actors, QUERIES) < 0.5 * sure_but_wrong(7, actors, CREDULOUS)


def test_in_a_large_catalog_strangers_are_known_for_certain() -> None:
    scores, rows, games, _ = of_clips(60, 300, 0)
    careful, credulous = (calibrate(scores, rows, games, prior) for prior in (QUERIES, CREDULOUS))
    assert careful is not None
    assert credulous is not None
    np.testing.assert_allclose(careful.probability(scores), credulous.probability(scores), atol=0.03)


def test_actors_that_nobody_knows_change_nothing() -> None:
    made = catalog(8, 30, 0.5)
    actors = np.full(len(made.games), UNKNOWN)
    found = calibrate(made.scores, made.games, made.games, actors=(actors, actors))
    assert found is not None
    np.testing.assert_allclose(found.odds, made.calibrated().odds)


def test_heavy_tails_are_noticed_and_raise_the_threshold() -> None:
    heavy, light = (catalog(10, 30, 0.3, tails=tails).calibrated() for tails in (5, None))
    assert heavy.score_at(0.0) > light.score_at(0.0) + 0.3
    made = catalog(10, 30, 0.3, tails=5, separation=8, seed=1)
    likely = made.calibrated().probability(made.scores[made.across]) > 0.5
    assert made.same[made.across][likely].mean() > 0.8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("games", "cast", "recurring"), [(8, 30, 0.5), (40, 6, 0.5), (20, 20, 0.1)])
def test_probabilities_of_a_known_mixture_are_calibrated(games: int, cast: int, recurring: float, seed: int) -> None:
    made = catalog(games, cast, recurring, seed=seed)
    scores, same = made.scores[made.across], made.same[made.across]
    probabilities = made.calibrated().probability(scores)
    assert calibration_error(probabilities, same).ece < 0.005
    # The priors expect more recurring voices than one in ten.
    assert 0.8 * same.sum() <= probabilities.sum() <= 1.8 * same.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("games", "cast", "recurring"), [(8, 30, 0.5), (40, 6, 0.5), (20, 20, 0.1), (8, 20, 0.0)])
def test_the_probability_of_nobody_is_calibrated(games: int, cast: int, recurring: float, seed: int) -> None:
    made = catalog(games, cast, recurring, seed=seed)
    calibration = made.calibrated()
    nobody = np.array(
        [
            calibration.nobody(calibration.log_odds(row[others]), made.games[others])
            for row, others in zip(made.scores, made.across, strict=True)
        ]
    )
    alone = ~made.same.any(axis=1)
    assert calibration_error(nobody.astype(np.float32), alone).ece < 0.15
    assert nobody.mean() == pytest.approx(alone.mean(), abs=0.15)


def test_among_no_characters_it_is_certainly_nobody() -> None:
    assert catalog(5, 8, 0.5).calibrated().nobody(np.empty(0), np.empty(0, np.int64)) == 1.0


def test_a_small_catalog_gives_cautious_probabilities() -> None:
    """Thirty strangers: the highest of about 360 scores must not pass for a recurring voice."""
    taken = 0
    for seed in range(20):
        made = catalog(5, 6, 0.0, seed=seed)
        taken += int((made.calibrated().probability(made.scores) > 0.5)[made.across].sum()) // 2
    assert taken <= 4


def test_a_higher_score_never_has_a_lower_probability() -> None:
    probabilities = catalog(8, 20, 0.5).calibrated().probability(np.linspace(-50, 50, 2001, dtype=np.float32))
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities[0] < 0.001
    assert probabilities[-1] > 0.99


def test_a_score_is_found_by_its_log_odds() -> None:
    calibration = Calibration(np.array([0.0, 1.0, 2.0]), np.array([-3.0, -3.0, 1.0]), 0.01, 0.1)
    assert calibration.score_at(-1.0) == pytest.approx(1.5)
    assert calibration.score_at(0.0) == pytest.approx(1.75)
    assert calibration.score_at(-9.0) == -math.inf
    assert calibration.score_at(1.5) == math.inf
    np.testing.assert_allclose(calibration.log_odds(np.array([-5, 1.5, 9], np.float32)), [-3, -1, 1])
    np.testing.assert_allclose(calibration.probability(np.array([1.75], np.float32)), [0.5])


@pytest.mark.parametrize(("share", "doubling"), [(0.0, 1.3), (0.025, 1.6), (0.2, 1.75)])
def test_pairs_that_agree_add_more_where_more_is_of_one_voice_and_no_more_from_eight_pairs_on(
    share: float, doubling: float
) -> None:
    calibration = Calibration(np.array([0.0, 1.0]), np.array([-3.0, 1.0]), share, 0.1)
    added = calibration.bonus(np.array([1, 2, 4, 8, 9, 100]))
    np.testing.assert_allclose(added, doubling * np.array([0, 1, 2, 3, 3, 3]))


def test_the_scale_of_the_scores_does_not_matter() -> None:
    made = catalog(8, 20, 0.5)
    stretched = calibrate(100 * made.scores - 7, made.games, made.games)
    assert stretched is not None
    np.testing.assert_allclose(
        made.calibrated().probability(made.scores), stretched.probability(100 * made.scores - 7), rtol=2e-2, atol=1e-3
    )


def test_the_order_of_games_and_characters_does_not_matter() -> None:
    made = catalog(8, 20, 0.5)
    order = np.random.default_rng(0).permutation(len(made.games))
    games = 100 - made.games[order]
    shuffled = calibrate(made.scores[np.ix_(order, order)], games, games)
    assert shuffled is not None
    np.testing.assert_allclose(shuffled.odds, made.calibrated().odds, rtol=1e-6, atol=1e-6)


def test_too_few_scores_teach_nothing() -> None:
    made = catalog(8, 20, 0.5)
    few, enough = np.arange(4), np.array([0, 1, 2, 20, 21, 22, 40, 41])
    assert calibrate(made.scores[np.ix_(few, few)], made.games[few], made.games[few]) is None  # all of one game
    assert calibrate(made.scores[:0], made.games[:0], made.games) is None
    assert (made.games[enough][:, None] != made.games[enough][None]).sum() >= MIN_SCORES
    assert calibrate(made.scores[np.ix_(enough, enough)], made.games[enough], made.games[enough]) is not None


def test_scores_that_are_all_equal_teach_nothing() -> None:
    games = np.arange(10) // 2
    assert calibrate(np.full((10, 10), 0.3, np.float32), games, games) is None


@pytest.mark.parametrize("shape", [0.5, 2.0, 10.0])
def test_the_distribution_is_the_hyperbolic_one(shape: float) -> None:
    """scipy's is generalised: its lambda of 1 gives the hyperbolic distribution."""
    ours = strangers.Hyperbolic(0.3, 1.7, shape)
    theirs = stats.genhyperbolic(1.0, shape, 0.0)
    scale = 1.7 / theirs.std()
    scores = np.linspace(-6, 8, 29)
    np.testing.assert_allclose(
        ours.log_density(scores), theirs.logpdf((scores - 0.3) / scale) - np.log(scale), atol=1e-6
    )
    np.testing.assert_allclose(ours.log_survival(scores), theirs.logsf((scores - 0.3) / scale), atol=0.02)


some = st.integers(12, 24)
few_values = some.flatmap(lambda n: hnp.arrays(np.float32, (n, n), elements=st.sampled_from([-1.0, 0.0, 1e-7, 3e4])))
any_values = some.flatmap(lambda n: hnp.arrays(np.float32, (n, n), elements=st.floats(-1e6, 1e6, width=32)))


#: All but one in one bin.
nearly_equal = np.full((13, 13), -1, np.float32)
nearly_equal[12, 0] = 1e-7


@settings(deadline=None, derandomize=True, max_examples=40)
@example(nearly_equal, 10)
@given(few_values | any_values, st.integers(1, 30))
def test_whatever_the_scores_the_numbers_are_finite_or_none(scores: np.ndarray, games: int) -> None:
    of = np.arange(len(scores)) % games
    calibration = calibrate(scores, of, of)  # a warning would fail this test too
    if calibration is not None:
        assert np.isfinite(calibration.odds).all()
        assert (np.diff(calibration.odds) >= 0).all()
        probabilities = calibration.probability(scores)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        assert 0 <= calibration.nobody(calibration.log_odds(scores[0]), of) <= 1
