"""Probabilities learnt from scores: on mixtures whose truth is known, and on scores that teach nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from speaker_search.evaluation.metrics import calibration_error
from speaker_search.search.calibration import MIN_CROSS_GAME_PAIRS, MIN_SAME_GAME_PAIRS, Calibration, calibrate

PAIRS = 20_000


def mixture(share: float, separation: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(same-game scores, cross-game scores, which of these are one voice): strangers are N(0.4, 0.8)."""
    rng = np.random.default_rng([seed, int(separation * 10), int(share * 1000)])
    same_voice = rng.random(PAIRS) < share
    scores = 0.4 + 0.8 * (rng.standard_normal(PAIRS) + np.where(same_voice, separation, 0))
    strangers = 0.4 + 0.8 * rng.standard_normal(PAIRS // 5)
    return strangers.astype(np.float32), scores.astype(np.float32), same_voice


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("share", "separation"), [(0.01, 4), (0.01, 6), (0.03, 4), (0.05, 5), (0.05, 8), (0.1, 6)])
def test_probabilities_of_a_known_mixture_are_calibrated(share: float, separation: float, seed: int) -> None:
    strangers, scores, same_voice = mixture(share, separation, seed)
    calibration = calibrate(strangers, scores)
    assert calibration is not None
    probabilities = calibration.probability(scores)
    assert calibration_error(probabilities, same_voice).ece < 0.005
    assert probabilities.mean() == pytest.approx(same_voice.mean(), rel=0.12)
    # The true posterior's threshold, where share * N(separation, 1) = (1 - share) * N(0, 1).
    threshold = 0.4 + 0.8 * (separation / 2 + np.log((1 - share) / share) / separation)
    assert calibration.threshold == pytest.approx(threshold, abs=0.3)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("separation", [2.5, 3])
def test_kinds_that_overlap_make_it_cautious_never_bold(share: float, separation: float) -> None:
    strangers, scores, same_voice = mixture(share, separation, 0)
    calibration = calibrate(strangers, scores)
    assert calibration is not None
    probabilities = calibration.probability(scores)
    assert probabilities.mean() <= 1.05 * same_voice.mean()
    likely = probabilities > 0.5
    assert same_voice[likely].mean() >= 0.95 * probabilities[likely].mean()


@pytest.mark.parametrize("seed", range(4))
def test_where_no_voice_recurs_hardly_anybody_is_taken_for_one(seed: int) -> None:
    strangers, scores, _ = mixture(0.0, 4, seed)
    calibration = calibrate(strangers, scores)
    assert calibration is not None
    assert (calibration.probability(scores) > 0.5).sum() <= 4


def test_a_higher_score_never_has_a_lower_probability() -> None:
    calibration = calibrate(*mixture(0.03, 4, 0)[:2])
    assert calibration is not None
    probabilities = calibration.probability(np.linspace(-50, 50, 2001, dtype=np.float32))
    assert (np.diff(probabilities) >= 0).all()
    assert (probabilities[0], probabilities[-1]) == (0, 1)


def test_the_threshold_is_where_one_voice_is_as_likely_as_two() -> None:
    calibration = calibrate(*mixture(0.03, 5, 0)[:2])
    assert calibration is not None
    at, below, above = calibration.probability(np.array([0, -0.01, 0.01]) + calibration.threshold)
    assert at == pytest.approx(0.5)
    assert below < 0.5 < above


def test_the_probability_is_the_logistic_of_the_score() -> None:
    found = Calibration(2.0, -3.0).probability(np.array([[0.0, 1.5], [2.0, -1e9]], np.float32))
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(3)), 0.5], [1 / (1 + np.exp(-1)), 0]], rtol=1e-6)


def test_the_scale_of_the_scores_does_not_matter() -> None:
    strangers, scores, _ = mixture(0.03, 5, 0)
    plain, stretched = calibrate(strangers, scores), calibrate(100 * strangers - 7, 100 * scores - 7)
    assert plain is not None
    assert stretched is not None
    np.testing.assert_allclose(plain.probability(scores), stretched.probability(100 * scores - 7), rtol=1e-3, atol=1e-4)


def test_too_few_pairs_teach_nothing() -> None:
    strangers, scores, _ = mixture(0.1, 5, 0)
    assert calibrate(strangers[: MIN_SAME_GAME_PAIRS - 1], scores) is None
    assert calibrate(strangers, scores[: MIN_CROSS_GAME_PAIRS - 1]) is None
    assert calibrate(strangers[:0], scores[:0]) is None
    assert calibrate(strangers[:MIN_SAME_GAME_PAIRS], scores[:MIN_CROSS_GAME_PAIRS]) is not None


def test_scores_that_are_all_equal_teach_nothing() -> None:
    assert calibrate(np.full(100, 0.3, np.float32), np.full(100, 0.3, np.float32)) is None


def test_same_game_scores_that_are_all_equal_leave_it_to_the_others() -> None:
    _, scores, same_voice = mixture(0.03, 5, 0)
    calibration = calibrate(np.full(100, scores.min()), scores)
    assert calibration is not None
    assert calibration_error(calibration.probability(scores), same_voice).ece < 0.01


few_values = hnp.arrays(np.float32, st.integers(30, 60), elements=st.sampled_from([-1.0, 0.0, 1e-7, 0.5, 1.0, 3e4]))
any_values = hnp.arrays(np.float32, st.integers(30, 60), elements=st.floats(-1e6, 1e6, width=32))


@settings(deadline=None, derandomize=True, max_examples=50)
@given(few_values | any_values, few_values | any_values)
def test_whatever_the_scores_the_numbers_are_finite_or_none(strangers: np.ndarray, scores: np.ndarray) -> None:
    calibration = calibrate(strangers, scores)  # a warning would fail this test too
    if calibration is not None:
        assert np.isfinite([calibration.slope, calibration.intercept, calibration.threshold]).all()
        assert calibration.slope > 0
        probabilities = calibration.probability(np.concatenate([strangers, scores]))
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
