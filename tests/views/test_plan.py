"""Which index suits how many clips."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.entities import counted
from speaker_search.views.clip_index.plan import FLAT_CLIPS, GROWTH, LIST_BOUNDS, Plan, lists_to_probe, outgrown, plan

counts = st.integers(0, 100_000_000)
ivf_plans = st.builds(
    lambda nlist, share: Plan("ivf", nlist, max(1, nlist // share), ""), st.integers(1, 40_000), st.integers(1, 600)
)
few_examples = settings(deadline=None, derandomize=True, max_examples=200)


@pytest.mark.parametrize(("clips", "kind"), [(0, "flat"), (1, "flat"), (100_000, "flat"), (100_001, "ivf")])
def test_an_exact_scan_serves_up_to_a_hundred_thousand_clips(clips: int, kind: str) -> None:
    assert plan(clips).kind == kind


@pytest.mark.parametrize(("clips", "nlist"), [(100_001, 2048), (1_000_000, 4096), (7_000_000, 16_384), (10**9, 32_768)])
def test_lists_are_about_four_times_the_root_of_the_clips(clips: int, nlist: int) -> None:
    assert plan(clips).nlist == nlist


@few_examples
@given(counts)
def test_one_number_of_clips_has_one_plan_and_its_reason_names_it(clips: int) -> None:
    assert plan(clips) == plan(clips)
    assert plan(clips).reason.startswith(f"{counted(clips, 'clip')}: ")


@few_examples
@given(counts, counts)
def test_more_clips_never_get_fewer_lists(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert plan(fewer).nlist <= plan(more).nlist
    assert plan(fewer).nprobe <= plan(more).nprobe


@few_examples
@given(st.integers(FLAT_CLIPS + 1, 100_000_000))
def test_lists_are_within_bounds_and_there_are_clips_to_train_them_on(clips: int) -> None:
    made = plan(clips)
    assert LIST_BOUNDS[0] <= made.nlist <= LIST_BOUNDS[1]
    assert 0 < made.nprobe <= made.nlist
    assert made.training_clips <= clips


@few_examples
@given(counts, counts)
def test_an_index_is_outgrown_once_and_never_by_its_own_clips(built_for: int, clips: int) -> None:
    made = plan(built_for)
    assert not outgrown(made, built_for, built_for)
    if outgrown(made, built_for, clips):
        assert clips > built_for
        assert outgrown(made, built_for, clips + 1)
        assert not outgrown(plan(clips), clips, clips)


@pytest.mark.parametrize(
    ("made", "built_for", "clips", "expected"),
    [
        (plan(10), 10, 100_000, False),
        (plan(10), 10, 100_001, True),
        (plan(200_000), 200_000, GROWTH * 200_000, False),
        (plan(200_000), 200_000, GROWTH * 200_000 + 1, True),
        (plan(200_000), 200_000, 5, False),  # lists that are too many cost nothing
    ],
)
def test_a_flat_index_is_outgrown_at_its_limit_and_lists_at_four_times_their_clips(
    made: Plan, built_for: int, clips: int, expected: bool
) -> None:
    assert outgrown(made, built_for, clips) is expected


@few_examples
@given(ivf_plans, counts, counts)
def test_a_query_looks_into_its_plans_lists_at_least_and_all_lists_at_most(
    made: Plan, clips: int, allowed: int
) -> None:
    assert min(made.nprobe, made.nlist) <= lists_to_probe(made, clips, allowed) <= made.nlist


@few_examples
@given(ivf_plans, counts, counts, counts)
def test_the_fewer_clips_are_allowed_the_more_lists_are_looked_into(
    made: Plan, clips: int, one: int, other: int
) -> None:
    fewer, more = sorted((min(one, clips), min(other, clips)))
    assert lists_to_probe(made, clips, fewer) >= lists_to_probe(made, clips, more)


@few_examples
@given(ivf_plans, st.integers(1, 100_000_000))
def test_without_a_filter_a_query_looks_into_its_plans_lists_and_below_a_tenth_into_all(made: Plan, clips: int) -> None:
    assert lists_to_probe(made, clips, clips) == made.nprobe
    assert lists_to_probe(made, clips, (clips - 1) // 10) == made.nlist
