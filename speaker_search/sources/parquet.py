"""Parquet: shards with the audio in them, as Hugging Face datasets are stored, and lists of files."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.faults import broken, no_member, too_large, unreadable_member
from speaker_search.sources.fields import Row, columns, row_of
from speaker_search.sources.forward import Forward
from speaker_search.sources.listing import Listing
from speaker_search.sources.names import member_name, speaker

_AUDIO = "audio"  # struct{bytes, path}, or bytes alone
_ROWS = 4_096  # rows of names and texts at a time
_CLIPS = 8  # rows with audio at a time: a row group may hold hundreds of MB
_BUFFER_BYTES = 2**20  # read at a time from a row group's column
_FAULTS = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)


def holds_audio(path: Path) -> bool:
    """Whether it is a shard; otherwise it can only be a list. Raises SourceError when it is no Parquet."""
    with _opened(path) as file:
        return _audio_column(file) is not None


def listed_rows(path: Path) -> Iterator[Row]:
    """The rows of a list of files. Raises SourceError when it is broken or lacks a column."""
    with _opened(path) as file:
        named = columns(file.schema_arrow.names, str(path))
        try:
            for batch in file.iter_batches(batch_size=_ROWS, columns=list(named.values()), use_threads=False):
                for values in batch.to_pylist():
                    yield row_of(values, named)
        except _FAULTS as error:
            raise broken(path, error) from error


class ParquetArchive:
    """An open shard. A clip's address is `<row group>/<row>`, and for people the name that its row gives it."""

    def __init__(self, path: Path, limit: int) -> None:
        """`limit` is in bytes of one clip. Raises SourceError when it is broken or holds no audio."""
        self._path = path
        self._limit = limit
        self._file = _opened(path)
        audio = _audio_column(self._file)
        if audio is None:
            self._file.close()
            mend = "Is it a list of files? Then it needs the columns path and character."
            raise SourceError(f"{path} holds no column audio with bytes.", mend)
        self._bytes = audio
        self.listing = Listing()
        self._forward = Forward(self._clips)

    def rows(self) -> Iterator[tuple[Row, Candidate]]:
        """Every clip with what its row says, without reading any audio. Raises SourceError, as the rows are read."""
        mtime_ns = self._path.stat().st_mtime_ns
        plain = [name for name in self._file.schema_arrow.names if name != _AUDIO]
        named = columns(plain, str(self._path), needed=("character",))
        named.pop("path", None)
        wanted = list(named.values()) + ([f"{_AUDIO}.path"] if self._has_path() else [])
        try:
            for group in range(self._file.num_row_groups):
                size, number = self._mean_bytes(group), 0
                batches = self._file.iter_batches(_ROWS, row_groups=[group], columns=wanted, use_threads=False)
                for batch in batches:
                    for values in batch.to_pylist():
                        path = f"{group}/{number}"
                        row = row_of(values, named, path)
                        route = Route.MALFORMED if row.speaker is None else Route.EXACT
                        who = speaker(row.speaker or "")
                        yield row, Candidate(path + _label(values), route, who, row.text, size, mtime_ns)
                        number += 1
        except _FAULTS as error:
            raise broken(self._path, error) from error

    def read(self, path: str) -> bytes:
        """A clip's bytes, by its address. Raises AudioError."""
        group, row = _address(path)
        if not 0 <= group < self._file.num_row_groups or not 0 <= row < self._rows(group):
            raise no_member(self._path, path)
        data = self._forward.read(group, row)
        if data is None:
            raise too_large(path, self._limit + 1, self._limit)
        if not data:
            raise no_member(self._path, path)
        return data

    def close(self) -> None:
        """Close the file."""
        self._forward.close()
        self._file.close()

    def _clips(self, group: int) -> Generator[bytes | None]:
        try:
            batches = self._file.iter_batches(_CLIPS, row_groups=[group], columns=[self._bytes], use_threads=False)
            for batch in batches:
                column = batch.column(0)
                if pa.types.is_struct(column.type):
                    column = column.flatten()[0]  # flatten, not field: a null struct has null bytes
                for number in range(len(column)):
                    clip = column[number].as_buffer()
                    yield None if clip is not None and clip.size > self._limit else clip.to_pybytes() if clip else b""
        except _FAULTS as error:
            raise unreadable_member(self._path.name, error) from error

    def _rows(self, group: int) -> int:
        return int(self._file.metadata.row_group(group).num_rows)

    def _mean_bytes(self, group: int) -> int:
        """What the footer knows of a clip's size without a look at the clips."""
        about = self._file.metadata.row_group(group)
        parts = (about.column(number) for number in range(about.num_columns))
        size = sum(int(part.total_uncompressed_size) for part in parts if part.path_in_schema == self._bytes)
        return size // max(1, self._rows(group))

    def _has_path(self) -> bool:
        return f"{_AUDIO}.path" in _leaves(self._file)


def _opened(path: Path) -> Any:  # pyarrow has no types
    try:
        return pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    except _FAULTS as error:
        raise broken(path, error) from error


def _leaves(file: Any) -> set[str]:
    return {file.schema.column(number).path for number in range(len(file.schema))}


def _audio_column(file: Any) -> str | None:
    """The leaf that holds the bytes."""
    if _AUDIO not in file.schema_arrow.names:
        return None
    kind = file.schema_arrow.field(_AUDIO).type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        inner = kind.field("bytes").type
        return f"{_AUDIO}.bytes" if pa.types.is_binary(inner) or pa.types.is_large_binary(inner) else None
    return _AUDIO if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else None


def _label(values: dict[str, Any]) -> str:
    """`/kot0001.ogg`, the last part of the path that the row gives its audio; "" when it gives none."""
    audio = values.get(_AUDIO)
    written = audio.get("path") if isinstance(audio, dict) else None
    name = member_name(written.replace("\\", "/").rpartition("/")[2]) if isinstance(written, str) else None
    return f"/{name}" if name else ""


def _address(path: str) -> tuple[int, int]:
    """Row group and row; (-1, -1) when it is no address."""
    parts = path.split("/", 2)
    if len(parts) < 2 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts[:2]):
        return -1, -1
    return int(parts[0]), int(parts[1])
