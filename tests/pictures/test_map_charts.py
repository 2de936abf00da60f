"""Maps as charts: labels keep clear of each other, and colours tell groups apart, in all panels the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.pictures import labels, layout
from speaker_search.pictures.charts import Chart, svg
from speaker_search.pictures.colours import COLOURS, FAINT, MOST, looks
from speaker_search.pictures.map_charts import Panel, map_chart

FRAME = (300.0, 200.0)


def points(count: int, groups: list[str], seed: int = 0) -> Panel:
    places = np.random.default_rng(seed).random((count, 2)).astype(np.float32)
    places = layout.fitted(places) if count else places
    own = [groups[n % len(groups)] for n in range(count)]
    return Panel("space", "few", places, own, {"character": own}, own)


def looks_in(chart: Chart) -> list[dict[str, tuple[str, str]]]:
    """The colour and shape of each group, in each panel."""
    found = []
    for panel in chart.spec.get("concat", [chart.spec]):
        channels = [panel["layer"][0]["encoding"][name]["scale"] for name in ("color", "shape")]
        each = [dict(zip(one["domain"], one["range"], strict=True)) for one in channels]
        found.append({group: (each[0][group], each[1][group]) for group in each[0]})
    return found


class TestLabels:
    @given(st.integers(0, 60), st.integers(0, 10_000))
    @settings(max_examples=40, deadline=None)
    def test_no_label_hides_another_or_leaves_the_frame(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        low = (rng.random((count, 2)) * FRAME).astype(np.float32)
        named = np.concatenate([low, low + rng.random((count, 2)).astype(np.float32) * 30], axis=1)
        widths = (10 + 80 * rng.random(count)).astype(np.float32)
        sides, begins = labels.placed(named, widths, 12.0, FRAME, low)
        boxes = []
        for n in np.flatnonzero(sides != labels.DROPPED):
            side = labels.SIDES[sides[n]]
            left, top = begins[n, 0] + side.across * widths[n], begins[n, 1] + side.down * 12
            boxes.append((left, top, left + widths[n], top + 12))
        for left, top, right, bottom in boxes:
            assert min(left, top) >= -1e-3
            assert right <= FRAME[0] + 1e-3
            assert bottom <= FRAME[1] + 1e-3
        for one, other in combinations(boxes, 2):
            assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]

    def test_a_label_without_room_is_dropped_and_the_first_ones_go_before(self) -> None:
        named = np.full((60, 4), 100, np.float32)
        sides, _ = labels.placed(named, np.full(60, 90, np.float32), 12.0, FRAME, np.empty((0, 2), np.float32))
        shown = np.flatnonzero(sides != labels.DROPPED)
        assert shown.tolist() == list(range(len(shown)))
        assert 1 < len(shown) <= len(labels.SIDES)

    def test_a_label_keeps_clear_of_points_where_it_can(self) -> None:
        right = np.array([[110 + 10 * n, 100] for n in range(9)], np.float32)
        sides, _ = labels.placed(np.full((1, 4), 100, np.float32), np.array([80], np.float32), 12.0, FRAME, right)
        assert labels.SIDES[sides[0]].x < 1


class TestColours:
    def test_the_colours_differ_also_for_the_colour_blind(self) -> None:
        """Simulated as by Machado, Oliveira and Fernandes (2009); distances in CIELAB."""
        seen = {
            "normal": np.eye(3),
            "protanopia": np.array(
                [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
            ),
            "deuteranopia": np.array(
                [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
            ),
            "tritanopia": np.array(
                [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
            ),
        }
        rgb = np.array(
            [[int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)] for colour in (*COLOURS, FAINT, "#ffffff")]
        )
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        for name, matrix in seen.items():
            lab = cielab(np.clip(linear @ matrix.T, 0, 1))
            nearest = min(float(np.linalg.norm(one - other)) for one, other in combinations(lab, 2))
            assert nearest > 12, name

    def test_a_group_has_one_look_in_all_panels_and_no_other_group_has_it(self) -> None:
        many = [f"g{n}" for n in range(30)]
        one, other = looks_in(map_chart("m", [points(60, many), points(30, many[::-1])], coloured_by="g", none=""))
        assert one == other
        assert len(set(one.values())) == 30

    def test_the_smallest_of_too_many_groups_are_faint_together(self) -> None:
        members = [f"g{n}" for n in range(MOST + 3) for _ in range(MOST + 4 - n)] + ["nobody"] * 9
        found = looks(members, "nobody")
        assert found.groups == tuple(f"g{n}" for n in range(MOST))
        assert found.faint == ("nobody", "3 others")
        assert [found.shown(name) for name in ("g0", f"g{MOST + 1}", "nobody")] == ["g0", "3 others", "nobody"]

    def test_groups_of_one_size_are_counted_in_order(self) -> None:
        assert looks(["voice 10", "voice 9", "voice 1"], "").groups == ("voice 1", "voice 9", "voice 10")


def cielab(linear: np.ndarray) -> np.ndarray:
    """CIELAB (n, 3) of linear sRGB (n, 3)."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = linear @ to_xyz.T / np.array([0.9505, 1, 1.089])
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


