"""The nearest rows of a segment: an exact scan, or FAISS's inverted lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats
from speaker_search.views.clip_index import exact, training
from speaker_search.views.clip_index.columns import Columns, Halves, Rows
from speaker_search.views.clip_index.filters import Allowed
from speaker_search.views.clip_index.plan import REFINED, Plan
from speaker_search.views.clip_index.probing import Probing, Tuning, probing

FAISS: str = faiss.__version__
SAME_ERROR = 1e-5  # between a unit vector and its code: smaller differences come from rounding
SURE_LISTS = 64  # up to here a graph has to look at four times as many candidates as lists wanted, beyond at twice


@dataclass(frozen=True, slots=True)
class Trained:
    """What lists were trained on."""

    clips: int
    games: tuple[int, ...]  #: by id
    imbalance: float  #: of the lists when they were new: 1.0 when all are equally long


class Lists:
    """Rows by vector: none when an exact scan serves, or inverted lists (IVF), some of them probed by a query.

    Immutable. The vectors themselves are not here: they are the segment's, and are given to `nearest`.
    """

    def __init__(self, index: Any, plan: Plan, trained: Trained, tuning: Tuning | None = None) -> None:
        self._index = index
        self.plan = plan
        self.trained = trained
        self.tuning = tuning

    @property
    def built_for(self) -> int:
        """Rows that the plan was made for."""
        return self.trained.clips

    @property
    def probing(self) -> Probing:
        return self.tuning.probing if self.tuning else probing(self.plan)

    def nearest(
        self, vectors: Halves, query: Floats, limit: int, allowed: Allowed, nprobe: int | None = None
    ) -> tuple[Rows, Floats]:
        """Rows and cosines nearest to a unit vector (dim,), best first. `nprobe` overrides the lists searched."""
        limit = min(limit, allowed.count)
        if limit <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if self.plan.kind == "ivf":
            of_all = (self.plan.nlist, allowed.rows, allowed.count, limit)
            probed = nprobe or self.probing.lists(*of_all, filtered=allowed.filtered)
            if probed is not None:
                rows, cosines = self._probe(vectors, query, limit, allowed, probed)
                if len(rows) == limit:
                    return rows, cosines
        selector = None if allowed.gone is None else allowed.selector
        return exact.scan(vectors, allowed.first, allowed.end, query, limit, selector)

    def _probe(self, vectors: Halves, query: Floats, limit: int, allowed: Allowed, probed: int) -> tuple[Rows, Floats]:
        parameters = faiss.SearchParametersIVF(sel=allowed.selector, nprobe=probed)  # type: ignore[call-arg]  # SWIG's
        if self.plan.graph:
            candidates = max(4 * min(probed, SURE_LISTS), 2 * probed)
            graph: Any = faiss
            parameters.quantizer_params = graph.SearchParametersHNSW(efSearch=candidates)
        wanted = limit if self.plan.codes == "fp16" else REFINED[0] + REFINED[1] * limit
        vector = np.ascontiguousarray(query[None], np.float32)
        cosines, rows = self._index.search(vector, wanted, params=parameters)
        found = rows[0] >= 0
        if self.plan.codes == "fp16":
            return rows[0][found], cosines[0][found]
        return exact.among(vectors, rows[0][found], query, limit)

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
            _clear_ends(index)
        for number in range(self.plan.nlist):
            ids = _ids(index, number)
            ids[:] = places[ids]
        training.add(index, added.vectors, where)
        return Lists(index, self.plan, self.trained, self.tuning)

    def tuned(self, tuning: Tuning) -> Lists:
        """The same lists, probed as measurements say."""
        return Lists(self._index, self.plan, self.trained, tuning)

    def accepted(self, columns: Columns) -> Lists:
        """The same lists, with their clips of today taken for what they were trained on: recall is still good."""
        return Lists(self._index, self.plan, _trained_on(self._index, columns, self.built_for), self.tuning)

    @property
    def imbalance(self) -> float:
        """How many times as many rows a query compares as it would if all lists were equally long."""
        return 1.0 if self.plan.kind == "flat" else float(self._index.invlists.imbalance_factor())

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    def miscounted(self, rows: int) -> int:
        """By how many these lists hold more or fewer than that many rows."""
        return 0 if self.plan.kind == "flat" else abs(int(self._index.ntotal) - rows)

    def differing(self, columns: Columns) -> int:
        """How many rows are not in these lists exactly once, as what the columns' vectors become there."""
        if self.plan.kind == "flat":
            return 0
        seen = np.zeros(len(columns), np.int64)
        different = 0
        for number in range(self.plan.nlist):
            rows = _ids(self._index, number).copy()
            inside = (rows >= 0) & (rows < len(columns))
            different += int(np.count_nonzero(~inside))
            np.add.at(seen, rows[inside], 1)
            if len(rows):
                own = exact.floats(np.asarray(columns.vectors[rows[inside]]))
                different += _wrong(self._index, own, number, _codes(self._index, number)[inside])
        return different + int(np.count_nonzero(seen != 1))


