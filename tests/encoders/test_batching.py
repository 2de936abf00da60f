from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.encoders.batching import equal_length, fill

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


def test_a_wider_window_fills_batches_better() -> None:
    frames = [30 + (place * place) % 997 for place in range(6_000)]
    filled = []
    for window in (50, 500, 5_000):
        parts = [frames[start : start + window] for start in range(0, len(frames), window)]
        batches = [[part[at] for at in batch] for part in parts for batch in equal_length(part, 3_000)]
        filled.append(fill(batches, 3_000))
    assert filled == sorted(filled)
    assert filled[-1] > 2 * filled[0]


def test_fill_is_the_mean_share_of_the_budget() -> None:
    assert fill([[5, 5], [5]], 10) == pytest.approx(0.75)
    assert fill([], 10) == 0.0
