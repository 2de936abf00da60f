"""Long lists cut to what one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

IDS_PER_STATEMENT = 1_000  # SQLite binds at most 32,766 values to a statement


def chunks(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Runs of up to `size` values (itertools.batched, which Python has from 3.12 on)."""
    rest = iter(values)
    while chunk := tuple(islice(rest, size)):
        yield chunk
