"""Intervals by bootstrap over voice actors: weights against real resampling, and how often they contain the truth."""

from __future__ import annotations

import numpy as np
import pytest

from speaker_search.evaluation.bootstrap import ROUNDS, calibration_errors, draws, f1_scores, interval, means
from speaker_search.evaluation.metrics import bcubed_of_each, calibration_error, f1

ACTORS = np.array([0, 0, 1, 2, 2, 2, 3])
VALUES = np.array([1.0, 0.0, 1.0, 0.0, np.nan, 1.0, 0.5])


def copies(drawn: np.ndarray) -> np.ndarray:
    """The places of all characters of the actors drawn in one round, as often as they were drawn."""
    return np.concatenate(
        [np.flatnonzero(actor == ACTORS) for actor, times in enumerate(drawn) for _ in range(int(times))]
    )


def test_a_round_draws_as_many_actors_as_there_are() -> None:
    drawn = draws(7)
    assert drawn.shape == (ROUNDS, 7)
    assert set(drawn.sum(axis=1)) == {7.0}


def test_the_same_rounds_are_drawn_every_time() -> None:
    assert (draws(12) == draws(12)).all()
    assert len(np.unique(draws(12), axis=0)) > 900


def test_a_weighted_mean_equals_that_of_the_characters_drawn() -> None:
    drawn = draws(4)
    resampled = [np.nanmean(VALUES[copies(one)]) for one in drawn[:100]]
    assert means(drawn, ACTORS, VALUES)[:100] == pytest.approx(resampled)


def test_a_weighted_f1_equals_that_of_the_characters_drawn() -> None:
    drawn = draws(4)
    precisions, recalls = bcubed_of_each(np.array([0, 1, 1, 2, 2, 2, 2]), ACTORS)
    rows = [copies(one) for one in drawn[:100]]
    resampled = [f1(float(precisions[row].mean()), float(recalls[row].mean())) for row in rows]
    assert f1_scores(drawn, ACTORS, precisions, recalls)[:100] == pytest.approx(resampled)


def test_a_weighted_calibration_error_equals_that_of_the_characters_drawn() -> None:
    drawn = draws(4)
    said = np.array([0.1, 0.95, 0.15, 0.5, 0.55, 0.9, 1.0], np.float32)
    so = np.array([0, 1, 1, 0, 1, 0, 1], bool)
    resampled = [calibration_error(said[row], so[row]).ece for row in map(copies, drawn[:100])]
    assert calibration_errors(drawn, ACTORS, said, so)[:100] == pytest.approx(resampled)


def test_rounds_that_draw_nothing_to_measure_are_left_out() -> None:
    drawn = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    measured = means(drawn, np.array([0, 1]), np.array([np.nan, 0.25]))
    assert measured.tolist()[1:] == [0.25, 0.25]
    assert np.isnan(measured[0])
    assert interval(measured) == (0.25, 0.25)


def test_there_is_no_interval_of_nothing() -> None:
    nothing = np.empty(0, np.int64)
    assert interval(means(draws(3), nothing, np.empty(0))) is None
    assert interval(calibration_errors(draws(3), nothing, np.empty(0, np.float32), np.empty(0, bool))) is None


def test_an_interval_is_the_middle_95_percent() -> None:
    low, high = interval(np.arange(1001.0)) or (0, 0)
    assert (low, high) == (25.0, 975.0)


def test_about_95_of_100_intervals_contain_the_true_mean() -> None:
    """Actors of 3 characters each that are all right or all wrong, right seven times in ten."""
    rng = np.random.default_rng(0)
    actors = np.repeat(np.arange(60), 3)
    drawn = draws(60)
    held = 0
    for _ in range(400):
        values = np.repeat(rng.random(60) < 0.7, 3).astype(float)
        low, high = interval(means(drawn, actors, values)) or (1, 0)
        held += low <= 0.7 <= high
    assert 0.91 <= held / 400 <= 0.98


def test_characters_of_one_actor_count_as_one_observation() -> None:
    """Ten copies of every character add no information."""
    values = (np.random.default_rng(1).random(40) < 0.5).astype(float)
    once = interval(means(draws(40), np.arange(40), values))
    tenfold = interval(means(draws(40), np.repeat(np.arange(40), 10), np.repeat(values, 10)))
    assert once == pytest.approx(tenfold)
