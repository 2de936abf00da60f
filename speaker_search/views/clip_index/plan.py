"""Which FAISS index to use for how many clips, with the reason in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from speaker_search.documents import DEFAULT_RECALL

FLAT_CLIPS = 100_000  # up to here an exact scan takes about 2 ms on one core (20 ms at a million, measured)
GROWTH = 4  # lists trained on a quarter of the clips or fewer lose recall on the rest: retrain
LIST_BOUNDS = (1024, 32_768)
FINE_LISTS = 4_096  # as many as 4 x sqrt(clips), the field's rule of thumb, up to here: every list costs time to build
LIST_CLIPS = 4_096  # in a list on average, at most
TRAINING_CLIPS_PER_LIST = 40  # k-means gains little from more
TWO_LEVEL_LISTS = 1_024  # from here on k-means runs in two levels: in one, its time grows with the square of the lists
GRAPH_LISTS = 16_384  # from here on a graph (HNSW) finds the lists: 4,096 are compared in half its time (measured)
HALVES_CLIPS = 2_000_000  # up to here lists hold whole vectors, a second time: answers come without a look at the map
HALVES_SHARE = 1 / 4  # of the memory at hand, which they take at most
CODE_BITS = 4  # of every two dimensions, where lists hold codes
CODE_CLIPS = 65_536  # that codes are trained on
REFINED = (300, 4)  # candidates by code to compare exactly: a fixed number, and a number for each clip wanted
PROBED_LISTS = ((0.97, 16), (0.985, 24), (DEFAULT_RECALL, 32), (0.995, 96), (1.0, 256))  # a query's, by recall


@dataclass(frozen=True, slots=True)
class Plan:
    """How an index is laid out."""

    kind: Literal["flat", "ivf"]
    nlist: int  #: inverted lists; 0 when flat
    nprobe: int  #: lists that a query probes; 0 when flat
    reason: str
    codes: Literal["fp16", "pq4"] = "fp16"  #: what lists hold: whole vectors, or four bits for every two dimensions
    recall: float = DEFAULT_RECALL  #: of the ten nearest clips that `nprobe` is meant for

    @property
    def training_clips(self) -> int:
        return self.nlist * TRAINING_CLIPS_PER_LIST

    @property
    def graph(self) -> bool:
        """Whether lists are found through a graph of their centroids (HNSW)."""
        return self.nlist >= GRAPH_LISTS

    @property
    def name(self) -> str:
        """The index in FAISS's words."""
        if self.kind == "flat":
            return "Flat,fp16"
        lists = f"IVF{self.nlist}_HNSW32" if self.graph else f"IVF{self.nlist}"
        return f"{lists},SQfp16" if self.codes == "fp16" else f"{lists},PQx4fs,Refine(fp16)"


def plan(clips: int, *, dim: int = 192, memory: int | None = None, recall: float = DEFAULT_RECALL) -> Plan:
    """The layout for that many clips, with `memory` bytes at hand (enough if not given), for a share of the nearest
    clips: an exact scan while that is fast, otherwise inverted lists, of float16 or of codes.
    """
    if clips <= FLAT_CLIPS:
        # Without the number of clips, which may grow while the plan stays.
        words = f"an exact scan of up to {FLAT_CLIPS:,} clips takes a few milliseconds"
        return Plan("flat", 0, 0, words, recall=recall)
    wanted = max(min(4 * clips**0.5, FINE_LISTS), clips / LIST_CLIPS)  # rounded up to a power of two
    nlist = LIST_BOUNDS[0]
    while nlist < min(wanted, LIST_BOUNDS[1]):
        nlist *= 2
    nprobe = next((lists for reached, lists in PROBED_LISTS if recall <= reached), PROBED_LISTS[-1][1])
    words = f"{clips:,} clips: {nlist:,} lists of {clips // nlist:,} on average"
    halves = 2 * dim * clips
    if clips > HALVES_CLIPS:
        why, codes = f"{dim // 4} bytes a clip, with the nearest compared exactly, are as fast as whole vectors", True
    elif memory is not None and halves > HALVES_SHARE * memory:
        why, codes = f"whole vectors would take {halves / 2**30:.1f} GiB of the {memory / 2**30:.1f} at hand", True
    else:
        why, codes = "whole vectors fit", False
    return Plan("ivf", nlist, nprobe, f"{words}; {why}", "pq4" if codes else "fp16", recall)


def outgrown(built: Plan, built_for: int, clips: int) -> bool:
    """Whether an index planned for `built_for` clips should be rebuilt for `clips`."""
    if built.kind == "flat":
        return plan(clips).kind != "flat"
    return clips > GROWTH * built_for
