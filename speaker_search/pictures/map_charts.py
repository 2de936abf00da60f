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

SIZE, SIZE_OF_SEVERAL = 680, 480  # pixels: a panel's width and height
ROOM = 0.04  # around the places, of their extent
LABEL = 10.5  # pixels: the font's size
LONGEST = 16.0  # ems of a label; the rest is cut
MOST_LABELS = 150
CORE = (0.1, 0.9)  # quantiles of the places of what a label names, beside which it lies
MOST_COVERED = 5_000  # points that labels keep clear of, evenly chosen
RIM = {"stroke": "#00000066", "strokeWidth": 0.4}  # or yellow would be lost on white
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


def map_chart(panels: Sequence[Panel], *, coloured_by: str, none: str) -> Chart:
    """Panels beside each other, in which a group has one colour and shape. The points of group `none` are faint."""
    chosen = looks([group for panel in panels for group in panel.groups], none)
    size = SIZE if len(panels) == 1 else SIZE_OF_SEVERAL
    drawn = []
    for number, panel in enumerate(panels):
        area, opacity = next(mark[1:] for mark in MARKS if len(panel.groups) <= mark[0])
        columns = [panel.places.tolist(), [chosen.shown(group) for group in panel.groups], *panel.told.values()]
        rows = [
            {"x": x, "y": y, "group": group} | dict(zip(panel.told, said, strict=True))
            for (x, y), group, *said in zip(*columns, strict=True)
        ]
        rows.sort(key=lambda row: row["group"] not in chosen.faint)  # what is faint lies below
        points = {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": area, "opacity": opacity, **RIM},
            "params": [{"name": f"zoom{number}", "select": "interval", "bind": "scales"}],
            "encoding": {
                **_AT,
                **chosen.encoding("group", coloured_by),
                "tooltip": [{"field": name, "type": "nominal"} for name in panel.told],
            },
        }
        drawn.append(
            {
                "width": size,
                "height": size,
                "title": {"text": panel.title, "subtitle": panel.subtitle},
                "layer": [points, *_label_layers(panel, size)],
            }
        )
    if len(drawn) == 1:
        return Chart(drawn[0])
    shared = {"scale": {"color": "shared", "shape": "shared"}}
    return Chart({"concat": drawn, "columns": 2, "spacing": 40, "resolve": shared})


def _axis(field: str) -> dict[str, Any]:
    scale = {"domain": [-ROOM, 1 + ROOM], "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": None, "scale": scale}


_AT = {"x": _axis("x"), "y": _axis("y")}


def _label_layers(panel: Panel, size: int) -> list[dict[str, Any]]:
    """Labels with a white rim; a layer for each side of what they name, since a layer has one alignment."""
    names, boxes = _named(panel)
    shown = [_cut(name) for name in names]
    widths = np.array(font.widths(shown), np.float32) * LABEL
    corners = _pixels(boxes.reshape(-1, 2), size).reshape(-1, 4)[:, [0, 3, 2, 1]]  # pixels count downwards
    points = _pixels(panel.places[:: 1 + len(panel.places) // MOST_COVERED], size)
    sides, begins = labels.placed(corners, widths, LABEL * 1.15, float(size), points)
    kept = np.flatnonzero(sides != labels.DROPPED)[:MOST_LABELS]
    places = _places(begins, size)
    layers = []
    for number, side in enumerate(labels.SIDES):
        chosen = kept[sides[kept] == number].tolist()
        rows = [{"x": float(places[n, 0]), "y": float(places[n, 1]), "label": shown[n]} for n in chosen]
        mark = {"type": "text", "align": side.align, "baseline": side.baseline, "fontSize": LABEL, "tooltip": None}
        rim = {"stroke": "white", "strokeWidth": 3, "strokeJoin": "round", "color": "white"}
        for more in (rim, {"color": INK}) if rows else ():
            layers.append({"data": {"values": rows}, "mark": {**mark, **more}, "encoding": {**_AT, "text": {"field": "label"}}})
    return layers


def _named(panel: Panel) -> tuple[list[str], Floats]:
    """The labels, those of most points first, and the boxes (n, 4) that hold most points of each: low x and y, high x
    and y.
    """
    every, of, counts = np.unique(np.array(panel.labelled, np.str_), return_inverse=True, return_counts=True)
    members = np.split(np.argsort(of, kind="stable"), np.cumsum(counts)[:-1])
    order = [n for n in np.argsort(-counts, kind="stable").tolist() if every[n]]
    boxes = [np.quantile(panel.places[members[n]], CORE, axis=0).ravel() for n in order]
    return [str(every[n]) for n in order], np.array(boxes, np.float32).reshape(-1, 4)


def _cut(name: str) -> str:
    """The name, or as much of it as a label has room for."""
    if font.widths([name])[0] <= LONGEST:
        return name
    fitting = np.cumsum(font.widths(name)) <= LONGEST - 1
    return name[: int(fitting.sum())] + "…"


def _pixels(places: Floats, size: int) -> Floats:
    """Places (n, 2) in pixels from the upper left corner of a panel."""
    across = (places + ROOM) / (1 + 2 * ROOM) * size
    return np.stack([across[:, 0], size - across[:, 1]], axis=1)


def _places(pixels: Floats, size: int) -> Floats:
    """The places (n, 2) of pixels."""
    across = np.stack([pixels[:, 0], size - pixels[:, 1]], axis=1)
    return np.asarray(across / size * (1 + 2 * ROOM) - ROOM, np.float32)
