"""The index against numpy: the same clips, whatever was added, removed and allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.index.clip_index import FLAT_PART, ClipIndex, build
from speaker_search.index.plan import Plan, plan

DIM = 8
FLAT = plan(0)
LISTS = Plan("ivf", 16, 16, "all lists are looked into")
HALF = 1e-3  # what float16 costs a cosine at most
kinds = pytest.mark.parametrize("made", [FLAT, LISTS], ids=["flat", "ivf"])
quick = settings(deadline=None, derandomize=True, max_examples=40)


def unit(count: int, seed: int, dim: int = DIM) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@cache
def trained(made: Plan) -> ClipIndex:
    return build(made, DIM, 0, lambda count: unit(count, 99))


def empty(made: Plan) -> ClipIndex:
    return ClipIndex(faiss.clone_index(trained(made).faiss_index), made, 0, 0)


def filled(made: Plan, vectors: dict[int, np.ndarray]) -> ClipIndex:
    index = empty(made)
    index.add(np.array(list(vectors), np.int64), np.stack(list(vectors.values())))
    return index


def check(
    index: ClipIndex, truth: dict[int, np.ndarray], query: np.ndarray, limit: int, allowed: list[int] | None
) -> None:
    """What the index gives is what comparing one by one gives, up to ties and the rounding of float16."""
    tolerance = 1e-5 if index.plan.kind == "flat" else HALF
    ids, cosines = index.nearest(query, limit, allowed=None if allowed is None else np.array(allowed, np.int64))
    cosine = {id_: float(vector @ query) for id_, vector in truth.items() if allowed is None or id_ in allowed}
    best = sorted(cosine.values(), reverse=True)[:limit]
    assert len(set(ids.tolist())) == len(ids) == len(cosines) == len(best)
    assert (np.diff(cosines) <= 0).all()
    np.testing.assert_allclose(cosines, best, atol=tolerance)
    np.testing.assert_allclose(cosines, [cosine[id_] for id_ in ids.tolist()], atol=tolerance)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 40)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 120), max_size=60)),
    ),
    max_size=8,
)


@kinds
@quick
@given(
    steps=steps, seed=st.integers(0, 1000), limit=st.integers(1, 150), allowed=st.none() | st.sets(st.integers(0, 120))
)
def test_after_any_adding_and_removing_the_nearest_are_those_of_a_brute_force_search(
    made: Plan, steps: list[tuple[str, object]], seed: int, limit: int, allowed: set[int] | None
) -> None:
    index, truth, fresh = empty(made), dict[int, np.ndarray](), 0
    for step, what in steps:
        if step == "add" and isinstance(what, int):
            vectors = unit(what, seed + fresh)
            ids = np.arange(fresh, fresh + what)
            index.add(ids, vectors)
            truth.update(zip(ids.tolist(), vectors, strict=True))
            fresh += what
        elif isinstance(what, set):
            index.remove(np.array(sorted(what), np.int64))
            truth = {id_: vector for id_, vector in truth.items() if id_ not in what}
    assert index.clips == len(truth)
    check(index, truth, unit(1, seed + 7)[0], limit, None if allowed is None else sorted(allowed))
    held = {id_: vector for ids, vectors in index.contents() for id_, vector in zip(ids.tolist(), vectors, strict=True)}
    assert held.keys() == truth.keys()
    for id_, vector in truth.items():
        np.testing.assert_allclose(held[id_], vector, atol=0 if made is FLAT else HALF)


@kinds
def test_one_allowed_clip_is_found_however_far_it_is(made: Plan) -> None:
    vectors = dict(enumerate(unit(300, 1)))
    index = filled(made, vectors)
    query = vectors[0]
    for id_ in (0, 17, 299, min(vectors, key=lambda id_: float(vectors[id_] @ query))):
        check(index, vectors, query, 10, [id_])


@kinds
def test_clips_that_are_allowed_and_not_there_are_not_found(made: Plan) -> None:
    vectors = dict(enumerate(unit(50, 1)))
    check(filled(made, vectors), vectors, vectors[3], 10, [3, 1000, 2000])
    check(filled(made, vectors), vectors, vectors[3], 10, [1000])


@kinds
def test_nothing_is_found_when_nothing_is_allowed_asked_for_or_there(made: Plan) -> None:
    index = filled(made, dict(enumerate(unit(5, 1))))
    query = unit(1, 2)[0]
    for found in (
        index.nearest(query, 10, allowed=np.empty(0, np.int64)),
        index.nearest(query, 0),
        empty(made).nearest(query, 10),
        empty(made).nearest(query, 10, allowed=np.array([1])),
    ):
        assert [len(part) for part in found] == [0, 0]


@pytest.mark.parametrize("limit", [5, 200, 300])
def test_when_the_lists_looked_into_run_dry_the_others_are_looked_into_too(limit: int) -> None:
    vectors = dict(enumerate(unit(300, 1)))
    index = build(Plan("ivf", 16, 1, "one list a query"), DIM, 300, lambda count: unit(count, 99))
    index.add(np.arange(300), np.stack(list(vectors.values())))
    ids, _ = index.nearest(vectors[0], limit)
    assert len(set(ids.tolist())) == limit
    if limit == 300:
        check(index, vectors, vectors[0], limit, None)


@kinds
def test_large_ids_come_back_as_they_were(made: Plan) -> None:
    ids = [2**62, 2**40, 7]
    vectors = dict(zip(ids, unit(3, 1), strict=True))
    index = filled(made, vectors)
    check(index, vectors, vectors[2**62], 3, None)
    check(index, vectors, vectors[2**62], 3, [2**40])
    index.remove(np.array([2**62]))
    assert sorted(id_ for ids_, _ in index.contents() for id_ in ids_.tolist()) == [7, 2**40]


@kinds
def test_a_clip_taken_out_and_put_in_again_has_its_new_vector(made: Plan) -> None:
    vectors = dict(enumerate(unit(40, 1)))
    index = filled(made, vectors)
    index.remove(np.array([5]))
    vectors[5] = unit(1, 77)[0]
    index.add(np.array([5]), vectors[5][None])
    check(index, vectors, vectors[5], 40, None)


@kinds
def test_an_index_can_be_emptied_and_filled_again(made: Plan) -> None:
    vectors = dict(enumerate(unit(40, 1)))
    index = filled(made, vectors)
    index.remove(np.arange(40))
    assert index.clips == 0
    assert sum(len(ids) for ids, _ in index.contents()) == 0
    index.add(np.arange(40), np.stack(list(vectors.values())))
    check(index, vectors, vectors[0], 40, None)


def test_contents_are_given_out_in_parts() -> None:
    vectors = unit(FLAT_PART + 5, 1)
    index = empty(FLAT)
    index.add(np.arange(len(vectors)), vectors)
    parts = list(index.contents())
    assert [len(ids) for ids, _ in parts] == [FLAT_PART, 5]
    assert (np.concatenate([part for _, part in parts]) == vectors).all()


def test_a_hundred_thousand_clips_are_found_by_lists_almost_as_well_as_one_by_one() -> None:
    """Voices: a thousand of them, with cosines of about 0.5 within one; unrelated vectors have no lists to lie in."""
    clips, dim = 120_000, 32
    rng = np.random.default_rng(0)
    vectors = unit(1000, 0, dim)[rng.integers(0, 1000, clips)] + 0.17 * rng.standard_normal((clips, dim), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = build(plan(clips), dim, clips, lambda count: vectors[rng.permutation(clips)[:count]])
    index.add(np.arange(clips), vectors)
    found = 0
    for query in vectors[:100]:
        ids, _ = index.nearest(query, 10)
        found += len(np.intersect1d(ids, np.argpartition(-(vectors @ query), 10)[:10]))
    assert found > 900

    allowed = np.arange(0, clips, 1000)  # few: all lists are looked into
    for query in vectors[:20]:
        ids, _ = index.nearest(query, 10, allowed=allowed)
        assert len(np.intersect1d(ids, allowed[np.argpartition(-(vectors[allowed] @ query), 10)[:10]])) >= 9
    some = np.arange(0, clips, 5)
    found = 0
    for query in vectors[:100]:
        ids, _ = index.nearest(query, 10, allowed=some)
        found += len(np.intersect1d(ids, some[np.argpartition(-(vectors[some] @ query), 10)[:10]]))
    assert found > 900


@pytest.mark.parametrize("clips", [1, 15, 16, 17])
def test_lists_can_be_trained_on_few_clips(clips: int, unit_vectors: Callable[[int, int], np.ndarray]) -> None:
    made = Plan("ivf", min(16, clips), 16, "")
    vectors = unit(clips, 3)
    index = build(made, DIM, clips, lambda count: vectors[:count])
    index.add(np.arange(clips), vectors)
    check(index, dict(enumerate(vectors)), vectors[0], clips, None)
