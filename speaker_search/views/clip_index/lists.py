"""FAISS over the rows of a segment. No other module imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats
from speaker_search.views.clip_index.columns import Columns, Halves, Rows
from speaker_search.views.clip_index.plan import Plan, lists_to_probe

BLOCK = 65_536  # rows added at a time, in float32

Bools = npt.NDArray[np.bool_]


class Lists:
    """Rows by vector: an exact scan, or inverted lists (IVF), some of them probed by a query. Immutable."""

    def __init__(self, index: Any, plan: Plan, built_for: int) -> None:
        self._index = index
        self.plan = plan
        self.built_for = built_for  #: rows that the plan was made for

    def nearest(self, query: Floats, limit: int, usable: Bools | None) -> tuple[Rows, Floats]:
        """Rows and cosines nearest to a unit vector (dim,), best first; only `usable` (n,) rows if given."""
        total = int(self._index.ntotal)
        counted = total if usable is None else int(np.count_nonzero(usable))
        limit = min(limit, counted)
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        bits = None if usable is None else np.packbits(usable, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]  # SWIG's
        vector = np.ascontiguousarray(query[None], np.float32)
        if self.plan.kind == "flat":
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]  # keywords are SWIG's
            return _found(self._index.search(vector, limit, params=parameters))
        nprobe = lists_to_probe(self.plan, total, counted)
        while True:
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)  # type: ignore[call-arg]
            rows, cosines = _found(self._index.search(vector, limit, params=parameters))
            if len(rows) == limit or nprobe >= self.plan.nlist:
                return rows, cosines
            nprobe = self.plan.nlist  # the probed lists ran dry, but others may hold more

    def moved(self, places: Rows, added: Columns, where: Rows) -> Lists:
        """The same lists with rows renumbered: `places` (n,) gives each row's new number, -1 to remove it, and `added`
        are inserted as the rows `where`. Nothing is retrained.
        """
        if self.plan.kind == "flat":
            raise ValueError("An exact scan is rebuilt instead.")
        index: Any = faiss.clone_index(self._index)
        gone = np.flatnonzero(places < 0)
        if len(gone):
            index.remove_ids(faiss.IDSelectorBatch(gone))
        for number in range(self.plan.nlist):
            size = index.invlists.list_size(number)
            if size:
                ids = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
                ids[:] = places[ids]
        _add(index, added, where)
        return Lists(index, self.plan, self.built_for)

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    def differing(self, columns: Columns) -> int:
        """How many rows differ from the columns, or are not in these lists exactly once."""
        if self.plan.kind == "flat":
            return 0  # rebuilt from the columns whenever they are loaded
        seen = np.zeros(len(columns), np.int64)
        different = 0
        for number in range(self.plan.nlist):
            size = self._index.invlists.list_size(number)
            if size:
                rows = faiss.rev_swig_ptr(self._index.invlists.get_ids(number), size).copy()
                codes = faiss.rev_swig_ptr(self._index.invlists.get_codes(number), size * self._index.code_size).copy()
                inside = (rows >= 0) & (rows < len(columns))
                np.add.at(seen, rows[inside], 1)
                held = codes.view(np.float16).reshape(size, -1)[inside]
                different += int((held.view(np.uint16) != columns.vectors[rows[inside]].view(np.uint16)).any(1).sum())
                different += int(np.count_nonzero(~inside))
        return different + int(np.count_nonzero(seen != 1))


def build(columns: Columns, plan: Plan) -> Lists:
    """Lists over all rows, trained on a sample of them."""
    dim = columns.dim
    if plan.kind == "flat":
        return Lists(_flat(columns.vectors), plan, len(columns))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim), dim, plan.nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.spherical = True
    index.cp.min_points_per_centroid = 1
    index.cp.seed = 1
    rng = np.random.default_rng(0)
    sample = np.sort(rng.choice(len(columns), min(len(columns), plan.training_clips), replace=False))
    index.train(columns.vectors[sample].astype(np.float32))
    _add(index, columns, np.arange(len(columns)))
    return Lists(index, plan, len(columns))


def nearest_among(vectors: Halves, query: Floats, limit: int) -> tuple[Rows, Floats]:
    """Rows and cosines of the vectors (n, dim) nearest to a unit vector (dim,), best first; ties go to the lower row.

    FAISS compares float16 in the processor's own instructions, some forty times as fast as numpy.
    """
    limit = min(limit, len(vectors))
    if not limit:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    return _found(_flat(vectors).search(np.ascontiguousarray(query[None], np.float32), limit))


def load(path: Path, plan: Plan, built_for: int) -> Lists:
    """Read inverted lists from a file. Raises RuntimeError when FAISS cannot read it."""
    return Lists(faiss.read_index(str(path)), plan, built_for)


def _flat(vectors: Halves) -> Any:
    flat = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    flat.is_trained = True
    faiss.copy_array_to_vector(np.ascontiguousarray(vectors).view(np.uint8).reshape(-1), flat.codes)
    flat.ntotal = len(vectors)
    return flat


def _add(index: Any, columns: Columns, where: Rows) -> None:
    for start in range(0, len(columns), BLOCK):
        part = columns.vectors[start : start + BLOCK].astype(np.float32)
        index.add_with_ids(np.ascontiguousarray(part), np.ascontiguousarray(where[start : start + BLOCK]))


def _found(answer: tuple[Any, Any]) -> tuple[Rows, Floats]:
    cosines, rows = answer
    found = rows[0] >= 0
    return rows[0][found], cosines[0][found]
