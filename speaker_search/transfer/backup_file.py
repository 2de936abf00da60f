"""The format of a backup: one zip file, not compressed, that is independent of the database it was made from.

spksearch-backup     marks the file; holds the number of the format
<table>.arrow        the rows of a table, as an Arrow IPC stream
manifest.json        what the file holds
(the zip's comment)  SHA-256 of everything before it
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from speaker_search.errors import UsageError

FORMAT = 1
MARK = b"spksearch-backup"
MARK_AT = 30  # bytes: where the name of a zip's first file begins; its content follows
DIGEST_CHARACTERS = 64
BLOCK_BYTES = 1 << 22
_FAULTS = (zipfile.BadZipFile, pa.ArrowException, LookupError, RuntimeError, ValueError, TypeError, EOFError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    made_by: str  #: the version of this program
    made_at: str  #: ISO 8601, UTC
    catalog: str  #: uuid of the catalog that it was made from
    schema: str  #: version of the catalog's schema
    spaces: list[str]
    rows: dict[str, int]  #: by table, those first that others refer to
    highest_ids: dict[str, int]  #: by table, the highest id ever given where the database knows it


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table."""

    table: str
    schema: Any  # pa.Schema
    batches: Iterable[Any]  # of pa.RecordBatch


class BackupFile:
    """An open backup, whose checksum is right."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        with _readable(path):
            self.manifest = TypeAdapter(Manifest).validate_json(archive.read("manifest.json"))

    def batches(self, table: str) -> Iterator[Any]:
        """A table's rows as Arrow record batches. Raises UsageError when they are not those that the manifest says."""
        rows = 0
        with _readable(self.path), self._archive.open(f"{table}.arrow") as part:
            for batch in pa.ipc.open_stream(part):
                rows += len(batch)
                yield batch
            if rows != self.manifest.rows[table]:
                raise ValueError(f"{table} has {rows:,} rows")


def write(path: Path, parts: Iterable[Part], manifest: Callable[[dict[str, int]], Manifest]) -> Manifest:
    """Write a backup; `manifest` makes its manifest from the rows of each table. Raises OSError."""
    rows: dict[str, int] = {}
    with zipfile.ZipFile(path, "x") as archive:
        archive.writestr(MARK.decode(), f"{FORMAT:04d}")
        for part in parts:
            rows[part.table] = 0
            with archive.open(f"{part.table}.arrow", "w", force_zip64=True) as file:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                with pa.ipc.new_stream(file, part.schema, options=options) as stream:
                    for batch in part.batches:
                        stream.write_batch(batch)
                        rows[part.table] += len(batch)
        whole = manifest(rows)
        archive.writestr("manifest.json", json.dumps(asdict(whole), indent=1))
        archive.comment = bytes(DIGEST_CHARACTERS)
    with path.open("r+b") as file:
        digest = _digest(file)  # of what has just been written, read again
        file.seek(-DIGEST_CHARACTERS, 2)
        file.write(digest)
    return whole


@contextmanager
def opened(path: Path) -> Iterator[BackupFile]:
    """Open a backup and check every byte of it. Raises UsageError when it is not a whole backup of a known format."""
    try:
        with path.open("rb") as file:
            head = file.read(MARK_AT + len(MARK) + 4)[MARK_AT:]
            if not head.startswith(MARK):
                raise UsageError(f"{path} is not a backup.", "Name a file that `spksearch backup` wrote.")
            number = head[len(MARK) :]
            if number.isdigit() and int(number) > FORMAT:
                raise newer(path)
            digest = _digest(file)
            if file.read() != digest:
                raise UsageError(
                    f"{path} is damaged or cut off: its checksum does not match.", "Copy it again, or use another one."
                )
            with _readable(path):
                archive = zipfile.ZipFile(file)
            yield BackupFile(path, archive)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def newer(path: Path, by: str = "") -> UsageError:
    """The error of a backup that this program is too old for."""
    version = f" ({by})" if by else ""
    return UsageError(f"{path} was made by a newer version of spksearch{version}.", "Restore it with that version.")


def _digest(file: IO[bytes]) -> bytes:
    """SHA-256, as hexadecimal digits, of all but the last bytes of a file, which keep it; the file then is there."""
    left = file.seek(0, 2) - DIGEST_CHARACTERS
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest().encode()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Faults of a file whose checksum is right: it was not written by this program."""
    try:
        yield
    except _FAULTS as error:
        raise UsageError(f"{path} is not a whole backup: {error}.", "Use another one.") from error
