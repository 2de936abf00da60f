"""Clips as columns: their order, and where a game, a character or a clip lies in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views.made_up import assert_same_clips, clips

from speaker_search.catalog.embeddings import UNKNOWN, EmbeddedClips
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import ById

quick = settings(deadline=None, derandomize=True, max_examples=60)
numbers = st.lists(st.integers(1, 500), unique=True, max_size=60)


@quick
@given(numbers, st.integers(0, 1000))
def test_every_game_and_every_character_is_one_range_of_rows(ids: list[int], seed: int) -> None:
    held = clips(ids, seed)
    for game in range(7):
        (low,), (high,) = columns.ranges(held, np.array([game]))
        assert (held.games[low:high] == game).all()
        assert np.count_nonzero(held.games == game) == high - low
    pairs = [(game, character) for game in range(7) for character in (UNKNOWN, *range(10 * game, 10 * game + 5))]
    games, characters = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    for (game, character), low, high in zip(pairs, *columns.ranges(held, games, characters), strict=True):
        of_it = (held.games == game) & (held.characters == character)
        assert of_it[low:high].all()
        assert np.count_nonzero(of_it) == high - low
        assert (np.diff(held.ids[low:high]) > 0).all()


@quick
@given(numbers, st.lists(st.integers(1, 500), max_size=30))
def test_a_clip_is_found_by_its_id_and_one_that_is_not_there_is_not(ids: list[int], asked: list[int]) -> None:
    held = clips(ids, 0)
    rows = ById(held.ids).rows(np.array(asked, np.int64))
    assert [int(held.ids[row]) if row >= 0 else None for row in rows] == [id_ if id_ in ids else None for id_ in asked]


@quick
@given(numbers, st.integers(1, 7))
def test_clips_come_into_one_order_however_they_are_given(ids: list[int], parts: int) -> None:
    held = clips(ids, 3)
    shuffled = held.take(np.random.default_rng(0).permutation(len(held)))
    as_given = [
        EmbeddedClips(part.ids, part.characters, part.games, part.seconds, part.vectors.astype(np.float32))
        for part in (shuffled.take(rows) for rows in np.array_split(np.arange(len(held)), parts))
    ]
    assert_same_clips(columns.gather(as_given, held.dim), held)


def test_no_clips_have_the_width_of_the_space() -> None:
    nothing = columns.gather([], 24)
    assert (len(nothing), nothing.dim, nothing.vectors.dtype, nothing.seconds.dtype) == (0, 24, np.float16, np.float32)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_float16_moves_a_cosine_by_less_than_the_documentation_says(scale: float) -> None:
    vectors = np.random.default_rng(0).standard_normal((2000, 192)).astype(np.float32) ** 3
    vectors[:, 0] += 1 / scale  # so that most elements are very small
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = vectors @ vectors[:50].T
    assert np.abs(columns.halves(vectors).astype(np.float32) @ vectors[:50].T - exact).max() < 0.0005


def test_what_is_no_unit_vector_and_does_not_fit_is_kept_without_a_warning() -> None:
    assert columns.halves(np.array([[1e9, np.nan, -1e9]], np.float32)).tolist()[0][::2] == [np.inf, -np.inf]
