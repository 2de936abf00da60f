"""Colours and shapes that tell groups apart, also for the colour-blind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Of Okabe and Ito (2008), "Color universal design", ordered so that the first ones differ most.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#d55e00", "#f0e442")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
MOST = len(COLOURS) * len(SHAPES)  # groups that can be told apart
FAINT = "#bdbdbd"  # of what belongs to none of the groups


@dataclass(frozen=True, slots=True)
class Looks:
    """The groups of a chart with a look each, those with most members first; what has no look of its own is faint."""

    groups: tuple[str, ...]
    faint: tuple[str, ...]  #: names that the legend has for what is faint

    def encoding(self, field: str, title: str) -> dict[str, Any]:
        """The colour and shape of points whose group is in a field, with one legend for both."""
        names = [*self.groups, *self.faint]
        looks = [(COLOURS[n % len(COLOURS)], SHAPES[n // len(COLOURS)]) for n in range(len(self.groups))]
        looks += [(FAINT, SHAPES[0])] * len(self.faint)
        legend = {"title": title, "columns": 1 if len(names) <= len(COLOURS) * 3 else 2, "symbolLimit": len(names)}
        shown = {"field": field, "type": "nominal", "legend": legend if len(names) > 1 else None}
        return {
            "color": {**shown, "scale": {"domain": names, "range": [colour for colour, _ in looks]}},
            "shape": {**shown, "scale": {"domain": names, "range": [shape for _, shape in looks]}},
        }

    def shown(self, group: str) -> str:
        """The name under which the legend has a group."""
        return group if group in self.groups or group in self.faint else self.faint[-1]


def looks(members: Sequence[str], none: str) -> Looks:
    """Looks for the groups that these members (n,) belong to. The members of `none` are faint, and so are those of the
    smallest groups where there are more than can be told apart.
    """
    sizes = Counter(members)
    own = sorted((name for name in sizes if name != none), key=lambda name: (-sizes[name], _counting(name)))
    faint = (none,) if none in sizes else ()
    if len(own) > MOST:
        return Looks(tuple(own[:MOST]), (*faint, f"{len(own) - MOST:,} others"))
    return Looks(tuple(own), faint)


def _counting(name: str) -> list[tuple[int, str]]:
    """What names are sorted by: "voice 9" comes before "voice 10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
