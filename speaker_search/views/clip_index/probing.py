"""How many lists a query looks into, and when an exact scan is faster. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from speaker_search.views.clip_index.plan import Plan

SCAN_NS = 20.0  # to compare with a row exactly, on one core (measured; `index tune` measures it on the machine)
PROBE_NS = {"fp16": 25.0, "pq4": 10.0}  # to compare with a row in a list (likewise)
SPREAD = 4.0  # measured at seven million clips without the game of the query: 0.97 with 2, 0.995 with 4
DEEP = 100  # where more clips than this are wanted, more lists are probed


@dataclass(frozen=True, slots=True)
class Probing:
    """How much of an index a query looks into: as planned, or as measured on it by `index tune`."""

    nprobe: int  #: lists, without a filter
    spread: float = SPREAD  #: times as many under a filter that leaves nearly all rows, and more the fewer it leaves
    scan_ns: float = SCAN_NS  #: to compare with a row exactly
    probe_ns: float = PROBE_NS["fp16"]  #: to compare with a row in a list

    def lists(self, nlist: int, rows: int, allowed: int, limit: int, *, filtered: bool) -> int | None:
        """How many lists to probe for the `limit` nearest of the `allowed` rows; None when scanning those is faster.

        A filter leaves fewer rows in each list, and the nearest of those allowed lie farther away, in more lists: the
        number grows with how many times fewer they are, to the power of 1.5.
        """
        thinner = rows / max(1, allowed)
        wanted = self.nprobe * thinner * sqrt(max(1.0, limit / DEEP))
        probed = min(nlist, ceil(self.spread * sqrt(thinner) * wanted if filtered else wanted))
        if allowed * self.scan_ns <= probed * rows / nlist * self.probe_ns:
            return None
        return probed


def probing(made: Plan) -> Probing:
    """What a query looks into unless measurements say otherwise."""
    return Probing(made.nprobe, probe_ns=PROBE_NS[made.codes])


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `index tune` measured, and set by it."""

    target: float  #: recall@10 that was asked for
    probing: Probing
    queries: int  #: sampled clips, each searched for without itself
    recall_at_10: float
    recall_at_100: float
    filtered: dict[str, float]  #: recall@10 by kind of filter
    measured_at: float = 0.0  #: in seconds since 1970: of two measurements of the same lists, the later is kept

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Tuning | None:
        """What was kept as JSON."""
        return cls(**kept | {"probing": Probing(**kept["probing"])}) if kept else None
