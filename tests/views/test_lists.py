"""FAISS over rows against numpy: an exact scan and inverted lists, under filters, moved and written to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views.made_up import DIM, clips, unit

from speaker_search.views.clip_index import exact, lists, training
from speaker_search.views.clip_index.columns import ById, Columns, join, ordered
from speaker_search.views.clip_index.filters import Allowed
from speaker_search.views.clip_index.lists import Lists
from speaker_search.views.clip_index.plan import GRAPH_LISTS, TWO_LEVEL_LISTS, Plan, plan

FLAT = plan(0)
ALL_LISTS = Plan("ivf", 16, 16, "all lists are looked into")
CODES = Plan("ivf", 16, 16, "all lists are looked into, by codes", "pq4")
ONE_LIST = Plan("ivf", 16, 1, "one list a query")
CLOSE = 1e-5  # between sums of the same products in another order
kinds = pytest.mark.parametrize("made", [FLAT, ALL_LISTS, CODES], ids=["flat", "ivf", "codes"])
with_lists = pytest.mark.parametrize("made", [ALL_LISTS, CODES], ids=["ivf", "codes"])
quick = settings(deadline=None, derandomize=True, max_examples=40)


def nearest(
    made: Lists, held: Columns, query: np.ndarray, limit: int, usable: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What the lists give, without the choice of an exact scan where that is faster."""
    everything = np.array([0]), np.array([len(held)])
    allowed = Allowed(*everything, None if usable is None else ~usable, len(held))
    return made.nearest(held.vectors, query, limit, allowed, made.plan.nprobe or None)


def check(made: Lists, held: Columns, query: np.ndarray, limit: int, usable: np.ndarray | None = None) -> None:
    """What the lists give is what comparing one by one gives, up to ties."""
    rows, cosines = nearest(made, held, query, limit, usable)
    exact = held.vectors.astype(np.float32) @ query
    allowed = np.arange(len(held)) if usable is None else np.flatnonzero(usable)
    best = np.sort(exact[allowed])[::-1][:limit]
    assert len(set(rows.tolist())) == len(rows) == len(cosines) == len(best)
    assert set(rows.tolist()) <= set(allowed.tolist())
    assert (np.diff(cosines) <= 0).all()
    np.testing.assert_allclose(cosines, best, atol=CLOSE)
    np.testing.assert_allclose(cosines, exact[rows], atol=CLOSE)


@kinds
@quick
@given(
    count=st.integers(16, 300), seed=st.integers(0, 1000), limit=st.integers(1, 400), share=st.none() | st.floats(0, 1)
)
def test_the_nearest_rows_are_those_of_a_brute_force_search(
    made: Plan, count: int, seed: int, limit: int, share: float | None
) -> None:
    held = clips(range(count), seed)
    usable = None if share is None else np.random.default_rng(seed).random(count) < share
    check(lists.build(held, made), held, unit(1, seed + 7)[0], limit, usable)


@kinds
def test_one_usable_row_is_found_however_far_it_is(made: Plan) -> None:
    held = clips(range(300), 1)
    built, query = lists.build(held, made), unit(1, 2)[0]
    for row in (0, 17, 299, int(np.argmin(held.vectors.astype(np.float32) @ query))):
        usable = np.zeros(300, np.bool_)
        usable[row] = True
        check(built, held, query, 10, usable)


def test_nothing_is_found_when_nothing_is_there_usable_or_asked_for() -> None:
    empty, some = lists.build(clips([], 0), FLAT), lists.build(clips(range(20), 0), ALL_LISTS)
    query = unit(1, 2)[0]
    none_usable = np.zeros(20, np.bool_)
    no, twenty = clips([], 0), clips(range(20), 0)
    for found in (
        nearest(empty, no, query, 5),
        nearest(some, twenty, query, 5, none_usable),
        nearest(some, twenty, query, 0),
        nearest(empty, no, query, 5, np.zeros(0, np.bool_)),
    ):
        assert [len(part) for part in found] == [0, 0]


@pytest.mark.parametrize("limit", [5, 200, 300])
def test_when_the_lists_looked_into_run_dry_the_others_are_looked_into_too(limit: int) -> None:
    held = clips(range(300), 1)
    built, query = lists.build(held, ONE_LIST), unit(1, 2)[0]
    rows, _ = nearest(built, held, query, limit)
    assert len(set(rows.tolist())) == limit
    if limit == 300:
        check(built, held, query, limit)


@pytest.mark.parametrize("count", [1, 15, 16, 17])
def test_lists_can_be_trained_on_few_clips(count: int) -> None:
    held = clips(range(count), 3)
    built = lists.build(held, Plan("ivf", min(16, count), 16, ""))
    check(built, held, unit(1, 4)[0], count)
    assert built.differing(held) == 0


