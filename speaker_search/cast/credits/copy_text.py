"""Tables in PostgreSQL's COPY text format: a row a line, cells between tabs, \\N for NULL, backslash escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from speaker_search.errors import UsageError

MAX_ROW_BYTES = 16 << 20
Row = tuple[str | None, ...]

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.S)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def rows(stream: BinaryIO, columns: int, wanted: Sequence[int], *, name: str) -> Iterator[Row | None]:
    """The wanted cells of every row, by their positions; None for a malformed row.

    A row has to have as many cells as there are `columns`, all in UTF-8. Raises UsageError, with the table's `name`,
    for a row over 16 MiB: the file is no table then.
    """
    while line := stream.readline(MAX_ROW_BYTES + 1):
        if len(line) > MAX_ROW_BYTES:
            raise UsageError(f"{name} has a row of over {MAX_ROW_BYTES >> 20} MiB.", "Download the dump again.")
        line = line.removesuffix(b"\n")
        if line == rb"\.":  # the end, as psql writes it
            return
        cells = line.split(b"\t")
        if len(cells) != columns:
            yield None
            continue
        try:
            yield tuple([_text(cells[place]) for place in wanted])
        except UnicodeDecodeError:
            yield None


def _text(cell: bytes) -> str | None:
    if b"\\" not in cell:
        return cell.decode()
    return None if cell == rb"\N" else _ESCAPE.sub(_meant, cell).decode()


def _meant(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code[:1] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)
