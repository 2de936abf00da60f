"""Probabilities beside how often they came true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from speaker_search.evaluation.metrics import Reliability
from speaker_search.pictures.charts import SOFT, Chart
from speaker_search.pictures.colours import COLOURS

SIZE = 260  # pixels
WITHIN = 1.96  # standard deviations of a normal distribution: 95 %


def interval(right: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many, by Wilson (1927), which stays within 0 and 1."""
    spread = WITHIN**2 / count
    middle = (right + spread / 2) / (1 + spread)
    half = WITHIN / (1 + spread) * math.sqrt(right * (1 - right) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability_chart(title: str, said: Sequence[str], tables: Mapping[str, Sequence[Reliability]]) -> Chart:
    """For each kind of probabilities that has any: their mean by bin, and the share that came true."""
    drawn = [_panel(kind, table) for kind, table in tables.items() if table]
    return Chart({"title": {"text": title, "subtitle": list(said)}, "concat": drawn, "columns": 2, "spacing": 30})


def _panel(kind: str, table: Sequence[Reliability]) -> dict[str, Any]:
    rows = []
    for each in table:
        low, high = interval(each.right, each.count)
        rows.append({"said": each.mean_probability, "right": each.right, "low": low, "high": high, "count": each.count})
    whole = {"domain": [0, 1]}
    x = {"field": "said", "type": "quantitative", "scale": whole, "axis": {"title": "mean probability"}}
    y = {"field": "right", "type": "quantitative", "scale": whole, "axis": {"title": "share that is right"}}
    percent = {"type": "quantitative", "format": ".1%"}
    told = [{"field": field, **percent} for field in ("said", "right", "low", "high")]
    size = {"field": "count", "type": "quantitative", "legend": None, "scale": {"type": "sqrt", "range": [30, 400]}}
    count = sum(each.count for each in table)
    honest = {
        "data": {"values": [{"said": 0, "right": 0}, {"said": 1, "right": 1}]},
        "mark": {"type": "line", "color": SOFT, "strokeDash": [4, 4], "strokeWidth": 1},
    }
    data = {"data": {"values": rows}}
    bars = {
        **data,
        "mark": {"type": "rule", "color": COLOURS[0]},
        "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    points = {
        **data,
        "mark": {"type": "point", "filled": True, "color": COLOURS[0], "opacity": 1},
        "encoding": {"size": size, "tooltip": [*told, {"field": "count", "type": "quantitative"}]},
    }
    return {
        "title": {"text": f"{kind} ({count:,})", "fontSize": 12},
        "width": SIZE,
        "height": SIZE,
        "encoding": {"x": x, "y": y},
        "layer": [honest, bars, points],
    }
