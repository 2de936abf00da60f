"""Maps as charts: points that can be pointed at, in the colours of their groups, and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speaker_search.entities import Floats
from speaker_search.pictures import font, labels
from speaker_search.pictures.charts import INK, Chart
from speaker_search.pictures.colours import looks

NEARNESS = "Points that sound alike lie near each other. How far apart distant points are means nothing."
SIZE, SIZE_OF_SEVERAL = 680, 480  # pixels: a panel's width and height
LEAST_HEIGHT = 0.4  # of the width
ROOM = 0.04  # around the places, of their extent
LABEL = 10.5  # pixels: the font's size
LONGEST = 16.0  # ems of a label; the rest is cut
MOST_LABELS = 150
#: A label lies beside the box of these quantiles of its points, at most WIDEST from their middle.
CORE, WIDEST = (0.1, 0.9), 0.02
MOST_COVERED = 5_000  # points that labels keep clear of, evenly chosen
RIM = {"stroke": "#00000066", "strokeWidth": 0.4}  # of points that are not tiny: yellow is faint on white
RIMMED = 20  # the least area of such points
MARKS = ((150, 80, 0.9), (1_500, 40, 0.85), (10_000, 14, 0.75), (1 << 62, 5, 0.6))  # up to so many: area, opacity


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Points on one map, and what they say of themselves."""

    title: str
    subtitle: str
    places: Floats  # (n, 2) in the square from 0 to 1
    groups: Sequence[str]  # (n,) what they are coloured by
    told: Mapping[str, Sequence[object]]  #: (n,) each, shown when a point is pointed at
    labelled: Sequence[str]  # (n,) the label that a point shares with all points that have the same; "" for none


@dataclass(frozen=True, slots=True)
class _Frame:
    """The part of the square that panels show: all of its width, and as much of its height as their points need."""

    width: int  # pixels
    height: int

    @property
    def vertical(self) -> tuple[float, float]:
        """The lowest and the highest place."""
        half = (0.5 + ROOM) * self.height / self.width
        return 0.5 - half, 0.5 + half

    @property
    def at(self) -> dict[str, Any]:
        """Where a row with x and y is drawn."""
        extents = {"x": (-ROOM, 1 + ROOM), "y": self.vertical}
        return {
            name: {"field": name, "type": "quantitative", "axis": None, "scale": {"domain": [*extent], "zero": False}}
            for name, extent in extents.items()
        }

    def pixels(self, places: Floats) -> Floats:
        """Places (n, 2) in pixels from the upper left corner."""
        scale = self.width / (1 + 2 * ROOM)
        return np.stack([(places[:, 0] + ROOM) * scale, (self.vertical[1] - places[:, 1]) * scale], axis=1)

    def places(self, pixels: Floats) -> Floats:
        """The places (n, 2) of pixels."""
        scale = self.width / (1 + 2 * ROOM)
        return np.stack([pixels[:, 0] / scale - ROOM, self.vertical[1] - pixels[:, 1] / scale], axis=1)


def _frame(panels: Sequence[Panel]) -> _Frame:
    width = SIZE if len(panels) == 1 else SIZE_OF_SEVERAL
    highest = max(float(np.ptp(panel.places[:, 1])) if len(panel.places) else 0 for panel in panels)
    return _Frame(width, round(width * max(highest, LEAST_HEIGHT)))


