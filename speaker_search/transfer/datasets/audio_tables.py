"""Parquet as the Hugging Face library `datasets` reads it: an audio column of {bytes, path}, a row a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from speaker_search.transfer.datasets.spoken import Spoken

ROWS = 100  # in a row group: readers hold one in memory, with its sounds
GROUP_BYTES = 64 * 2**20  # of sound in a row group, at most
FOLDER = "data"

_VALUES = {
    "text": pa.string(),
    "character": pa.string(),
    "game": pa.string(),
    "maker": pa.string(),
    "speaker": pa.string(),
    "voice": pa.int64(),
    "seconds": pa.float64(),
    "clip": pa.int64(),
    "fingerprint": pa.string(),
}
_FEATURES: dict[str, Any] = {"audio": {"_type": "Audio"}} | {
    name: {"dtype": str(kind).replace("double", "float64"), "_type": "Value"} for name, kind in _VALUES.items()
}
SCHEMA = pa.schema(
    [("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), *_VALUES.items()],
    {b"huggingface": json.dumps({"info": {"features": _FEATURES}}).encode()},
)


class AudioTables:
    """Files called `data/train-00000-of-00003.parquet` and so on, each of up to about a size of sounds."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir()
        self._shard_bytes = shard_bytes
        self._writer: pq.ParquetWriter | None = None
        self._files: dict[str, list[Path]] = {}  # by split
        self._split = ""
        self._size = 0  # of the sounds in the file being written
        self._waiting: list[Spoken] = []

    def add(self, line: Spoken) -> None:
        """Write a line; those of a split come one after another. Raises OSError."""
        size = len(line.content)
        if self._writer is None or line.split != self._split or self._size + size > self._shard_bytes:
            self._open(line.split)
        self._size += size
        self._waiting.append(line)
        if len(self._waiting) >= ROWS or sum(len(one.content) for one in self._waiting) >= GROUP_BYTES:
            self._write()

    def finish(self) -> None:
        """End the last file, and give all the names that say how many there are. Raises OSError."""
        self._close()
        for split, files in self._files.items():
            for number, file in enumerate(files):
                file.rename(self._folder / f"{split}-{number:05d}-of-{len(files):05d}.parquet")

    def _open(self, split: str) -> None:
        self._close()
        files = self._files.setdefault(split, [])
        files.append(self._folder / f"{split}-{len(files):05d}.parquet")
        self._split, self._size = split, 0
        self._writer = pq.ParquetWriter(files[-1], SCHEMA, write_page_checksum=True)

    def _close(self) -> None:
        self._write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self) -> None:
        if self._waiting and self._writer is not None:
            rows = [
                {"audio": {"bytes": one.content, "path": one.name + one.suffix}, **one.said} for one in self._waiting
            ]
            self._writer.write_batch(pa.RecordBatch.from_pylist(rows, SCHEMA))
        self._waiting = []
