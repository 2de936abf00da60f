"""Parquet: shards with the audio in them, as Hugging Face stores datasets, and lists of files."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from speaker_search.entities import ObjectPath, Place
from speaker_search.errors import SourceError
from speaker_search.sources.archives.forward import DamageError, Forward
from speaker_search.sources.archives.listing import Listing
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.faults import damaged, missing_member, too_large, unreadable_member
from speaker_search.sources.names import member_name, speaker
from speaker_search.sources.places import opened, status_of
from speaker_search.sources.table_columns import Row, columns, row_of

_AUDIO = "audio"  # struct{bytes, path}, or bytes alone
_ROWS = 4_096  # rows of names and texts at a time
_CLIPS = 8  # rows with audio at a time: a row group may hold hundreds of MB
_BUFFER_BYTES = 2**20  # read at a time from a column of a row group
_FAULTS = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)


def holds_audio(path: Place) -> bool:
    """Whether a Parquet file is a shard; otherwise it can only be a list. Raises SourceError when it is damaged."""
    with _opened(path) as file:
        return _audio_column(file) is not None


def listed_rows(path: Place) -> Iterator[Row]:
    """The rows of a list of files. Raises SourceError when it is damaged or lacks a column."""
    with _opened(path) as file:
        named = columns(file.schema_arrow.names, str(path))
        try:
            for batch in file.iter_batches(batch_size=_ROWS, columns=list(named.values()), use_threads=False):
                for values in batch.to_pylist():
                    yield row_of(values, named)
        except _FAULTS as error:
            raise damaged(path, error) from error


class ParquetArchive:
    """An open shard.

    The path of a clip is `<row group>/<row>`, followed by the file name that the row gives it, for people to read.
    """

    def __init__(self, path: Place, limit: int) -> None:
        """`limit` is in bytes per clip. Raises SourceError when the shard is damaged or has no audio."""
        self._path = path
        self._limit = limit
        self._file = _opened(path)
        audio = _audio_column(self._file)
        if audio is None:
            self._file.close()
            mend = "If it is a list of files, it needs the columns path and character."
            raise SourceError(f"{path} has no column audio with bytes.", mend)
        self._bytes = audio
        self.listing = Listing()
        groups = range(self._file.num_row_groups)
        self._rows = [int(self._file.metadata.row_group(group).num_rows) for group in groups]
        *self._starts, count = accumulate(self._rows, initial=0)
        self._forward = Forward(self._clips, self._starts, count)

    def rows(self) -> Iterator[tuple[Row, Candidate]]:
        """Every clip with what its row says, without reading audio. Raises SourceError as soon as a row is damaged."""
        mtime_ns = status_of(self._path).mtime_ns
        plain = [name for name in self._file.schema_arrow.names if name != _AUDIO]
        named = columns(plain, str(self._path), needed=("character",))
        named.pop("path", None)
        wanted = list(named.values()) + ([f"{_AUDIO}.path"] if self._has_path() else [])
        try:
            for group in range(len(self._rows)):
                size, number = self._mean_bytes(group), 0
                batches = self._file.iter_batches(_ROWS, row_groups=[group], columns=wanted, use_threads=False)
                for batch in batches:
                    for values in batch.to_pylist():
                        path = f"{group}/{number}"
                        row = row_of(values, named, path)
                        route = Route.MALFORMED if row.speaker is None else Route.EXACT
                        who = speaker(row.speaker or "")
                        why = f"The row {row.fault}." if row.fault else ""
                        yield row, Candidate(path + _label(values), route, who, row.text, size, mtime_ns, why)
                        number += 1
        except _FAULTS as error:
            raise damaged(self._path, error) from error

    def read(self, path: str) -> bytes:
        """A clip's bytes, by its path. Raises AudioError."""
        group, row = _address(path)
        if not 0 <= group < len(self._rows) or not 0 <= row < self._rows[group]:
            raise missing_member(self._path, path)
        try:
            clip = self._forward.read(self._starts[group] + row)
        except DamageError as error:
            raise unreadable_member(path, error) from error
        if not clip:
            raise missing_member(self._path, path)
        if clip.size > self._limit:
            raise too_large(path, clip.size, self._limit)
        return bytes(clip.to_pybytes())

    def close(self) -> None:
        """Close the file."""
        self._forward.close()
        self._file.close()

    def _clips(self, first: int, end: int) -> Generator[Any]:
        """The clips as pyarrow's buffers, None for a row without audio."""
        for group, start in enumerate(self._starts):
            if first < start + self._rows[group] and start < end:
                yield from self._clips_of(group, max(0, first - start), min(end - start, self._rows[group]))

    def _clips_of(self, group: int, first: int, end: int) -> Generator[Any]:
        number = 0
        try:
            batches = self._file.iter_batches(_CLIPS, row_groups=[group], columns=[self._bytes], use_threads=False)
            for batch in batches:
                column = batch.column(0)
                if pa.types.is_struct(column.type):
                    column = column.flatten()[0]  # flatten, not field: a null struct has null bytes
                for clip in column[max(0, first - number) : max(0, end - number)]:
                    yield clip.as_buffer()
                number += len(column)
                if number >= end:
                    return
        except _FAULTS as error:
            raise DamageError(error) from error

    def _mean_bytes(self, group: int) -> int:
        """The mean size of a clip by the footer, without looking at the clips."""
        about = self._file.metadata.row_group(group)
        parts = (about.column(number) for number in range(about.num_columns))
        size = sum(int(part.total_uncompressed_size) for part in parts if part.path_in_schema == self._bytes)
        return size // max(1, self._rows[group])

    def _has_path(self) -> bool:
        return f"{_AUDIO}.path" in {self._file.schema.column(number).path for number in range(len(self._file.schema))}


def _opened(path: Place) -> Any:  # pyarrow has no types
    try:
        source = opened(path) if isinstance(path, ObjectPath) else path
        return pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    except _FAULTS as error:
        raise damaged(path, error) from error


def _audio_column(file: Any) -> str | None:
    """The name of the leaf column that holds the bytes; None without one."""
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
    """Row group and row; (-1, -1) when the path is not an address."""
    parts = path.split("/", 2)
    if len(parts) < 2 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts[:2]):
        return -1, -1
    return int(parts[0]), int(parts[1])
