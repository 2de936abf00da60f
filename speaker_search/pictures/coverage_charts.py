"""What a catalog holds, as bars: clips by what became of them, and minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speaker_search.entities import counted
from speaker_search.pictures.charts import SOFT, Chart
from speaker_search.pictures.colours import COLOURS, FAINT

WIDTH, STEP = 330, 17  # pixels: of a column of bars, and of a bar's height
LONGEST_REST = 1.2  # times the longest other bar: the bar of the rest is cut there, and its number says how long it is
ROOM = 1.25  # times the longest bar: there is room for its number
FAINT_STATE = "together"  # of the rest
LOOKS = {"embedded": COLOURS[0], "pending": COLOURS[1], "refused": COLOURS[6]}


@dataclass(frozen=True, slots=True)
class Bar:
    """A maker, game or character, or the rest of them together."""

    name: str
    embedded: int
    pending: int
    refused: int
    minutes: float
    members: int = 1
    rest: bool = False

    @property
    def clips(self) -> int:
        return self.embedded + self.pending + self.refused


def coverage_chart(title: str, by: str, bars: Sequence[Bar]) -> Chart:
    """Two columns of bars: clips by what became of them, and minutes of those that are embedded."""
    states = [state for state in LOOKS if any(getattr(bar, state) for bar in bars)]
    clips = [[(state, float(getattr(bar, state))) for state in states] for bar in bars]
    minutes = [[(states[0] if states else "embedded", bar.minutes)] for bar in bars]
    total = f"{counted(sum(bar.members for bar in bars), by)}, {counted(sum(bar.clips for bar in bars), 'clip')}"
    total += f", {counted(round(sum(bar.minutes for bar in bars)), 'minute')}"
    columns = [
        _column("clips", ",.0f", bars, clips, first=True),
        _column("minutes", ",.1f", bars, minutes, first=False),
    ]
    return Chart({"title": {"text": title, "subtitle": total}, "hconcat": columns, "spacing": 12})


def _column(
    unit: str, form: str, bars: Sequence[Bar], parts: Sequence[Sequence[tuple[str, float]]], *, first: bool
) -> dict[str, Any]:
    """A column of bars, each made of its parts; only the `first` column has names and a legend."""
    sums = [sum(length for _, length in each) for each in parts]
    most = max((length for length, bar in zip(sums, bars, strict=True) if not bar.rest), default=0)
    most = max(most, 1e-9) * LONGEST_REST if any(bar.rest for bar in bars) else max(most, 1e-9)
    rows, ends = [], []
    for bar, each, whole in zip(bars, parts, sums, strict=True):
        start = 0.0
        for state, length in each:
            shown = {
                "start": min(start, most),
                "end": min(start + length, most),
                "state": FAINT_STATE if bar.rest else state,
            }
            rows.append({"name": bar.name, unit: length, "of": whole, **shown})
            start += length
        ends.append({"name": bar.name, "end": min(whole, most), "number": format(whole, form)})
    y = {"field": "name", "type": "nominal", "sort": [bar.name for bar in bars]}
    axis = {"title": None, "labelLimit": 300, "domain": False, "ticks": False} if first else None
    x = {"type": "quantitative", "scale": {"domain": [0, most * ROOM], "nice": False}}
    looks = {**LOOKS, FAINT_STATE: FAINT}
    named = [state for state in LOOKS if any(row["state"] == state for row in rows)]
    legend = {"title": None, "orient": "top", "values": named} if first and len(named) > 1 else None
    colour = {"field": "state", "type": "nominal", "legend": legend}
    colour["scale"] = {"domain": list(looks), "range": list(looks.values())}
    told = [{"field": field, "type": "nominal"} for field in ("name", "state")]
    told += [{"field": field, "type": "quantitative", "format": form} for field in (unit, "of")]
    drawn = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {**x, "field": "start", "axis": {"title": unit, "grid": False, "tickCount": 5}},
            "x2": {"field": "end"},
        }
        | {"color": colour, "tooltip": told},
    }
    numbers = {
        "data": {"values": ends},
        "mark": {"type": "text", "align": "left", "dx": 3, "fontSize": 10, "color": SOFT, "tooltip": None},
        "encoding": {"x": {**x, "field": "end"}, "text": {"field": "number"}},
    }
    return {
        "width": WIDTH,
        "view": {"stroke": None},
        "height": {"step": STEP},
        "encoding": {"y": {**y, "axis": axis}},
        "layer": [drawn, numbers],
    }
