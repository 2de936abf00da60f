"""Scores between voices, on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.search.scoring import (
    CHANNEL_PRIOR,
    COHORT_BOUNDS,
    LEAST_SPREAD,
    SAMPLED,
    channels,
    cohort,
    cohort_size,
    cohorts_across_games,
    highest,
    near_others,
    normalised,
    unit,
    whitening,
)

quiet = settings(deadline=None, derandomize=True, max_examples=60)


def voices(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


# -- unit ----------------------------------------------------------------------------------------------------


def test_unit_vectors_have_length_one_and_their_direction() -> None:
    vectors = np.random.default_rng(0).standard_normal((4, 5, 6)).astype(np.float32) * 100
    scaled = unit(vectors)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(scaled * np.linalg.norm(vectors, axis=-1, keepdims=True), vectors, rtol=1e-5)


@pytest.mark.parametrize("length", [1e-30, 1e30])
def test_very_short_and_very_long_vectors_have_a_direction_too(length: float) -> None:
    np.testing.assert_allclose(unit(np.array([3, 4], np.float32) * np.float32(length)), [0.6, 0.8], rtol=1e-6)


def test_the_unit_of_zero_is_zero() -> None:
    np.testing.assert_array_equal(unit(np.zeros((2, 3), np.float32)), np.zeros((2, 3)))
    np.testing.assert_array_equal(unit(np.array([[0, 0], [0, 2]], np.float32)), [[0, 0], [0, 1]])


def test_unit_of_no_vectors_is_none() -> None:
    assert unit(np.empty((0, 3), np.float32)).shape == (0, 3)


# -- channels ------------------------------------------------------------------------------------------------


def test_what_a_large_games_room_adds_to_all_its_voices_is_mostly_taken_off() -> None:
    rng = np.random.default_rng(1)
    clean = unit(rng.standard_normal((220, 64)).astype(np.float32))
    games = np.repeat(np.arange(4), [100, 40, 40, 40])
    room = 0.8 * unit(rng.standard_normal(64).astype(np.float32))
    heard = clean + np.where(games[:, None] == 0, room, 0).astype(np.float32)
    _, channel = channels(heard, games)
    off_before = heard[games == 0].mean(axis=0) - heard[games != 0].mean(axis=0)
    left = heard - channel
    off_after = left[games == 0].mean(axis=0) - left[games != 0].mean(axis=0)
    assert np.linalg.norm(off_after) < 0.2 * np.linalg.norm(off_before)
    assert np.linalg.norm((heard - channel)[games == 0].mean(axis=0) @ room) < 0.1 * np.linalg.norm(room) ** 2


def test_a_game_of_as_many_characters_as_the_prior_moves_half_the_way_to_its_own_mean() -> None:
    means = voices(3 * CHANNEL_PRIOR)
    games = np.repeat([7, 8, 9], CHANNEL_PRIOR)
    centre, channel = channels(means, games)
    np.testing.assert_allclose(centre, means.mean(axis=0), atol=1e-6)
    for game in (7, 8, 9):
        own = means[games == game].mean(axis=0)
        np.testing.assert_allclose(channel[games == game], np.tile((own + centre) / 2, (CHANNEL_PRIOR, 1)), atol=1e-6)


# -- whitening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shrinkage", [0.0, 2.0])
def test_whitening_is_the_inverse_root_of_the_shrunk_covariance(shrinkage: float) -> None:
    rng = np.random.default_rng(0)
    deviations = (rng.standard_normal((500, 6)) @ rng.standard_normal((6, 6))).astype(np.float32)
    seconds = rng.uniform(0.5, 60, 500)
    matrix = whitening(deviations, seconds, shrinkage).astype(np.float64)
    weighted = deviations * (seconds / (seconds + 1))[:, None]
    covariance = weighted.T @ weighted / 500
    shrunk = covariance + shrinkage * np.trace(covariance) / 6 * np.eye(6)
    np.testing.assert_allclose(matrix @ shrunk @ matrix, np.eye(6), atol=1e-3)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_characters_of_little_speech_hardly_shape_the_whitening() -> None:
    clean = voices(100, dim=8)
    noise = voices(50, dim=8, seed=1) * np.array([9, 1, 1, 1, 1, 1, 1, 1], np.float32)
    seconds = np.repeat([100.0, 0.01], [100, 50])
    with_noise = whitening(np.concatenate([clean, noise]), seconds, 2.0)
    without = whitening(clean, seconds[:100], 2.0)
    np.testing.assert_allclose(unit(clean @ with_noise), unit(clean @ without), atol=0.02)


@pytest.mark.parametrize("characters", [0, 1, 5])
def test_whitening_of_no_deviation_changes_nothing(characters: int) -> None:
    matrix = whitening(np.zeros((characters, 4), np.float32), np.ones(characters), 2.0)
    np.testing.assert_array_equal(matrix, np.eye(4))


# -- cohorts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("characters", "size"),
    [(0, 0), (1, 1), (29, 29), (30, 30), (60, 30), (90, 30), (91, 31), (300, 100), (900, 300), (9_000, 300)],
)
def test_a_cohort_is_a_third_within_bounds_and_never_more_than_there_are(characters: int, size: int) -> None:
    assert COHORT_BOUNDS == (30, 300)
    assert cohort_size(characters) == size


def plain_cohort(cosines: list[float], characters: int) -> tuple[float, float]:
    size = cohort_size(characters)
    spared = min(int(max(0, size - 80) / 3), characters - size, min(len(cosines), characters) // 4)
    top = sorted(cosines, reverse=True)[spared : spared + size]
    lacking = max(0, 6 - len(top))
    filled = np.sqrt((len(top) * np.var(top) + lacking * 0.2**2) / (len(top) + lacking))
    return float(np.mean(top)), max(float(filled), LEAST_SPREAD)


@quiet
@given(st.integers(0, 10**6), st.integers(1, 400), st.integers(1, 5))
def test_a_cohort_is_the_mean_and_spread_of_the_highest_cosines(seed: int, columns: int, rows: int) -> None:
    cosines = np.random.default_rng(seed).uniform(-1, 1, (rows, columns)).astype(np.float32)
    means, spreads = cohort(cosines)
    for row in range(rows):
        expected = plain_cohort(cosines[row].tolist(), columns)
        assert (means[row], spreads[row]) == (
            pytest.approx(expected[0], abs=1e-5),
            pytest.approx(expected[1], abs=1e-5),
        )


def test_an_actors_other_roles_stay_out_of_the_cohort_in_a_large_catalog() -> None:
    """Thirty roles of one actor among 600 characters: they do not show how near strangers come."""
    strangers = np.random.default_rng(0).normal(0.1, 0.05, (1, 570)).astype(np.float32)
    without = cohort(np.hstack([strangers, np.full((1, 30), -1, np.float32)]))
    roles = cohort(np.hstack([strangers, np.full((1, 30), 0.9, np.float32)]))
    np.testing.assert_allclose(roles, without, atol=0.02)


def test_a_spread_of_nothing_is_taken_for_the_least() -> None:
    means, spreads = cohort(np.full((2, 40), 0.25, np.float32))
    np.testing.assert_allclose(means, 0.25)
    np.testing.assert_allclose(spreads, LEAST_SPREAD)


def test_one_character_says_nothing_of_a_spread_and_six_say_all() -> None:
    _, alone = cohort(np.array([[0.3]], np.float32))
    np.testing.assert_allclose(alone, np.sqrt(5 / 6) * 0.2, rtol=1e-5)
    six = np.linspace(0, 0.05, 6, dtype=np.float32)
    np.testing.assert_allclose(cohort(six[None])[1], np.std(six), rtol=1e-5)


@quiet
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3_000), st.integers(1, 40), st.sampled_from([1, 50]))
def test_the_highest_values_of_a_row_are_found_however_long_it_is(
    seed: int, rows: int, columns: int, count: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, columns)).astype(np.float32)
    values = np.where(rng.random(values.shape) < 0.2, -np.inf, np.round(values * levels)).astype(np.float32)
    count = min(count, columns)
    np.testing.assert_array_equal(highest(values, count), -np.sort(-values, axis=1)[:, :count])


@pytest.mark.parametrize("where", [slice(None, None, SAMPLED), slice(1, None, SAMPLED), slice(2_000)])
def test_highest_values_in_unlucky_places_are_found_too(where: slice) -> None:
    """They are where the sample is taken, or nowhere in it, or together."""
    values = np.random.default_rng(0).uniform(0, 1, (2, 20_000)).astype(np.float32)
    values[1, where] += 1
    np.testing.assert_array_equal(highest(values, 373), -np.sort(-values, axis=1)[:, :373])


def plain_cohorts(vectors: np.ndarray, games: np.ndarray) -> tuple[list[float], list[float]]:
    """A loop over characters: each one's nearest of other games, as many as a cohort is or there are."""
    found = []
    for own, game in zip(vectors, games, strict=True):
        others = [float(own @ other) for other, of in zip(vectors, games, strict=True) if of != game]
        found.append(plain_cohort(others, len(vectors)) if others else (0.0, 1.0))
    return [mean for mean, _ in found], [spread for _, spread in found]


