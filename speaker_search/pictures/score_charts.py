"""How pairs score: histograms of several kinds of pairs, and what probability a score stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speaker_search.entities import Floats
from speaker_search.pictures.charts import INK, Chart
from speaker_search.pictures.colours import COLOURS
from speaker_search.search.strangers import Doubles

BINS = 60
WIDTH, HEIGHT = 680, 320
TRIMMED = 0.0005  # of the scores at either end are beyond the picture's edge, and counted in its last bins


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The probability that a score stands for."""

    scores: Floats | Doubles  # (k,) ascending
    probabilities: Floats  # (k,)
    threshold: float  #: the score from which a pair is more likely one voice than two; may be infinite


def score_chart(title: str, said: Sequence[str], kinds: Mapping[str, Floats], curve: Curve | None) -> Chart:
    """Histograms of the scores of each kind of pairs, as shares of the kind, under the curve of probabilities."""
    every = np.concatenate(list(kinds.values()))
    low, high = np.quantile(every, [TRIMMED, 1 - TRIMMED]).tolist() if len(every) else (0.0, 1.0)
    high = max([high, *(float(np.quantile(scores, 1 - TRIMMED)) for scores in kinds.values() if len(scores))])
    edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
    rows, names, colours = [], [], []
    for colour, (kind, scores) in zip(COLOURS, kinds.items(), strict=False):
        if len(scores):
            colours.append(colour)
            names.append(f"{kind} ({len(scores):,})")
            counts = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0]
            ranges = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
            rows += [
                {"from": a, "to": b, "share": n / len(scores), "pairs": n, "kind": names[-1]} for a, b, n in ranges
            ]
    scale = {"domain": names, "range": colours}
    legend = {"title": None, "orient": "top", "columns": 2, "direction": "vertical", "labelLimit": 420}
    x = {"field": "from", "type": "quantitative", "scale": {"domain": edges[[0, -1]].tolist(), "nice": False}}
    bars = {
        "data": {"values": rows},
        "mark": {"type": "bar", "opacity": 0.5, "binSpacing": 0},
        "encoding": {
            "x": {**x, "bin": "binned", "axis": {"title": "score"}},
            "x2": {"field": "to"},
            "y": {"field": "share", "type": "quantitative", "stack": None, "axis": {"title": "share of its kind"}},
            "color": {"field": "kind", "type": "nominal", "scale": scale, "legend": legend, "sort": names},
            "tooltip": [
                {"field": "kind", "type": "nominal"},
                *({"field": field, "type": "quantitative", "format": ".2f"} for field in ("from", "to")),
                {"field": "pairs", "type": "quantitative"},
            ],
        },
    }
    layers = [bars, *([] if curve is None else _curve_layers(curve, x))]
    return Chart(
        {
            "title": {"text": title, "subtitle": list(said)},
            "width": WIDTH,
            "height": HEIGHT,
            "layer": layers,
            "resolve": {"scale": {"y": "independent"}},
        }
    )


def _curve_layers(curve: Curve, x: Mapping[str, Any]) -> list[dict[str, Any]]:
    low, high = x["scale"]["domain"]
    inside = (curve.scores >= low) & (curve.scores <= high)
    points = zip(curve.scores[inside].tolist(), curve.probabilities[inside].tolist(), strict=True)
    y = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"title": "probability of one voice", "grid": False},
    }
    line = {
        "data": {"values": [{"from": score, "probability": probability} for score, probability in points]},
        "mark": {"type": "line", "color": INK, "strokeWidth": 1.5, "clip": True},
        "encoding": {"x": dict(x), "y": {"field": "probability", **y}},
    }
    if not low <= curve.threshold <= high:
        return [line]
    threshold = {
        "data": {"values": [{"from": curve.threshold}]},
        "mark": {"type": "rule", "color": INK, "strokeDash": [4, 4]},
        "encoding": {"x": dict(x)},
    }
    return [line, threshold]
