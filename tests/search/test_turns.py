"""Frames of speakers become spans, parts and people."""

from __future__ import annotations

import numpy as np

from speaker_search.entities import Floats
from speaker_search.search.scoring import unit
from speaker_search.search.strangers import Doubles
from speaker_search.search.turns import LEAST_PART, alone, cut, joined, longest, people, several, spans

FRAMES = 2 * LEAST_PART // 100


def ratio(cosines: Floats) -> Doubles:
    return np.asarray(10.0 * (cosines - 0.5), np.float64)


def voices(*numbers: int) -> Floats:
    """Unit vectors of parts by these people, all a little different."""
    rng = np.random.default_rng(0)
    of = rng.standard_normal((10, 64))
    return unit((of[list(numbers)] + 0.2 * rng.standard_normal((len(numbers), 64))).astype(np.float32))


def test_runs_of_frames_are_spans_of_samples() -> None:
    assert spans(np.array([True, True, False, True]), 50, 10) == [(50, 70), (80, 90)]
    assert spans(np.zeros(3, np.bool_), 50, 10) == []


def test_spans_grow_by_a_margin_and_join_over_short_gaps() -> None:
    assert joined([(100, 200), (260, 300), (900, 1_000)], gap=50, margin=10, samples=1_005) == [(90, 310), (890, 1_005)]


def test_the_longest_spans_are_kept_in_their_order() -> None:
    assert longest([(0, 10), (20, 50), (60, 80)], 40) == [(20, 50), (60, 70)]
    assert longest([(0, 10)], 40) == [(0, 10)]
    assert cut(np.arange(6, dtype=np.float32), [(0, 2), (4, 5)]).tolist() == [0, 1, 4]


def test_a_part_is_what_one_speaker_says_alone() -> None:
    speaking = np.zeros((2 * FRAMES, 3), np.bool_)
    speaking[:FRAMES, 0] = speaking[FRAMES - 5 :, 1] = True
    parts = alone(speaking, 0, 100, 7)
    first, second = (0, (FRAMES - 5) * 100), (FRAMES * 100, 2 * FRAMES * 100)
    assert [(part.window, part.spans) for part in parts] == [(7, (first,)), (7, (second,))]
    assert several(parts)
    speaking[:, 1] = False
    assert not several([*alone(speaking, 0, 100, 7), *alone(speaking, 0, 100, 8)])


def test_parts_of_one_voice_are_one_person_in_whatever_windows() -> None:
    vectors = voices(1, 2, 1, 2, 3, 1)
    seconds = np.array([1, 3, 1, 3, 1, 2], np.float32)
    assert people(vectors, seconds, np.array([0, 0, 1, 1, 2, 3]), ratio) == [[1, 3], [0, 2, 5], [4]]


def test_two_parts_of_one_window_need_a_clearer_likeness() -> None:
    vectors = voices(1, 1)
    seconds = np.ones(2, np.float32)
    assert len(people(vectors, seconds, np.array([0, 1]), ratio)) == 1
    assert len(people(vectors, seconds, np.array([0, 0]), lambda cosines: ratio(cosines) / 2)) == 2


def test_without_a_calibration_there_are_as_many_people_as_in_the_fullest_window() -> None:
    vectors = voices(1, 2, 2, 1)
    seconds = np.array([1, 1, 3, 1], np.float32)
    assert people(vectors, seconds, np.array([0, 0, 1, 2]), None) == [[1, 2], [0, 3]]
    assert people(vectors[:0], seconds[:0], np.zeros(0, np.int64), None) == []