@quiet
@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 6))
def test_cohorts_across_games_equal_a_plain_loop(seed: int, characters: int, games_there: int) -> None:
    games = np.random.default_rng(seed).integers(0, games_there, characters)
    vectors = voices(characters, seed=seed)
    means, spreads = cohorts_across_games(vectors, games)
    expected = plain_cohorts(vectors, games)
    np.testing.assert_allclose(means, expected[0], atol=1e-5)
    np.testing.assert_allclose(spreads, expected[1], atol=1e-5)


def test_a_characters_cohort_does_not_depend_on_who_is_looked_at_beside_it() -> None:
    # One game is most of the catalog, so its characters have 60 others, and the rest have more than a thousand.
    games = np.repeat([1, 2, 3], [1_024, 30, 30])
    vectors = voices(len(games), dim=8, seed=3)
    means, spreads = cohorts_across_games(vectors, games)
    shuffled = np.random.default_rng(0).permutation(len(games))
    other_means, other_spreads = cohorts_across_games(vectors[shuffled], games[shuffled])
    np.testing.assert_allclose(other_means, means[shuffled], atol=1e-5)
    np.testing.assert_allclose(other_spreads, spreads[shuffled], atol=1e-5)


def test_a_catalog_of_one_game_has_no_cohorts() -> None:
    means, spreads = cohorts_across_games(voices(5), np.zeros(5, np.int64))
    assert (means.tolist(), spreads.tolist()) == ([0] * 5, [1] * 5)


