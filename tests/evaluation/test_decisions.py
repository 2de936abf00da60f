"""Measures of what the cast decides, against values computed by hand; and the parts of a truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speaker_search.cast.voices import Cast
from speaker_search.entities import Character, Game, Maker, Voice
from speaker_search.errors import UsageError
from speaker_search.evaluation.bootstrap import draws, pairwise_f1_scores
from speaker_search.evaluation.breakdown import broken_down
from speaker_search.evaluation.decisions import decisions, likely_pairs
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import groups_are_right, min_detection_cost, pairs_of_each, pairwise
from speaker_search.evaluation.truth import read_truth

FOUND = np.array([1, 1, 1, 2, 2, 3])
TRUE = np.array([0, 0, 1, 1, 1, 2])


def character(id_: int, maker: str = "M", game: str = "G", name: str | None = None) -> Character:
    return Character(id_, name or f"c{id_}", Game(id_, game, Maker(1, maker)), 1)


def test_min_dcf_weighs_a_false_alarm_99_times_a_miss() -> None:
    same, different = np.array([1.0, 2.0, 3.0, 4.0], np.float32), np.array([0.0, 0.5, 1.5, 2.5], np.float32)
    # At 3.0: half of the true pairs missed, no false alarm: 0.01 * 0.5 / 0.01. Lower thresholds cost 0.99 / 4 and more.
    assert min_detection_cost(same, different) == pytest.approx(0.5)
    # With a target in two pairs, accepting from 2.0 on costs 0.5 * 1/4 + 0.5 * 1/4, and 3.0 costs 0.5 * 2/4.
    assert min_detection_cost(same, different, 0.5) == pytest.approx(0.5)
    # A rare false alarm: at 1.0 nothing is missed, and half of the others accepted.
    assert min_detection_cost(same, different, 0.9) == pytest.approx(0.1 * 0.5 / 0.1)


def test_min_dcf_is_0_for_scores_that_part_and_never_above_1() -> None:
    low, high = np.array([0.0, 1.0], np.float32), np.array([2.0, 3.0], np.float32)
    assert min_detection_cost(high, low) == 0
    assert min_detection_cost(low, high) == 1
    assert min_detection_cost(low, high[:0]) is None


def test_pairwise_counts_pairs() -> None:
    # Linked: 3 pairs of the first group and 1 of the second; right: one in each. True: 1 pair of 0 and 3 of 1.
    assert pairs_of_each(FOUND, TRUE)[0].tolist() == [1, 1, 0, 1, 1, 0]
    found = pairwise(FOUND, TRUE)
    assert (found.precision, found.recall) == (2 / 4, 2 / 4)
    assert found.f1 == pytest.approx(0.5)


def test_pairwise_without_links_or_without_true_pairs_is_none() -> None:
    alone = np.arange(6)
    assert (pairwise(alone, TRUE).precision, pairwise(alone, TRUE).recall, pairwise(alone, TRUE).f1) == (None, 0, 0)
    assert (pairwise(FOUND, alone).precision, pairwise(FOUND, alone).recall) == (0, None)
    assert pairwise(alone, alone).f1 is None


def test_a_weighted_pairwise_f1_counts_the_pairs_of_the_characters_drawn() -> None:
    drawn = draws(3)
    right, linked, true = pairs_of_each(FOUND, TRUE)
    weights = drawn[0][TRUE]
    by_hand = 2 * (weights * right).sum() / (weights * (linked + true)).sum()
    assert pairwise_f1_scores(drawn, TRUE, right, linked, true)[0] == pytest.approx(by_hand)


def test_a_whole_voice_is_right_where_all_its_members_are_one_actor() -> None:
    numbers, right = groups_are_right(np.array([5, 5, 7, 7, 7, -1]), np.array([0, 0, 1, 1, 2, 1]))
    assert numbers.tolist() == [5, 7]
    assert right.tolist() == [True, False]


def test_members_and_voices_are_judged_where_two_of_them_are_known() -> None:
    people = [character(id_) for id_ in range(1, 7)]
    likely = (0.9, 0.8, 0.7, 0.6, 0.95)
    members = tuple(zip(people[:5], likely, strict=True))
    cast = Cast("x", (Voice(1, 0.8, members[:3]), Voice(2, 0.7, members[3:])), (people[5],), ())
    ids = np.array([1, 2, 3, 4, 6])  # the fifth is unknown, so there is nothing to compare the fourth with
    known = Known(ids, ids, np.array([0, 0, 1, 2, 2]), np.arange(5), np.arange(5))
    found = decisions(cast, known)
    assert found.voices.tolist() == [1, 1, 1, 2, -5]
    assert found.members.probabilities.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert found.members.right.tolist() == [True, True, False]
    assert found.wholes.probabilities.tolist() == pytest.approx([0.8])
    assert found.wholes.right.tolist() == [False]
    assert found.wholes.ece == pytest.approx(0.8)
    assert found.members_right.tolist()[:3] == [1, 1, 0]
    assert np.isnan(found.members_right[3:]).all()


def test_only_pairs_of_at_least_a_tenth_are_likely() -> None:
    judged = likely_pairs(np.array([0.05, 0.1, 0.75, 0.15], np.float32), np.array([True, False, True, True]))
    assert [(row.low, row.count, row.right) for row in judged.table] == [(0.1, 2, 0.5), (0.7, 1, 1.0)]
    assert judged.ece == pytest.approx((abs(0.1 + 0.15 - 1) + 0.25) / 3)


def test_each_part_is_measured_against_everybody() -> None:
    nan = float("nan")
    parts = broken_down(
        ["sad", "glad", "sad", "glad", "sad", ""],
        TRUE,
        np.array([1, 0, 1, nan, 0, nan]),
        np.array([1, 0.5, 0.25, nan, 0.25, nan]),
        FOUND,
        np.array([1, 1, 0, 1, 1, nan], np.float32),
    )
    assert [(part.name, part.characters, part.voice_actors, part.members) for part in parts] == [
        ("", 1, 1, 0),
        ("glad", 2, 2, 2),
        ("sad", 3, 2, 3),
    ]
    sad = parts[2]
    assert (sad.precision_at_1, sad.map) == (pytest.approx(2 / 3), 0.5)
    assert sad.bcubed.precision == pytest.approx((2 / 3 + 1 / 3 + 1) / 3)
    assert sad.bcubed.recall == pytest.approx((1 + 1 / 3 + 2 / 3) / 3)
    assert sad.members_right == pytest.approx(2 / 3)
    assert (parts[0].precision_at_1, parts[0].members_right, parts[0].bcubed.f1) == (None, None, 1)


# -- styles ---------------------------------------------------------------------------------------------------

ROW: dict[str, Any] = {"maker": "M", "game": "G", "character": "Ａoi", "voice_actor": "A"}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_styles_come_from_the_truth_or_from_roles_beside_it(tmp_path: Path) -> None:
    aoi = character(1, name="aoi")
    write(tmp_path / "roles.json", [{**ROW, "style": "sad"}])
    assert read_truth(write(tmp_path / "cast.json", [ROW])).style(aoi) == "sad"
    assert read_truth(write(tmp_path / "cast.json", [{**ROW, "style": "glad"}])).style(aoi) == "glad"
    (tmp_path / "roles.json").unlink()
    assert read_truth(write(tmp_path / "cast.json", [ROW])).style(aoi) == ""


def test_roles_that_cannot_be_read_are_refused_by_their_own_name(tmp_path: Path) -> None:
    (tmp_path / "roles.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"roles\.json is not JSON"):
        read_truth(write(tmp_path / "cast.json", [ROW]))
