"""Which index suits how many clips."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.views.clip_index.plan import (
    FLAT_CLIPS,
    GRAPH_LISTS,
    GROWTH,
    HALVES_CLIPS,
    HALVES_SHARE,
    LIST_BOUNDS,
    Plan,
    outgrown,
    plan,
)
from speaker_search.views.clip_index.probing import DEEP, Probing, Tuning, probing

counts = st.integers(0, 100_000_000)
probings = st.builds(Probing, st.integers(1, 512), st.floats(1, 8), st.floats(5, 100), st.floats(1, 100))
NLIST = 4096
few_examples = settings(deadline=None, derandomize=True, max_examples=200)


@pytest.mark.parametrize(("clips", "kind"), [(0, "flat"), (1, "flat"), (100_000, "flat"), (100_001, "ivf")])
def test_an_exact_scan_serves_up_to_a_hundred_thousand_clips(clips: int, kind: str) -> None:
    assert plan(clips).kind == kind


@pytest.mark.parametrize(
    ("clips", "nlist"), [(100_001, 2048), (1_000_000, 4096), (7_000_000, 4096), (17_000_000, 8192), (10**9, 32_768)]
)
def test_lists_are_about_four_times_the_root_of_the_clips_and_hold_about_four_thousand_at_most(
    clips: int, nlist: int
) -> None:
    assert plan(clips).nlist == nlist


@few_examples
@given(counts)
def test_one_number_of_clips_has_one_plan_and_lists_name_what_they_were_planned_for(clips: int) -> None:
    made = plan(clips)
    assert made == plan(clips)
    assert made.reason.startswith("an exact scan of" if made.kind == "flat" else f"{clips:,} clips: ")


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
@given(counts, st.integers(2, 1024), st.integers(0, 2**40), st.floats(0.5, 1))
def test_an_index_takes_the_memory_at_hand_and_no_more(clips: int, dim: int, memory: int, recall: float) -> None:
    made = plan(clips, dim=dim, memory=memory, recall=recall)
    if made.kind == "ivf" and made.codes == "fp16":
        assert clips <= HALVES_CLIPS
        assert 2 * dim * clips <= HALVES_SHARE * memory
    assert (made.nlist, made.kind) == (plan(clips).nlist, plan(clips).kind)


@pytest.mark.parametrize(
    ("clips", "gib", "codes", "name"),
    [
        (100_000, 1, "fp16", "Flat,fp16"),
        (1_000_000, 16, "fp16", "IVF4096,SQfp16"),
        (1_000_000, 1, "pq4", "IVF4096,PQx4fs,Refine(fp16)"),
        (7_000_000, 64, "pq4", "IVF4096,PQx4fs,Refine(fp16)"),
        (50_000_000, 64, "pq4", "IVF16384_HNSW32,PQx4fs,Refine(fp16)"),
    ],
)
def test_lists_hold_whole_vectors_where_these_are_small_and_codes_elsewhere(
    clips: int, gib: int, codes: str, name: str
) -> None:
    made = plan(clips, memory=gib * 2**30)
    assert (made.codes, made.name, made.graph) == (codes, name, made.nlist >= GRAPH_LISTS)


@few_examples
@given(st.integers(FLAT_CLIPS + 1, 100_000_000), st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_higher_recall_never_takes_fewer_lists(clips: int, one: float, other: float) -> None:
    lower, higher = sorted((one, other))
    assert plan(clips, recall=lower).nprobe <= plan(clips, recall=higher).nprobe


@few_examples
@given(probings, st.integers(FLAT_CLIPS, 10**8), st.floats(0, 1), st.integers(1, 10_000), st.booleans())
def test_a_query_probes_at_least_its_lists_or_scans_what_is_faster_to_scan(
    of: Probing, rows: int, share: float, limit: int, filtered: bool
) -> None:
    allowed = int(share * rows)
    probed = of.lists(NLIST, rows, allowed, limit, filtered=filtered)
    if probed is None:
        assert allowed * of.scan_ns <= rows * of.probe_ns
    else:
        assert min(of.nprobe, NLIST) <= probed <= NLIST
        assert allowed * of.scan_ns > probed / NLIST * rows * of.probe_ns


@few_examples
@given(probings, st.integers(FLAT_CLIPS, 10**8), st.floats(0, 1), st.floats(0, 1), st.integers(1, 10_000))
def test_the_fewer_clips_are_allowed_the_more_lists_are_probed(
    of: Probing, rows: int, one: float, other: float, limit: int
) -> None:
    fewer, more = (of.lists(NLIST, rows, int(s * rows), limit, filtered=True) for s in sorted((one, other)))
    assert fewer is None or more is None or fewer >= more


def test_without_a_filter_a_query_probes_its_plans_lists_and_more_where_many_clips_are_wanted() -> None:
    made = plan(1_000_000)
    of = probing(made)
    assert of.lists(made.nlist, 10**6, 10**6, DEEP, filtered=False) == made.nprobe
    assert of.lists(made.nlist, 10**6, 10**6, 4 * DEEP, filtered=False) == 2 * made.nprobe
    assert of.lists(made.nlist, 10**6, 1_000, DEEP, filtered=True) is None


def test_a_tuning_comes_back_from_json_as_it_was() -> None:
    made = Tuning(0.99, Probing(48, 1.5, 25.0, 9.0), 200, 0.992, 0.985, {"one game": 1.0})
    assert Tuning.of(json.loads(json.dumps(asdict(made)))) == made
    assert Tuning.of(None) is None