# -- normalised ----------------------------------------------------------------------------------------------


def test_symmetric_cosines_stay_symmetric() -> None:
    vectors = voices(50)
    cohorts = cohorts_across_games(vectors, np.arange(50) % 5)
    scores = normalised(vectors @ vectors.T, cohorts, cohorts)
    np.testing.assert_allclose(scores, scores.T, atol=1e-5)


def test_a_score_is_the_mean_of_how_far_it_stands_out_on_either_side() -> None:
    cosines = np.array([[0.5, 0.1]], np.float32)
    rows = np.array([0.1], np.float32), np.array([0.2], np.float32)
    columns = np.array([0.3, 0.0], np.float32), np.array([0.1, 0.05], np.float32)
    np.testing.assert_allclose(normalised(cosines, rows, columns), [[(2 + 2) / 2, (0 + 2) / 2]], rtol=1e-5)


class Multiplied(np.ndarray):  # type: ignore[type-arg]
    """Vectors that count the scores that are made of them."""

    scores = 0

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        Multiplied.scores += len(self) * other.shape[1]
        return np.asarray(self) @ np.asarray(other)


def test_a_large_game_is_not_compared_with_itself_to_see_whether_it_is_far_from_others() -> None:
    """It would take the square of its characters, at every change of the catalog."""
    Multiplied.scores = 0
    vectors = np.eye(4, dtype=np.float32)[np.repeat([0, 1], [1_000, 2])].view(Multiplied)
    assert not near_others(vectors[:1_000], np.zeros(1_000, np.int64)).any()
    assert Multiplied.scores == 0
    assert not near_others(vectors, np.repeat([0, 1], [1_000, 2])).any()
    vectors[1_000:, 2] = vectors[1_001, 0] = 1
    assert near_others(vectors, np.repeat([0, 1], [1_000, 2])).all()
