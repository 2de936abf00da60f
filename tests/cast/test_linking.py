"""Average linkage with cannot-link, against the plain algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.cast.linking import link

quiet = settings(deadline=None, derandomize=True, max_examples=120)


def symmetric(seed: int, count: int) -> np.ndarray:
    """Random scores (n, n), no two of them equal."""
    scores = np.random.default_rng(seed).normal(size=(count, count)).astype(np.float32)
    return np.triu(scores) + np.triu(scores, 1).T


def linked_plainly(scores: np.ndarray, apart: list[int], threshold: float) -> list[int]:
    """All pairs of groups looked at, the best two merged, again and again."""
    groups = [[one] for one in range(len(scores))]
    while True:
        best, pair = threshold, None
        for a, left in enumerate(groups):
            for b, right in enumerate(groups[:a]):
                if {apart[one] for one in left} & {apart[one] for one in right}:
                    continue
                mean = float(np.mean([scores[one, other] for one in left for other in right], dtype=np.float64))
                if mean >= best:
                    best, pair = mean, (a, b)
        if pair is None:
            break
        a, b = pair
        groups[b] += groups.pop(a)
    labels = [0] * len(scores)
    for group in groups:
        for one in group:
            labels[one] = min(group)
    return labels


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[int], float]:
    count = draw(st.integers(0, 14))
    apart = draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    threshold = draw(st.sampled_from([-9.0, -1.0, -0.3, 0.0, 0.4, 1.0, 9.0]))
    return symmetric(draw(st.integers(0, 10**6)), count), apart, threshold


@quiet
@given(problems())
def test_linking_equals_the_plain_algorithm(problem: tuple[np.ndarray, list[int], float]) -> None:
    scores, apart, threshold = problem
    assert link(scores, np.array(apart, np.int64), threshold).tolist() == linked_plainly(scores, apart, threshold)


@quiet
@given(problems())
def test_two_of_one_game_are_never_linked(problem: tuple[np.ndarray, list[int], float]) -> None:
    scores, apart, _ = problem
    labels = link(scores, np.array(apart, np.int64), -9.0)
    members = list(zip(labels.tolist(), apart, strict=True))
    assert len(set(members)) == len(members)


@quiet
@given(problems())
def test_a_label_is_the_lowest_position_of_its_group(problem: tuple[np.ndarray, list[int], float]) -> None:
    scores, apart, threshold = problem
    labels = link(scores, np.array(apart, np.int64), threshold)
    for label in set(labels.tolist()):
        assert np.flatnonzero(labels == label)[0] == label


def test_linking_is_the_same_every_time_even_with_equal_scores() -> None:
    scores = np.ones((9, 9), np.float32)
    apart = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    first = link(scores, apart, 0.5).tolist()
    assert all(link(scores, apart, 0.5).tolist() == first for _ in range(3))
    assert sorted(first.count(label) for label in set(first)) == [3, 3, 3]


def test_linking_leaves_the_scores_as_they_were() -> None:
    scores = symmetric(1, 6)
    before = scores.copy()
    link(scores, np.arange(6), 0.0)
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_alone_are_linked_to_nobody(count: int) -> None:
    assert link(np.zeros((count, count), np.float32), np.arange(count), -1.0).tolist() == list(range(count))


def test_the_threshold_itself_is_enough_and_less_is_not() -> None:
    scores = np.array([[0, 2], [2, 0]], np.float32)
    assert link(scores, np.arange(2), 2.0).tolist() == [0, 0]
    assert link(scores, np.arange(2), 2.001).tolist() == [0, 1]


def test_a_link_needs_the_mean_over_the_group_not_its_best_pair() -> None:
    # 0 and 1 are one; 2 is near to 0 and far from 1.
    scores = np.array([[0, 5, 4], [5, 0, -4], [4, -4, 0]], np.float32)
    assert link(scores, np.arange(3), 1.0).tolist() == [0, 0, 2]
    assert link(scores, np.arange(3), -0.5).tolist() == [0, 0, 0]
