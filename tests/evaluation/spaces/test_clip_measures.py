"""Clips compared with the characters of their game, and halves of characters with each other, checked by head."""

from __future__ import annotations

import numpy as np
import pytest

from speaker_search.evaluation.spaces.clip_measures import OfGame, clip_measures
from speaker_search.evaluation.spaces.half_voices import halves_compared

EAST, NORTH = (1.0, 0.0), (0.0, 1.0)


def game(*clips: tuple[tuple[float, float], int], number: int = 1, wordless: tuple[int, ...] = ()) -> OfGame:
    """Clips by their vector and character; `wordless` are places."""
    vectors = np.array([vector for vector, _ in clips], np.float32)
    cries = np.isin(np.arange(len(clips)), wordless)
    return OfGame(number, vectors, np.array([who for _, who in clips], np.int64), cries)


def test_clips_of_one_direction_are_together_and_those_at_right_angles_apart() -> None:
    found = clip_measures([game((EAST, 1), (EAST, 1), (NORTH, 2), (NORTH, 2))])
    assert (found.within, found.between) == pytest.approx((1.0, 0.0))
    assert found.silhouette == pytest.approx(1.0)
    assert (found.spoken.clips, found.spoken.own_first) == (4, 1.0)
    assert found.separation is None  # nothing varies


def test_a_clip_is_compared_with_the_other_clips_of_its_character() -> None:
    found = clip_measures([game((EAST, 1), (NORTH, 1), (EAST, 2), (EAST, 2))])
    assert found.within == pytest.approx((0 + 0 + 1 + 1) / 4)
    assert found.spoken.own_first == pytest.approx(2 / 4)  # both clips of character 1 are nearer to others


def test_clips_without_speech_are_counted_apart() -> None:
    found = clip_measures([game((EAST, 1), (EAST, 1), (NORTH, 2), (NORTH, 2), (EAST, 2), wordless=(4,))])
    assert (found.spoken.clips, found.spoken.own_first) == (4, 1.0)
    assert (found.wordless.clips, found.wordless.own_first) == (1, 0.0)


def test_measures_over_games_are_those_over_all_their_clips() -> None:
    rng = np.random.default_rng(0)
    some = rng.standard_normal((40, 8)).astype(np.float32)
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    who = np.arange(40) % 4
    games = [OfGame(n, some[n::2], who[n::2], np.zeros(20, np.bool_)) for n in (0, 1)]
    found = clip_measures(games)
    within, between = [], []
    for one in games:
        for place, vector in enumerate(one.vectors):
            for character in np.unique(one.characters):
                rows = np.flatnonzero((one.characters == character) & (np.arange(20) != place))
                mean = one.vectors[rows].sum(axis=0)
                cosine = float(vector @ mean / np.linalg.norm(mean))
                (within if character == one.characters[place] else between).append(cosine)
    assert (found.within, found.between) == pytest.approx((np.mean(within), np.mean(between)), abs=1e-6)
    spread = np.sqrt((np.var(within) + np.var(between)) / 2)
    assert found.separation == pytest.approx((np.mean(within) - np.mean(between)) / spread, abs=1e-5)
    assert set(found.silhouettes) == {0, 1}


def test_a_game_with_one_character_and_one_with_single_clips_have_nothing_to_tell_apart() -> None:
    found = clip_measures([game((EAST, 1), (NORTH, 1)), game((EAST, 1), (NORTH, 2), number=2)])
    assert (found.silhouettes, found.spoken.clips, found.between) == ({}, 0, pytest.approx(0.0))
    nothing = clip_measures([])
    assert (nothing.within, nothing.between, nothing.separation, nothing.silhouette) == (None, None, None, None)


def test_halves_of_one_direction_find_each_other() -> None:
    rng = np.random.default_rng(0)
    voices = rng.standard_normal((700, 16)).astype(np.float32)
    found = halves_compared(2 * voices, 3 * voices)
    assert found.found.mean() == 1.0
    assert found.same == pytest.approx(np.ones(700), abs=1e-4)
    assert len(found.different) == 700 * 699


def test_halves_of_unrelated_directions_do_not() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 100, 16)).astype(np.float32)
    assert halves_compared(first, second).found.mean() < 0.1
    nobody = np.empty((0, 16), np.float32)
    assert len(halves_compared(nobody, nobody).found) == 0