class TestChart:
    @pytest.mark.parametrize("count", [0, 1, 2, 40])
    def test_any_number_of_points_can_be_drawn(self, count: int) -> None:
        assert (
            svg(map_chart("m", [points(count, ["白瀬 ひかり", "<b>渚</b>"])], coloured_by="g", none="")).count("<path")
            >= count
        )

    def test_a_long_name_is_cut_on_the_picture_and_whole_where_it_is_pointed_at(self) -> None:
        long = "長い名前" * 20
        panel = points(1, [long])
        chart = map_chart("m", [panel], coloured_by="g", none="")
        (shown,) = {row["label"] for layer in chart.spec["layer"][1:] for row in layer["data"]["values"]}
        assert shown.endswith("…")
        assert long.startswith(shown[:-1])
        assert chart.spec["layer"][0]["data"]["values"][0]["character"] == long


class TestSpread:
    @pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 60])
    def test_every_number_of_vectors_has_places_in_the_square(self, count: int) -> None:
        vectors = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
        places, how = layout.spread(vectors)
        assert places.shape == (count, 2)
        assert ((places >= 0) & (places <= 1)).all()
        assert how.startswith("principal" if count < 10 else "t-SNE")

    def test_equal_vectors_and_seeds_have_equal_places_and_other_seeds_others(self) -> None:
        vectors = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
        assert (layout.spread(vectors, 1)[0] == layout.spread(vectors, 1)[0]).all()
        assert (layout.spread(vectors, 1)[0] != layout.spread(vectors, 2)[0]).any()
        assert (layout.neighbourly(vectors, seed=1) == layout.neighbourly(vectors, seed=1)).all()
        assert (layout.neighbourly(vectors, seed=1) != layout.neighbourly(vectors, seed=2)).any()

    def test_voices_lie_in_groups_of_their_own(self) -> None:
        rng = np.random.default_rng(0)
        vectors = np.repeat(rng.standard_normal((12, 16)), 5, axis=0) + 0.3 * rng.standard_normal((60, 16))
        places = layout.spread(vectors.astype(np.float32))[0]
        far = ((places[:, None] - places[None]) ** 2).sum(axis=2) + np.diag(np.full(60, np.inf))
        assert (far.argmin(axis=1) // 5 == np.arange(60) // 5).mean() > 0.95

    def test_more_vectors_than_t_sne_lays_out_in_seconds_are_laid_out_by_pacmap(self) -> None:
        many = np.random.default_rng(0).standard_normal((layout.MOST_TSNE + 1, 4)).astype(np.float32)
        assert layout.spread(many)[1] == "PaCMAP"

    def test_equal_vectors_lie_on_each_other(self) -> None:
        assert np.isfinite(layout.spread(np.ones((20, 8), np.float32))[0]).all()
