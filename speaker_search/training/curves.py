"""How a training went, as a page: the loss and the errors on held-out voices over its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from speaker_search.documents.models.trained import TrainedModel
from speaker_search.pictures.charts import Chart, Part, Table
from speaker_search.pictures.colours import COLOURS

WIDTH, HEIGHT = 640, 260


def page_parts(made: TrainedModel) -> list[Part]:
    """The charts and the table of a training that has been measured."""
    measured = [one for one in ((0, made.before), *((one.step, one) for one in made.evaluations)) if one[1] is not None]
    kinds = {"across games": "across_games", "within games": "within_games"}
    errors = [
        {"step": step, "value": getattr(one, name), "kind": kind}
        for step, one in measured
        for kind, name in kinds.items()
        if one is not None and getattr(one, name) is not None
    ]
    losses = [{"step": one.step, "value": one.loss, "kind": "loss"} for one in made.evaluations]
    rows = [
        (step, *("" if value is None else f"{value:.2%}" for value in (one.across_games, one.within_games)))
        for step, one in measured
        if one is not None
    ]
    return [
        f"{made.encoder}, begun with {made.started_from}: {made.step:,} of {made.recipe.steps:,} steps, judged by "
        f"pairs of clips {made.judged_by}.",
        _lines("Equal error rate of held-out voices", errors, list(kinds), ".1%"),
        _lines("Loss, mean since the last evaluation", losses, ["loss"], ".2f"),
        Table(("step", *kinds), rows),
    ]


def _lines(title: str, rows: Sequence[Mapping[str, object]], kinds: list[str], form: str) -> Chart:
    """A line for each kind over the steps, with a point at each row."""
    steps = {"field": "step", "type": "quantitative", "scale": {"zero": True}, "axis": {"title": "step", "format": "d"}}
    values = {"field": "value", "type": "quantitative", "axis": {"title": None, "format": form}}
    colours = {"domain": kinds, "range": list(COLOURS[: len(kinds)])}
    legend = {"title": None, "orient": "top"} if len(kinds) > 1 else None
    return Chart(
        {
            "title": title,
            "width": WIDTH,
            "height": HEIGHT,
            "data": {"values": list(rows)},
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": steps,
                "y": values,
                "color": {"field": "kind", "type": "nominal", "scale": colours, "legend": legend, "sort": kinds},
                "tooltip": [
                    {"field": "kind", "type": "nominal"},
                    {"field": "step", "type": "quantitative"},
                    {"field": "value", "type": "quantitative", "format": form},
                ],
            },
        }
    )
