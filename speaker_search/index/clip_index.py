"""The nearest clips to a vector, in memory: FAISS and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.index.plan import Plan, lists_to_probe

FLAT_PART = 10_000  # clips given out at a time

#: Called with how many training vectors are wanted; gives a sample (m, dim).
Sample = Callable[[int], Floats]


@dataclass(slots=True)
class ClipIndex:
    """Clip ids and unit vectors, searchable by inner product, which for unit vectors is the cosine."""

    faiss_index: Any
    plan: Plan
    built_for: int  #: clips the plan was made for
    seq: int  #: how far in the space's change log it reaches
    replaying: bool = False  #: a replay began and has not ended: what it holds is not known

    @property
    def clips(self) -> int:
        return int(self.faiss_index.ntotal)

    @property
    def dim(self) -> int:
        return int(self.faiss_index.d)

    def add(self, ids: Ids, vectors: Floats) -> None:
        """Take in clips that are not in it yet: ids (n,), unit vectors (n, dim)."""
        if len(ids):
            self.faiss_index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: Ids) -> None:
        """Take out those of the clips that are in it."""
        if len(ids) and self.clips:
            self.faiss_index.remove_ids(faiss.IDSelectorBatch(ids))

    def nearest(self, query: Floats, limit: int, *, allowed: Ids | None = None) -> tuple[Ids, Floats]:
        """The clips nearest to one unit vector (dim,): ids and cosines, best first, at most `limit`.

        With `allowed` only those clip ids are looked at, however few they are.
        """
        limit = min(limit, self.clips if allowed is None else len(allowed))
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        selector = None if allowed is None else faiss.IDSelectorBatch(allowed)
        if self.plan.kind == "flat":
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]  # keywords are SWIG's
        else:
            counted = self.clips if allowed is None else len(allowed)
            nprobe = lists_to_probe(self.plan, self.clips, counted)
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)  # type: ignore[call-arg]
        vector = np.ascontiguousarray(query[None], np.float32)
        cosines, ids = self.faiss_index.search(vector, limit, params=parameters)
        if ids[0][-1] < 0 and self.plan.kind == "ivf" and nprobe < self.plan.nlist:
            # The lists looked into ran dry, which does not mean that there are no more.
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=self.plan.nlist)  # type: ignore[call-arg]
            cosines, ids = self.faiss_index.search(vector, limit, params=parameters)
        found = ids[0] >= 0
        return ids[0][found], cosines[0][found]

    def contents(self) -> Iterator[tuple[Ids, Floats]]:
        """All clip ids and the vectors (n, dim) held for them, in parts, in no particular order."""
        if self.plan.kind == "flat":
            ids = faiss.vector_to_array(self.faiss_index.id_map)
            for start in range(0, len(ids), FLAT_PART):
                part = ids[start : start + FLAT_PART]
                yield part, self.faiss_index.index.reconstruct_n(start, len(part))
            return
        lists = self.faiss_index.invlists
        for number in range(self.plan.nlist):
            size = lists.list_size(number)
            if size:
                ids = faiss.rev_swig_ptr(lists.get_ids(number), size).copy()
                codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size)
                yield ids, self.faiss_index.sq.decode(codes.reshape(size, lists.code_size).copy())


def build(plan: Plan, dim: int, clips: int, sample: Sample) -> ClipIndex:
    """An empty index laid out by a plan, its lists trained on a sample of the vectors it is for."""
    if plan.kind == "flat":
        return ClipIndex(faiss.IndexIDMap2(faiss.IndexFlatIP(dim)), plan, clips, 0)
    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, plan.nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.spherical = True
    index.cp.min_points_per_centroid = 1
    index.cp.seed = 1
    index.train(np.ascontiguousarray(sample(plan.training_clips), np.float32))
    return ClipIndex(index, plan, clips, 0)
