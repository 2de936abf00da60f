"""Histograms, matrices, reliability and coverage as charts: what they show adds up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from speaker_search.evaluation.metrics import Reliability
from speaker_search.pictures.charts import svg
from speaker_search.pictures.confusion_charts import OTHERS, confusion_chart, leaf_order
from speaker_search.pictures.coverage_charts import Bar, coverage_chart
from speaker_search.pictures.reliability_charts import interval, reliability_chart
from speaker_search.pictures.score_charts import Curve, score_chart

NONE = np.empty(0, np.float32)


def test_every_pair_is_in_a_bin_of_its_kind() -> None:
    kinds = {
        "same": np.array([3, 4, 99], np.float32),
        "none": NONE,
        "rest": np.linspace(-2, 2, 1000).astype(np.float32),
    }
    curve = Curve(np.linspace(-9, 9, 50), np.linspace(0, 1, 50).astype(np.float32), 2.0)
    chart = score_chart("Scores", ["few"], kinds, curve)
    rows = chart.spec["layer"][0]["data"]["values"]
    counted = {kind: sum(row["pairs"] for row in rows if row["kind"] == kind) for kind in {row["kind"] for row in rows}}
    assert counted == {"same (3)": 3, "rest (1,000)": 1000}
    assert sum(row["share"] for row in rows) == pytest.approx(2)
    svg(chart)


@pytest.mark.parametrize("threshold", [math.inf, -math.inf, 0.5])
def test_scores_that_do_not_vary_and_thresholds_out_of_reach_can_be_drawn(threshold: float) -> None:
    curve = Curve(np.array([0.0, 1.0]), np.array([0, 1], np.float32), threshold)
    svg(score_chart("Scores", [], {"same": NONE, "rest": np.ones(4, np.float32)}, curve))
    svg(score_chart("Scores", [], {"same": NONE, "rest": NONE}, None))


def test_a_row_of_the_matrix_says_where_all_its_clips_went() -> None:
    clips, nearest = np.array([10, 4, 0]), np.array([[7, 2, 0], [0, 4, 0], [0, 0, 0]])
    chart = confusion_chart("Who", ["few"], ["白瀬", "<b>", "one clip"], clips, nearest)
    rows = chart.spec["data"]["values"]
    assert {row["clips of"] for row in rows} == {"白瀬", "<b>"}
    assert [row["clips"] for row in rows if row["clips of"] == "白瀬"] == [7, 2, 0, 1]
    assert [row["nearest to"] for row in rows][:4] == ["白瀬", "<b>", "one clip", OTHERS]
    assert sum(row["share"] for row in rows) == pytest.approx(2)
    svg(chart)


def test_characters_that_sound_alike_are_neighbours_in_the_matrix() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(4), 3, axis=0)[rng.permutation(12)]
    groups = centres.argmax(axis=1)[leaf_order(centres + 0.01 * rng.standard_normal((12, 4)))]
    assert len(np.flatnonzero(np.diff(groups))) == 3
    assert [leaf_order(centres[:n]).tolist() for n in range(3)] == [[], [0], [0, 1]]


def test_intervals_are_wilsons() -> None:
    assert interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert interval(1.0, 1) == pytest.approx((0.2065, 1.0), abs=1e-4)
    assert interval(0.0, 100)[0] == 0


def test_kinds_without_probabilities_have_no_panel() -> None:
    chart = reliability_chart("True", ["few"], {"pairs": (Reliability(0.9, 1, 5, 0.95, 0.8),), "voices": ()})
    assert [panel["title"]["text"] for panel in chart.spec["concat"]] == ["pairs (5)"]
    svg(chart)


def test_the_rest_is_drawn_no_longer_than_a_fifth_over_the_longest_bar_and_its_number_is_whole() -> None:
    bars = [
        Bar("白瀬", 10, 5, 1, 2.0),
        Bar("渚", 4, 0, 0, 1.0),
        Bar("the other 500 games", 4_000, 0, 0, 900.0, 500, True),
    ]
    chart = coverage_chart("Clips", "game", bars)
    assert chart.spec["title"]["subtitle"] == "502 games, 4,020 clips, 903 minutes"
    clips, minutes = (column["layer"] for column in chart.spec["hconcat"])
    assert [row["number"] for row in clips[1]["data"]["values"]] == ["16", "4", "4,000"]
    assert [row["end"] for row in minutes[1]["data"]["values"]] == pytest.approx([2, 1, 2.4])
    first = [(row["state"], row["end"] - row["start"]) for row in clips[0]["data"]["values"] if row["name"] == "白瀬"]
    assert first == [("embedded", 10), ("pending", 5), ("refused", 1)]
    svg(chart)
    svg(coverage_chart("Clips", "game", [Bar("refused only", 0, 0, 3, 0.0)]))
