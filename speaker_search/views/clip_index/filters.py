"""Which rows of a segment a search may return: games and characters as ranges of rows, less the tombstones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids
from speaker_search.views.clip_index.columns import Columns, Rows, Runs

Bools = npt.NDArray[np.bool_]


def runs(columns: Columns) -> Runs:
    """The runs of a segment's rows."""
    games, characters = columns.games, columns.characters
    begins = np.ones(len(columns), np.bool_)
    begins[1:] = (games[1:] != games[:-1]) | (characters[1:] != characters[:-1])
    first = np.flatnonzero(begins)
    return Runs(games[first], characters[first], np.append(first, len(columns)))


@dataclass(frozen=True)
class Allowed:
    """The rows that a search may return. Immutable, so what is derived from it is made once and kept."""

    first: Rows  # (m,) of ranges, ascending; neighbours do not touch
    end: Rows  # (m,)
    gone: Bools | None  # (n,) the segment's tombstones, if there are any
    rows: int  #: of the segment

    @cached_property
    def count(self) -> int:
        """How many rows are allowed."""
        within = int((self.end - self.first).sum())
        return within if self.gone is None else within - sum(int(self.gone[low:high].sum()) for low, high in self)

    @cached_property
    def filtered(self) -> bool:
        """Whether more than tombstones are left out."""
        return int((self.end - self.first).sum()) < self.rows

    @cached_property
    def selector(self) -> Any:
        """The rows as FAISS takes them; None when all are allowed."""
        if self.count == self.rows:
            return None
        usable = np.zeros(self.rows, np.bool_)
        for low, high in self:
            usable[low:high] = True if self.gone is None else ~self.gone[low:high]
        bits = np.packbits(usable, bitorder="little")
        return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]  # SWIG's; it keeps the array

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.first.tolist(), self.end.tolist(), strict=True)


def allowed(of: Runs, rows: int, gone: Bools | None, games: Ids | None, characters: Ids | None) -> Allowed:
    """The rows of these games and characters, if given."""
    fits = np.ones(len(of.games), np.bool_)
    if games is not None:
        fits &= np.isin(of.games, games)
    if characters is not None:
        fits &= np.isin(of.characters, characters)
    first, end = of.bounds[:-1][fits], of.bounds[1:][fits]
    apart = first[1:] != end[:-1]
    if len(first):
        first, end = first[np.append(True, apart)], end[np.append(apart, True)]
    return Allowed(first, end, gone, rows)
