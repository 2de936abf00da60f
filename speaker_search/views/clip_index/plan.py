"""Which FAISS index to use for how many clips, with the reason in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from speaker_search.entities import counted

FLAT_CLIPS = 100_000  # up to here an exact scan takes about 5 ms on one core (46 ms at a million, measured)
GROWTH = 4  # lists trained on a quarter of the clips or fewer lose recall on the rest: retrain
LIST_BOUNDS = (1024, 32_768)
PROBED_LISTS = 64  # recall@10 of 0.998 at a million clips, 0.995 at seven million (measured)
TRAINING_CLIPS_PER_LIST = 40  # k-means gains little from more


@dataclass(frozen=True, slots=True)
class Plan:
    """How an index is laid out."""

    kind: Literal["flat", "ivf"]
    nlist: int  #: inverted lists; 0 when flat
    nprobe: int  #: lists that a query probes; 0 when flat
    reason: str

    @property
    def training_clips(self) -> int:
        return self.nlist * TRAINING_CLIPS_PER_LIST


def plan(clips: int) -> Plan:
    """The layout for that many clips: an exact scan while that is fast, otherwise inverted lists of float16."""
    if clips <= FLAT_CLIPS:
        return Plan(
            "flat", 0, 0, f"{counted(clips, 'clip')}: an exact scan of up to {FLAT_CLIPS:,} takes a few milliseconds"
        )
    wanted = 4 * clips**0.5  # the field's rule of thumb, rounded up to a power of two
    nlist = LIST_BOUNDS[0]
    while nlist < min(wanted, LIST_BOUNDS[1]):
        nlist *= 2
    reason = f"{clips:,} clips: {nlist:,} lists, about 4 x sqrt(clips); a query probes {PROBED_LISTS}"
    return Plan("ivf", nlist, PROBED_LISTS, reason)


def outgrown(built: Plan, built_for: int, clips: int) -> bool:
    """Whether an index planned for `built_for` clips should be rebuilt for `clips`."""
    if built.kind == "flat":
        return plan(clips).kind != "flat"
    return clips > GROWTH * built_for


def lists_to_probe(built: Plan, clips: int, allowed: int) -> int:
    """How many lists a query probes when a filter allows only `allowed` of the clips.

    A filter leaves fewer allowed clips in each list, and none in some. So the probed share grows as the allowed share
    shrinks, up to all lists, which is an exact scan of the allowed clips.
    """
    if allowed * 10 >= clips:
        return min(built.nlist, built.nprobe * max(1, round(clips / max(1, allowed))))
    return built.nlist
