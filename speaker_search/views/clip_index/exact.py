"""Exact cosines of rows in float16, by FAISS's own scan of half floats: far faster than numpy's, and without copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats
from speaker_search.views.clip_index.columns import Halves, Rows

BLOCK = 65_536  # rows at a time, in float32

Bools = npt.NDArray[np.bool_]


def floats(vectors: Halves) -> Floats:
    """The same vectors (n, dim) in float32, on all cores."""
    codes = np.asarray(vectors).view(np.uint8)  # (n, 2 dim)
    return np.asarray(_quantizer(vectors.shape[1]).decode(codes), np.float32)


def scan(
    vectors: Halves, first: Rows, end: Rows, query: Floats, limit: int, selector: Any = None
) -> tuple[Rows, Floats]:
    """The rows nearest to a unit vector (dim,) within ranges of rows, and their cosines, best first.

    `first` and `end` (m,) are the ranges; of their rows, only those that FAISS's selector takes, if given.
    """
    codes, row_bytes = _codes(vectors), 2 * vectors.shape[1]
    parts = ((codes[low * row_bytes :], np.arange(low, high)) for low, high in _blocks(first, end))
    return _best(vectors.shape[1], parts, query, limit, selector)


def among(vectors: Halves, rows: Rows, query: Floats, limit: int) -> tuple[Rows, Floats]:
    """Which of some rows (n,) are nearest to a unit vector (dim,), and their cosines, best first."""
    return _best(vectors.shape[1], [(_codes(vectors[rows]), rows)], query, min(limit, len(rows)))


def of_each(parts: Sequence[Halves], query: Floats, limit: int) -> list[tuple[Rows, Floats]]:
    """The rows of each part (n, dim) nearest to a unit vector (dim,), and their cosines, best first."""
    cosines = np.full((len(parts), limit), -np.inf, np.float32)
    found = np.full((len(parts), limit), -1, np.int64)
    scanner = _Scanner(len(query), query)  # one for all: making one takes as long as scanning a hundred rows
    rows = np.arange(max(map(len, parts), default=0))
    for part, best, places in zip(parts, cosines, found, strict=True):
        scanner.scan(_codes(part), rows[: len(part)], best, places)
    order = np.argsort(-cosines, axis=1, kind="stable")
    cosines, found = np.take_along_axis(cosines, order, axis=1), np.take_along_axis(found, order, axis=1)
    counts = (found >= 0).sum(axis=1).tolist()
    return [(found[place, :count], cosines[place, :count]) for place, count in enumerate(counts)]


def many(
    vectors: Halves, first: Rows, end: Rows, queries: Floats, limit: int, gone: Bools | None = None
) -> tuple[Rows, Floats]:
    """The same for many queries (q, dim) at once, on all cores: (q, limit) each, filled up with -1."""
    best = faiss.ResultHeap(len(queries), limit, keep_max=True)
    for low, high in _blocks(first, end):
        rows = np.arange(low, high)
        part = floats(vectors[low:high])
        if gone is not None and gone[low:high].any():
            rows, part = rows[~gone[low:high]], part[~gone[low:high]]
        if len(rows):
            some = min(limit, len(rows))
            cosines, places = faiss.knn(queries, part, some, metric=faiss.METRIC_INNER_PRODUCT)
            best.add_result(cosines, rows[places])
    best.finalize()
    return best.I, best.D


def _blocks(first: Rows, end: Rows) -> Iterator[tuple[int, int]]:
    """Ranges of rows, cut into blocks."""
    for low, high in zip(first.tolist(), end.tolist(), strict=True):
        for start in range(low, high, BLOCK):
            yield start, min(start + BLOCK, high)


def _best(
    dim: int, parts: Iterable[tuple[npt.NDArray[np.uint8], Rows]], query: Floats, limit: int, selector: Any = None
) -> tuple[Rows, Floats]:
    """The nearest of all parts, which are the bytes of rows and the rows' numbers."""
    cosines = np.full(limit, -np.inf, np.float32)
    found = np.full(limit, -1, np.int64)
    scanner = _Scanner(dim, query, selector)
    for codes, rows in parts:
        scanner.scan(codes, rows, cosines, found)
    best = np.argsort(-cosines, kind="stable")
    best = best[found[best] >= 0]
    return found[best], cosines[best]


class _Scanner:
    """FAISS's scan of half floats for one query, a unit vector (dim,)."""

    def __init__(self, dim: int, query: Floats, selector: Any = None) -> None:
        self._kept = _quantizer(dim), np.ascontiguousarray(query, np.float32), selector
        quantizer, vector, _ = self._kept
        self._scanner = quantizer.select_InvertedListScanner(faiss.METRIC_INNER_PRODUCT, None, False, selector, False)
        self._scanner.set_query(_pointer(vector))
        self._scanner.set_list(0, 0.0)

    def scan(self, codes: npt.NDArray[np.uint8], rows: Rows, cosines: Floats, found: Rows) -> None:
        """Compare rows, given as bytes and numbers, and keep the best in a heap: their cosines and numbers."""
        if len(rows) and len(found):
            self._scanner.scan_codes(
                len(rows), _pointer(codes), _pointer(rows), _pointer(cosines), _pointer(found), len(found)
            )


def _codes(vectors: Halves) -> npt.NDArray[np.uint8]:
    return np.asarray(vectors).view(np.uint8).reshape(-1)


def _quantizer(dim: int) -> Any:
    return faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16)


def _pointer(array: np.ndarray[Any, Any]) -> Any:
    return faiss.swig_ptr(array)
