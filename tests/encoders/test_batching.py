from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.encoders.batching import equal_length

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


def test_more_clips_together_make_fewer_batches() -> None:
    frames = [30 + (place * place) % 997 for place in range(6_000)]
    batches = []
    for window in (500, 1_000, 6_000):
        parts = [frames[start : start + window] for start in range(0, len(frames), window)]
        batches.append(sum(len(equal_length(part, 3_000)) for part in parts))
    assert batches[0] > batches[1] > batches[2]
    assert batches[0] > 2 * batches[2]
