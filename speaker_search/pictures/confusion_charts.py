"""Who is mistaken for whom, as a matrix whose rows and columns are ordered by likeness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.pictures.charts import INK, Chart

CELL = 24  # pixels
MOST_WRITTEN = 20  # characters: in a larger matrix, cells are too many to read numbers in
OTHERS = "(others)"
DARK = 0.55  # a share above this is written in white
SHADES = ["#f3f3f3", "#a6cee3", "#3182bd", "#08306b"]  # evenly from no clip to all clips


def leaf_order(vectors: Floats) -> Ids:
    """An order (n,) of unit vectors (n, dim) in which those alike are neighbours.

    That of the leaves of an average-linkage tree, turned so that neighbours are as near as can be (Bar-Joseph et al.
    2001).
    """
    if len(vectors) < 3:
        return np.arange(len(vectors))
    from scipy.cluster.hierarchy import leaves_list, linkage  # type: ignore[import-untyped]

    cosines = np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T
    upper = np.triu_indices(len(vectors), 1)
    tree = linkage(np.maximum(1 - cosines[upper], 0), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), np.int64)


def confusion_chart(title: str, said: Sequence[str], names: Sequence[str], clips: Ids, nearest: Ids) -> Chart:
    """A row for each of the names (k,) that has clips (k,): the share of them that is nearest (k, k) to each column."""
    columns = [*names, OTHERS] if (nearest.sum(axis=1) < clips).any() else list(names)
    rows = []
    for number, name in enumerate(names):
        counts = [*nearest[number].tolist(), int(clips[number] - nearest[number].sum())][: len(columns)]
        rows += [
            {"clips of": name, "nearest to": column, "clips": count, "of": int(clips[number]), "share": count / of}
            for column, count in zip(columns, counts, strict=True)
            if (of := int(clips[number]))
        ]
    axis = {"labelLimit": 170, "titlePadding": 8, "grid": False, "domain": False, "ticks": False}
    x = {
        "field": "nearest to",
        "type": "nominal",
        "sort": columns,
        "axis": {**axis, "labelAngle": -90, "orient": "top"},
    }
    y = {"field": "clips of", "type": "nominal", "sort": list(names), "axis": axis}
    legend = {"title": "share of clips", "format": ".0%", "gradientLength": 120}
    shade = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1], "range": SHADES}, "legend": legend}
    told = [{"field": name, "type": "nominal"} for name in ("clips of", "nearest to", "clips", "of")]
    cells = {
        "mark": {"type": "rect", "stroke": "white", "strokeWidth": 1},
        "encoding": {"color": shade, "tooltip": [*told, {"field": "share", "type": "quantitative", "format": ".1%"}]},
    }
    numbers = {
        "transform": [{"filter": "datum.clips > 0"}],
        "mark": {"type": "text", "fontSize": 9, "tooltip": None},
        "encoding": {
            "text": {"field": "share", "type": "quantitative", "format": ".0%"},
            "color": {"condition": {"test": f"datum.share > {DARK}", "value": "white"}, "value": INK},
        },
    }
    return Chart(
        {
            "title": {"text": title, "subtitle": list(said)},
            "width": {"step": CELL + 4 if len(names) <= MOST_WRITTEN else CELL - 6},
            "height": {"step": CELL if len(names) <= MOST_WRITTEN else CELL - 6},
            "data": {"values": rows},
            "encoding": {"x": x, "y": y},
            "layer": [cells, numbers] if len(names) <= MOST_WRITTEN else [cells],
        }
    )