def map_chart(title: str, panels: Sequence[Panel], *, coloured_by: str, none: str) -> Chart:
    """Panels beside each other, in which a group has one colour and shape. The points of group `none` are faint."""
    heading = {"text": title, "subtitle": NEARNESS}
    chosen = looks([group for panel in panels for group in panel.groups], none)
    frame = _frame(panels)
    drawn = []
    for number, panel in enumerate(panels):
        area, opacity = next(sizes[1:] for sizes in MARKS if len(panel.groups) <= sizes[0])
        columns = [panel.places.tolist(), [chosen.shown(group) for group in panel.groups], *panel.told.values()]
        rows = [
            {"x": x, "y": y, "group": group} | dict(zip(panel.told, said, strict=True))
            for (x, y), group, *said in zip(*columns, strict=True)
        ]
        rows.sort(key=lambda row: row["group"] not in chosen.faint)  # what is faint lies below
        mark = {"type": "point", "filled": True, "size": area, "opacity": opacity}
        points = {
            "data": {"values": rows},
            "mark": {**mark, **(RIM if area >= RIMMED else {})},
            "params": [{"name": f"zoom{number}", "select": "interval", "bind": "scales"}],
            "encoding": {
                **frame.at,
                **chosen.encoding("group", coloured_by),
                "tooltip": [{"field": name, "type": "nominal"} for name in panel.told],
            },
        }
        drawn.append(
            {
                "width": frame.width,
                "height": frame.height,
                "title": {"text": panel.title, "subtitle": panel.subtitle},
                "layer": [points, *_label_layers(panel, frame)],
            }
        )
    if len(panels) == 1:
        said = [f"{panels[0].title}: {panels[0].subtitle}", NEARNESS]
        return Chart({**drawn[0], "title": {**heading, "subtitle": said}})
    shared = {"scale": {"color": "shared", "shape": "shared"}}
    return Chart({"title": heading, "concat": drawn, "columns": 2, "spacing": 40, "resolve": shared})


def _label_layers(panel: Panel, frame: _Frame) -> list[dict[str, Any]]:
    """Labels with a white rim; a layer for each side of what they name, since a layer has one alignment."""
    names, boxes = _named(panel)
    shown = [_cut(name) for name in names]
    widths = np.array(font.widths(shown), np.float32) * LABEL
    corners = frame.pixels(boxes.reshape(-1, 2)).reshape(-1, 4)[:, [0, 3, 2, 1]]  # pixels count downwards
    points = frame.pixels(panel.places[:: 1 + len(panel.places) // MOST_COVERED])
    sides, begins = labels.placed(corners, widths, LABEL * 1.15, (frame.width, frame.height), points)
    kept = np.flatnonzero(sides != labels.DROPPED)[:MOST_LABELS]
    places = frame.places(begins)
    layers = []
    for number, side in enumerate(labels.SIDES):
        chosen = kept[sides[kept] == number].tolist()
        rows = [{"x": float(places[n, 0]), "y": float(places[n, 1]), "label": shown[n]} for n in chosen]
        mark = {"type": "text", "align": side.align, "baseline": side.baseline, "fontSize": LABEL, "tooltip": None}
        rim = {"stroke": "white", "strokeWidth": 3, "strokeJoin": "round", "color": "white"}
        for more in (rim, {"color": INK}) if rows else ():
            layers.append(
                {
                    "data": {"values": rows},
                    "mark": {**mark, **more},
                    "encoding": {**frame.at, "text": {"field": "label"}},
                }
            )
    return layers


def _named(panel: Panel) -> tuple[list[str], Floats]:
    """The labels, those of most and then of earlier points first, and a box (n, 4) of each, beside which it is put:
    low x and y, high x and y. It lies around the point nearest to the median of the label's points, and holds most of
    them if they are near.
    """
    every, first, of, counts = np.unique(
        np.array(panel.labelled, np.str_), return_index=True, return_inverse=True, return_counts=True
    )
    members = np.split(np.argsort(of, kind="stable"), np.cumsum(counts)[:-1])
    order = [n for n in np.lexsort((first, -counts)).tolist() if every[n]]
    boxes = []
    for n in order:
        places = panel.places[members[n]]
        middle = places[((places - np.median(places, axis=0)) ** 2).sum(axis=1).argmin()]
        low, high = np.clip(np.quantile(places, CORE, axis=0), middle - WIDEST, middle + WIDEST)
        boxes.append([*low, *high])
    return [str(every[n]) for n in order], np.array(boxes, np.float32).reshape(-1, 4)


def _cut(name: str) -> str:
    """The name, or as much of it as a label has room for."""
    if font.widths([name])[0] <= LONGEST:
        return name
    fitting = np.cumsum(font.widths(name)) <= LONGEST - 1
    return name[: int(fitting.sum())] + "…"
