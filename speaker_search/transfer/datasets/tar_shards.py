"""WebDataset: numbered tars of samples, each its sound as stored, a JSON file and the text."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from speaker_search.transfer.datasets.spoken import Spoken

BLOCK = 512  # bytes: a tar's headers and the ends of its files are filled up to whole ones


class TarShards:
    """Tars called `train-000000.tar` and so on, each of up to a size. Equal lines make equal bytes."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._tar: tarfile.TarFile | None = None
        self._shards: dict[str, int] = {}  # by split
        self._split = ""
        self._size = 0  # of the shard being written

    def add(self, line: Spoken) -> None:
        """Write a line; those of a split come one after another. Raises OSError."""
        said = json.dumps(line.said, ensure_ascii=False, sort_keys=True).encode()
        parts = ((line.suffix, line.content), (".json", said), (".txt", line.text.encode()))
        size = sum(2 * BLOCK + len(content) for _, content in parts)
        if self._tar is None or line.split != self._split or self._size + size > self._shard_bytes:
            self._open(line.split)
        self._size += size
        for suffix, content in parts:
            about = tarfile.TarInfo(line.name + suffix)
            about.size = len(content)
            assert self._tar is not None  # noqa: S101
            self._tar.addfile(about, io.BytesIO(content))

    def finish(self) -> None:
        """End the last shard. Raises OSError."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None

    def _open(self, split: str) -> None:
        self.finish()
        number = self._shards.get(split, 0)
        self._shards[split], self._split, self._size = number + 1, split, 0
        self._tar = tarfile.open(self._folder / f"{split}-{number:06d}.tar", "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
