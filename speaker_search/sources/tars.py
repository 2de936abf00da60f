"""Tar archives, plain ones: their members lie in them as they are, so that any can be read at once."""

from __future__ import annotations

import tarfile
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

from speaker_search.sources.candidates import Candidate
from speaker_search.sources.faults import broken, no_member, too_large, unreadable_member
from speaker_search.sources.fields import Row
from speaker_search.sources.listing import Listing
from speaker_search.sources.webdataset import is_webdataset, sample_candidates

# Besides its own errors tarfile raises ValueError and OverflowError for numbers that are none or too large, IndexError
# for a sparse file's map that breaks off and RecursionError for a thousand headers of one member.
_FAULTS = (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError, OSError)


class TarArchive:
    """An open tar; any number of threads may read from it."""

    def __init__(self, path: Path, limit: int) -> None:
        """`limit` is in bytes of one member. Raises SourceError when the tar is broken or breaks off."""
        self._path = path
        self._limit = limit
        self.listing = Listing()
        self._offsets = array("q")
        self._lock = threading.Lock()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise broken(path, error.strerror or error) from error
        try:
            self._list()
        except BaseException:
            self._file.close()
            raise

    def rows(self) -> Iterator[tuple[Row, Candidate]] | None:
        """The samples, when it is a WebDataset shard."""
        return sample_candidates(self, self._path) if is_webdataset(self) else None

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""
        number = self.listing.numbers.get(path)
        if number is None:
            raise no_member(self._path, path)
        size = self.listing.sizes[number]
        if size > self._limit:
            raise too_large(path, size, self._limit)
        try:
            with self._lock:
                self._file.seek(self._offsets[number])
                data = self._file.read(size)
        except OSError as error:
            raise unreadable_member(path, error.strerror or error) from error
        if len(data) < size:
            raise unreadable_member(path, "the archive breaks off")
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _list(self) -> None:
        try:
            with tarfile.open(fileobj=self._file, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
                reached = 0
                while (member := tar.next()) is not None:
                    if member.size < 0 or tar.offset <= reached:  # tarfile would read this header for ever
                        raise tarfile.ReadError("a header leads back")
                    reached = tar.offset
                    if not member.isdir():
                        self._add(member)
                    tar.members = []  # type: ignore[attr-defined]  # or it keeps a kilobyte for each
                # Half a header ends a tar without complaint, and so does a damaged one.
                self._file.seek(tar.offset)
                if self._file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                    raise tarfile.ReadError("a header is damaged or cut short")
        except _FAULTS as error:
            raise broken(self._path, error) from error

    def _add(self, member: tarfile.TarInfo) -> None:
        """Links inside the archive count as what they point to if it came before; all others point out of it."""
        offset, size, usable = member.offset_data, member.size, member.isreg() and not member.issparse()
        if member.islnk():
            target = self.listing.numbers.get(member.linkname)
            usable = target is not None
            if target is not None:
                offset, size = self._offsets[target], self.listing.sizes[target]
        self.listing.add(member.name, size, usable=usable)
        self._offsets.append(offset)