def build(columns: Columns, plan: Plan) -> Lists:
    """Lists over all rows, trained on a sample of them."""
    index = None
    if plan.kind == "ivf":
        index = training.trained(columns.vectors, plan)
        training.add(index, columns.vectors, np.arange(len(columns)))
    return lists_of(index, plan, columns)


def lists_of(index: Any, plan: Plan, columns: Columns) -> Lists:
    """Lists that hold all rows, and were trained on them; no index when an exact scan serves."""
    return Lists(index, plan, _trained_on(index, columns, len(columns)))


def load(path: Path, plan: Plan, trained: Trained, tuning: Tuning | None = None) -> Lists:
    """Read lists from their file, if they have one. Raises RuntimeError when FAISS cannot read it."""
    return Lists(faiss.read_index(str(path)) if plan.kind == "ivf" else None, plan, trained, tuning)


def readable(made_by: str) -> bool:
    """Whether this FAISS reads lists that another version wrote: one with the same first two numbers."""
    return made_by.split(".")[:2] == FAISS.split(".")[:2]


def _trained_on(index: Any, columns: Columns, clips: int) -> Trained:
    games = np.unique(columns.games)
    return Trained(clips, tuple(games.tolist()), 1.0 if index is None else float(index.invlists.imbalance_factor()))


def _ids(index: Any, number: int) -> Rows:
    """The rows in a list: FAISS's own memory, which may be written to."""
    size = index.invlists.list_size(number)
    if not size:
        return np.empty(0, np.int64)
    return np.asarray(faiss.rev_swig_ptr(index.invlists.get_ids(number), size))


def _codes(index: Any, number: int) -> npt.NDArray[np.uint8]:
    """What a list holds of each of its rows, (size, bytes)."""
    size = index.invlists.list_size(number)
    if not _interleaved(index):
        codes = faiss.rev_swig_ptr(index.invlists.get_codes(number), size * index.code_size)
        return np.asarray(codes).reshape(size, -1).copy()
    packer = index.get_CodePacker()
    blocks = -(-size // packer.nvec)
    packed = faiss.rev_swig_ptr(index.invlists.get_codes(number), blocks * packer.block_size)
    codes = np.empty((blocks * packer.nvec, packer.code_size), np.uint8)
    for block in range(blocks):
        own = slice(block * packer.block_size, (block + 1) * packer.block_size)
        packer.unpack_all(faiss.swig_ptr(packed[own]), faiss.swig_ptr(codes[block * packer.nvec :]))
    return codes[:size]


def _interleaved(index: Any) -> bool:
    """Whether lists hold codes, interleaved in blocks of 32 rows."""
    return isinstance(index, faiss.IndexIVFPQFastScan)


def _clear_ends(index: Any) -> None:
    """Clear what lists of codes hold beyond their ends: FAISS leaves removed rows there and
    mixes new ones into them.
    """
    if not _interleaved(index):
        return
    packer = index.get_CodePacker()
    nothing = np.zeros((1, packer.code_size), np.uint8)
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        blocks = -(-size // packer.nvec)
        packed = index.invlists.get_codes(number)
        for place in range(size, blocks * packer.nvec):
            packer.pack_1_c(faiss.swig_ptr(nothing), place, packed)


def _wrong(index: Any, vectors: Floats, number: int, held: npt.NDArray[np.uint8]) -> int:
    """How many of a list's codes are not what their vectors (n, dim) become in it."""
    expected = _encoded(index, vectors, number)
    other = (held != expected).any(axis=1)
    if not other.any() or not _interleaved(index):
        return int(other.sum())
    # Where two codes are equally near, one processor takes this and another that: only a worse one is wrong.
    away = vectors[other] - index.quantizer.reconstruct(number)
    errors, least = (np.linalg.norm(away - index.pq.decode(codes[other]), axis=1) for codes in (held, expected))
    return int(np.count_nonzero(errors > least + SAME_ERROR))


def _encoded(index: Any, vectors: Floats, number: int) -> npt.NDArray[np.uint8]:
    """What a list would hold of these vectors (n, dim), (n, bytes)."""
    codes = np.empty((len(vectors), index.code_size), np.uint8)
    if len(vectors):
        lists = np.full(len(vectors), number, np.int64)
        index.encode_vectors(
            len(vectors), faiss.swig_ptr(np.ascontiguousarray(vectors)), faiss.swig_ptr(lists), faiss.swig_ptr(codes)
        )
    return codes