@with_lists
@quick
@given(
    seed=st.integers(0, 1000),
    gone=st.sets(st.integers(0, 99)),
    changed=st.sets(st.integers(0, 99), max_size=30),
    fresh=st.integers(0, 60),
)
def test_moved_rows_equal_lists_built_for_the_clips_as_they_are(
    made: Plan, seed: int, gone: set[int], changed: set[int], fresh: int
) -> None:
    """Some clips leave, some come, and some come back with other labels and vectors."""
    before = clips(range(100), seed)
    built = lists.build(before, made)
    tombstones = np.isin(before.ids, [*gone, *changed])
    added = clips([*sorted(changed), *range(1000, 1000 + fresh)], seed + 1)
    whole = ordered(join([before.take(~tombstones), added]))
    by_id = ById(whole.ids)
    moved = built.moved(np.where(tombstones, -1, by_id.rows(before.ids)), added, by_id.rows(added.ids))
    assert moved.differing(whole) == 0
    check(moved, whole, unit(1, seed + 7)[0], 20)
    assert built.differing(before) == 0  # which others may still be reading
    check(built, before, unit(1, seed + 7)[0], 20)


@with_lists
def test_differing_counts_rows_with_another_vector_and_those_that_are_not_there_once(made: Plan) -> None:
    held = clips(range(40), 1)
    built = lists.build(held, made)
    other = held.vectors.copy()
    other[[3, 8]] *= -1
    assert built.differing(held) == 0
    assert built.differing(replace(held, vectors=other)) == 2
    assert built.differing(clips(range(41), 1).take(np.arange(41) < 0)) >= 40  # all of them too many
    more = join([held, clips([99], 2)])
    assert built.differing(more) == 1
    twice = built.moved(np.arange(40), held.take(np.array([5])), np.array([5]))
    assert twice.differing(held) == 1


@with_lists
def test_lists_come_back_from_their_file_as_they_were(made: Plan, tmp_path: Path) -> None:
    held = clips(range(100), 1)
    built = lists.build(held, made)
    built.save(tmp_path / "lists.faiss")
    again = lists.load(tmp_path / "lists.faiss", built.plan, built.trained)
    assert (again.plan, again.built_for, again.differing(held)) == (made, 100, 0)
    check(again, held, unit(1, 2)[0], 10)
    moved = again.moved(np.where(np.arange(100) < 40, -1, np.arange(100) - 40), clips([], 0), np.empty(0, np.int64))
    assert moved.differing(held.take(np.arange(40, 100))) == 0
    with pytest.raises(RuntimeError):
        lists.load(tmp_path / "none.faiss", built.plan, built.trained)


@kinds
def test_building_twice_gives_the_same_answers(made: Plan) -> None:
    held = clips(range(500), 1, dim=DIM)
    one, other = (nearest(lists.build(held, made), held, unit(1, 3)[0], 50) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.skipif(not training.on_gpu(), reason="FAISS finds no GPU here")
@with_lists
def test_lists_made_on_a_gpu_hold_and_find_what_lists_made_on_a_cpu_do(made: Plan) -> None:
    held = clips(range(2 * exact.BLOCK), 1)
    built = lists.build(held, made)
    assert built.differing(held) == 0
    for seed in range(5):
        rows, cosines = nearest(built, held, unit(1, seed)[0], 10)
        best = exact.scan(held.vectors, np.array([0]), np.array([len(held)]), unit(1, seed)[0], 10)
        np.testing.assert_allclose(cosines, best[1], atol=CLOSE)
        assert len(set(rows.tolist())) == 10


def test_k_means_in_two_levels_makes_as_many_unit_centroids_as_lists_are_planned() -> None:
    held = clips(range(20_000), 1, dim=16)
    made = Plan("ivf", TWO_LEVEL_LISTS, 16, "two levels")
    index = training.trained(held.vectors, made)
    centroids = index.quantizer.reconstruct_n(0, index.nlist)
    assert centroids.shape == (TWO_LEVEL_LISTS, 16)
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, atol=1e-5)
    assert len(np.unique(centroids, axis=0)) > 0.99 * TWO_LEVEL_LISTS


def test_lists_found_through_a_graph_hold_every_row_once_and_find_the_nearest() -> None:
    held = clips(range(18_000), 1)
    made = Plan("ivf", GRAPH_LISTS, 512, "a graph of the lists", "pq4")
    built = lists.build(held, made)
    assert built.differing(held) == 0
    found = 0
    for seed in range(20):
        query = unit(1, seed)[0]
        rows, _ = nearest(built, held, query, 10)
        best, _ = exact.scan(held.vectors, np.array([0]), np.array([len(held)]), query, 10)
        found += len(np.intersect1d(rows, best))
    assert found >= 0.95 * 200


@pytest.mark.parametrize("count", [1, 500])
def test_an_exact_scan_of_many_queries_at_once_equals_one_after_the_other(count: int) -> None:
    held = clips(range(count), 4)
    queries, gone = unit(7, 5), np.random.default_rng(6).random(count) < 0.3
    first, end = np.array([0, 200])[: 1 + (count > 1)], np.array([100, 450])[: 1 + (count > 1)].clip(max=count)
    rows, cosines = exact.many(held.vectors, first, end, queries, 10, gone)
    allowed = Allowed(first, end, gone, count)
    for query, some, values in zip(queries, rows, cosines, strict=True):
        one, expected = exact.scan(held.vectors, first, end, query, 10, allowed.selector)
        assert set(some[some >= 0].tolist()) == set(one.tolist())
        np.testing.assert_allclose(values[some >= 0], expected, atol=CLOSE)
