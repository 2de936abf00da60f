"""The tables of a VNDB dump, read from its archive or its unpacked folder. Nothing is written to disk.

They are in PostgreSQL's COPY text format: a row a line, cells between tabs, \\N for NULL, backslash escapes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from speaker_search.errors import UsageError

MAX_DUMP_BYTES = 16 << 30  # decompressed; a whole dump of 2026 has little over 1 GB
MAX_ROW_BYTES = 16 << 20
MAX_HEADER_BYTES = 1 << 16  # of a file that names a table's columns
READ_BYTES = 1 << 20
_BLOCK = 512  # bytes: all of a tar comes in these
_REGULAR = (b"0", b"\0")
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.S)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
MEND = "Give vndb-db-*.tar.zst from https://vndb.org/d14, or the folder that it unpacks to."

#: The columns that are read where they are there, by table. `original` and `alias` are of older dumps.
COLUMNS = {
    "vn": ("id", "title", "original", "latin", "alias"),
    "vn_titles": ("id", "title", "latin"),
    "vn_relations": ("id", "vid", "relation"),
    "vn_seiyuu": ("id", "cid", "aid"),
    "releases_vn": ("id", "vid"),
    "releases_producers": ("id", "pid", "developer"),
    "producers": ("id", "name", "latin", "original", "alias"),
    "staff": ("id", "gender", "main", "aid"),
    "staff_alias": ("id", "aid", "name", "latin", "original"),
    "chars": ("id", "main", "main_spoil", "name", "latin", "original", "alias"),
    "chars_names": ("id", "name", "latin"),
    "chars_alias": ("id", "spoil", "name", "latin"),
    "chars_vns": ("id", "vid", "spoil"),
}
#: The tables and columns that credits cannot do without. VNDB has moved columns from one table to another, so other
#: names are looked for in every table that may have them.
NEEDED = {
    "vn_seiyuu": ("id", "cid", "aid"),
    "staff_alias": ("id", "aid", "name"),
    "chars_vns": ("id", "vid"),
}

Row = tuple[str | None, ...]
OnTable = Callable[[str, BinaryIO], None]


def each_table(path: Path, names: Iterable[str], read: OnTable) -> None:
    """Call `read` with the name and content of each named file in the dump's folder db/, in the dump's own order.

    Raises UsageError when the dump is damaged, or is something else.
    """
    wanted = set(names)
    if path.is_dir():
        folder = path / "db" if (path / "db").is_dir() else path
        for name in sorted(wanted):
            if (folder / name).is_file():
                with _opened(folder / name) as file:
                    read(name, file)
        return
    with _opened(path) as file:
        _members(path, file, wanted, read)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its name.") from error
    with file:
        yield file


def _members(path: Path, file: BinaryIO, wanted: set[str], read: OnTable) -> None:
    """Walk through a tar. Only the exact names that are wanted are looked at: links and devices are never followed.

    Not with tarfile, which reads extended headers of any size into memory.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # it takes a tenth of a second to import

    stream = _Limited(path, pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd"))
    try:
        while (header := stream.read(_BLOCK)) and header.strip(b"\0"):
            name, size, kind = _described(header)
            member = _Member(stream, size)
            if kind in _REGULAR and name in wanted:
                read(name, cast("BinaryIO", io.BufferedReader(member, READ_BYTES)))
            member.skip(-size % _BLOCK)
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        raise UsageError(f"{path} is not a whole VNDB dump: {error}.".replace("..", "."), MEND) from error


def _described(header: bytes) -> tuple[str, int, bytes]:
    """The name below db/ (empty for all others), size and kind of a tar's member. Raises ValueError."""
    if len(header) < _BLOCK:
        raise ValueError("it is truncated")
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    try:
        checksum = int(header[148:156].strip(b" \0"), 8)
        # Sizes from 8 GiB on are written in base 256, with the first bit set.
        large = header[124] & 0x80
        size = int.from_bytes(header[125:136], "big") if large else int(header[124:136].strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise ValueError("it holds no tar archive") from error
    if checksum != total:
        raise ValueError("a header in it is damaged")
    place = header[:100].split(b"\0")[0].removeprefix(b"./")
    name = place.removeprefix(b"db/") if place.startswith(b"db/") else b""
    return name.decode("ascii", "replace"), size, header[156:157]


class _Limited:
    """A decompressed stream that ends with an error where it has given too much."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._left = MAX_DUMP_BYTES

    def read(self, size: int) -> bytes:
        """As many bytes, fewer only at the end of the stream."""
        found = b""
        while len(found) < size and (more := self._stream.read(size - len(found))):
            found += more
        self._left -= len(found)
        if self._left < 0:
            raise UsageError(f"{self._path} holds over {MAX_DUMP_BYTES >> 30} GiB, too much for a dump.", MEND)
        return found


class _Member(io.RawIOBase):
    """The bytes of one member of a tar."""

    def __init__(self, stream: _Limited, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        found = self._next(len(view))
        view[: len(found)] = found
        return len(found)

    def skip(self, padding: int) -> None:
        """Go behind what is left of it, and behind the padding."""
        self._left += padding
        while self._left:
            self._next(READ_BYTES)

    def _next(self, most: int) -> bytes:
        wanted = min(most, self._left)
        found = self._stream.read(wanted)
        if len(found) < wanted:
            raise ValueError("it is truncated")
        self._left -= wanted
        return found


def rows(stream: BinaryIO, columns: int, wanted: Sequence[int], *, name: str) -> Iterator[Row | None]:
    """The wanted cells of every row, by their positions; None for a malformed row.

    A row has to have as many cells as there are `columns`, all in UTF-8. Raises UsageError, with the table's `name`,
    for a row over 16 MiB, because the file is then not a table.
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
