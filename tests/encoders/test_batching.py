from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.encoders.batching import equal_length, equal_length_stream, fill

frames = st.lists(st.integers(0, 30), max_size=60)
budgets = st.integers(1, 100)
modest = settings(deadline=None, derandomize=True, max_examples=100)


@modest
@given(frames, budgets)
def test_every_clip_is_in_exactly_one_batch(frames: list[int], budget: int) -> None:
    assert sorted(position for batch in equal_length(frames, budget) for position in batch) == list(range(len(frames)))


@modest
@given(frames, budgets)
def test_a_batch_holds_one_frame_count_within_the_budget_or_one_clip(frames: list[int], budget: int) -> None:
    for batch in equal_length(frames, budget):
        assert batch
        assert len({frames[position] for position in batch}) == 1
        assert sum(frames[position] for position in batch) <= budget or len(batch) == 1


@modest
@given(frames, budgets)
def test_no_two_batches_of_a_frame_count_could_be_one(frames: list[int], budget: int) -> None:
    totals: dict[int, list[int]] = {}
    for batch in equal_length(frames, budget):
        totals.setdefault(frames[batch[0]], []).append(len(batch))
    for count, sizes in totals.items():
        full = max(1, budget // max(1, count))
        assert all(size == full for size in sizes[:-1])


def test_longest_clips_come_first_and_equals_keep_their_order() -> None:
    assert equal_length([2, 5, 2, 2, 9], 4) == [[4], [1], [0, 2], [3]]


# Streams


windows = st.integers(1, 40)


def batches_of(frames: list[int], window: int, budget: int) -> list[list[int]]:
    return list(equal_length_stream(enumerate(frames), window=window, max_frames=budget))


@modest
@given(frames, windows, budgets)
def test_every_clip_of_a_stream_is_in_exactly_one_batch(frames: list[int], window: int, budget: int) -> None:
    batches = batches_of(frames, window, budget)
    assert sorted(clip for batch in batches for clip in batch) == list(range(len(frames)))


@modest
@given(frames, windows, budgets)
def test_a_streams_batch_holds_one_frame_count_within_the_budget_or_one_clip(
    frames: list[int], window: int, budget: int
) -> None:
    for batch in batches_of(frames, window, budget):
        assert batch
        assert len({frames[clip] for clip in batch}) == 1
        assert sum(frames[clip] for clip in batch) <= budget or len(batch) == 1


@modest
@given(frames, windows, budgets)
def test_no_more_clips_of_a_stream_wait_than_the_window_holds(frames: list[int], window: int, budget: int) -> None:
    taken = 0

    def clips() -> Iterator[tuple[int, int]]:
        nonlocal taken
        for clip, count in enumerate(frames):
            taken += 1
            yield clip, count

    given_away = 0
    for batch in equal_length_stream(clips(), window=window, max_frames=budget):
        assert taken - given_away <= window
        given_away += len(batch)


@modest
@given(frames, budgets)
def test_a_stream_within_its_window_is_batched_as_a_list_is(frames: list[int], budget: int) -> None:
    def together(batches: list[list[int]]) -> list[list[int]]:
        return sorted(sorted(batch) for batch in batches)

    assert together(batches_of(frames, len(frames) + 1, budget)) == together(equal_length(frames, budget))


def test_a_full_batch_of_a_stream_does_not_wait_for_the_window() -> None:
    stream = equal_length_stream(((clip, 5) for clip in range(10**9)), window=1_000, max_frames=10)
    assert [next(stream), next(stream)] == [[0, 1], [2, 3]]


def test_a_full_window_gives_its_fullest_batches_away() -> None:
    assert batches_of([3, 1, 1, 2, 2, 9, 1], window=4, budget=100) == [[0], [3, 4], [5], [1, 2, 6]]


def test_a_wider_window_fills_batches_better() -> None:
    frames = [30 + (place * place) % 997 for place in range(6_000)]
    filled = []
    for window in (50, 500, 5_000):
        batches = batches_of(frames, window, 3_000)
        filled.append(fill([[frames[clip] for clip in batch] for batch in batches], 3_000))
    assert filled == sorted(filled)
    assert filled[-1] > 2 * filled[0]


def test_fill_is_the_mean_share_of_the_budget() -> None:
    assert fill([[5, 5], [5]], 10) == pytest.approx(0.75)
    assert fill([], 10) == 0.0
