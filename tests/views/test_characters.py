"""The characters as their clips add up: exact whichever way they are reached, and their scatter against numpy."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views.made_up import clips, unit, without

from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.views import characters
from speaker_search.views.changes import Delta
from speaker_search.views.characters import BLOCK, Characters
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns, halves, join, ordered

quick = settings(deadline=None, derandomize=True, max_examples=60)


def assert_equal(one: Characters, other: Characters) -> None:
    """Bit for bit, so that a view that has followed for a year is the one made today."""
    for field in fields(Characters):
        left, right = np.asarray(getattr(one, field.name)), np.asarray(getattr(other, field.name))
        assert (left.dtype, left.shape) == (right.dtype, right.shape), field.name
        np.testing.assert_array_equal(left, right, err_msg=field.name)


@quick
@given(st.lists(st.tuples(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60))), max_size=6), st.integers(0, 1000))
def test_following_step_by_step_equals_making_them_anew(steps: list[tuple[set[int], set[int]]], seed: int) -> None:
    truth = clips(range(1, 31), seed)
    followed = characters.of_clips(truth, 0)
    for number, (leave, come) in enumerate(steps, start=1):
        touched = sorted(leave | come)
        added = clips(sorted(come), seed + number)
        followed = followed.apply(Delta(number, truth.take(np.isin(truth.ids, touched)), added))
        truth = ordered(join([without(truth, touched), added]))
        assert_equal(followed, characters.of_clips(truth, number))


def test_sums_counts_and_milliseconds_are_those_of_each_characters_clips() -> None:
    held = clips(range(200), 1)
    found = characters.of_clips(held, 7)
    assert found.position == 7
    assert found.ids.tolist() == sorted(set(held.characters.tolist()) - {UNKNOWN})
    for place, id_ in enumerate(found.ids):
        own = held.take(held.characters == id_)
        assert (found.counts[place], {int(found.games[place])}) == (len(own), set(own.games.tolist()))
        np.testing.assert_array_equal(found.sums[place], own.vectors.astype(np.float64).sum(axis=0))
        assert found.milliseconds[place] == sum(round(1_000 * seconds) for seconds in own.seconds.tolist())


def test_clips_of_unknown_speakers_count_for_nobody() -> None:
    held = clips(range(50), 1)
    named = held.take(held.characters != UNKNOWN)
    assert 0 < len(named) < len(held)
    assert_equal(characters.of_clips(held, 0), characters.of_clips(named, 0))
    known = replace(held, characters=np.where(held.characters == UNKNOWN, 10, held.characters))
    now_known = characters.of_clips(held, 0).apply(Delta(0, held, ordered(known)))
    assert now_known.counts.sum() == 50
    assert now_known.milliseconds.sum() == sum(round(1_000 * seconds) for seconds in held.seconds.tolist())


def test_a_clip_that_changes_hands_or_leaves_takes_its_audio_with_it() -> None:
    two = clips([1, 2], 0).take(np.zeros(2, np.int64))
    held = replace(two, ids=np.array([1, 2]), characters=np.array([10, 11]), seconds=np.array([1.25, 0.5], np.float32))
    before = characters.of_clips(held, 0)
    assert (before.ids.tolist(), before.milliseconds.tolist()) == ([10, 11], [1_250, 500])
    first = held.take(held.ids == 1)
    relabelled = before.apply(Delta(1, first, replace(first, characters=np.array([11]))))
    assert (relabelled.ids.tolist(), relabelled.milliseconds.tolist()) == ([11], [1_750])
    removed = before.apply(Delta(1, first, columns.none(held.dim)))
    assert (removed.ids.tolist(), removed.milliseconds.tolist()) == ([11], [500])


def test_a_character_whose_last_clip_leaves_is_gone_and_one_moment_is_left_of_nobody() -> None:
    held = clips(range(50), 1)
    gone = characters.of_clips(held, 0).apply(Delta(1, held, columns.none(held.dim)))
    assert_equal(gone, characters.of_clips(columns.none(held.dim), 1))
    assert not gone.moment.any()


def test_the_order_and_the_parts_in_which_clips_are_summed_do_not_matter() -> None:
    count = BLOCK + 1_000
    rng = np.random.default_rng(0)
    who, seconds = rng.integers(1, 9, count), rng.uniform(0.3, 60, count).astype(np.float32)
    whole = Columns(np.arange(count), who, np.ones(count, np.int64), seconds, halves(unit(count, 1, dim=4)))
    in_two_blocks = characters.of_clips(whole, 0)
    one_by_one = characters.of_clips(columns.none(4), 0)
    for rows in np.array_split(rng.permutation(count), 50):
        one_by_one = one_by_one.apply(Delta(0, columns.none(4), whole.take(rows)))
    assert_equal(one_by_one, in_two_blocks)


@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_the_scatter_is_the_covariance_of_clips_around_their_character(spread: float) -> None:
    rng = np.random.default_rng(0)
    centres = unit(9, 1)
    who = rng.integers(0, 9, 3_000)
    vectors = centres[who] + spread * rng.standard_normal((3_000, 8)).astype(np.float32) * np.linspace(0.1, 1, 8)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one_game, seconds = np.ones(3_000, np.int64), np.ones(3_000, np.float32)
    held = Columns(np.arange(3_000), who + 1, one_game, seconds, halves(vectors.astype(np.float32)))
    as_held = held.vectors.astype(np.float64)
    means = np.stack([as_held[who == one].mean(axis=0) for one in range(9)])
    off = as_held - means[who]
    found = characters.of_clips(ordered(held), 0).scatter()
    np.testing.assert_allclose(found, off.T @ off / (3_000 - 9), atol=1e-5)
    np.testing.assert_allclose(found, found.T, atol=1e-15)


def test_the_scatter_of_nobody_and_of_single_clips_is_finite() -> None:
    for held in (columns.none(8), clips([1], 0), clips(range(3), 0)):
        assert np.isfinite(characters.of_clips(held, 0).scatter()).all()
