"""Tar archives without compression: their members are stored as they are, so any of them can be read at once."""

from __future__ import annotations

import tarfile
import threading
from array import array

from speaker_search.entities import Place
from speaker_search.sources.archives.listing import Listing
from speaker_search.sources.faults import damaged, missing_member, too_large, unreadable_member
from speaker_search.sources.places import opened

# Besides its own errors tarfile raises ValueError and OverflowError for numbers that are invalid or too large,
# IndexError for a truncated map of a sparse file, and RecursionError for a member with a thousand headers.
_FAULTS = (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError, OSError)


class TarArchive:
    """An open tar."""

    def __init__(self, path: Place, limit: int) -> None:
        """`limit` is in bytes per member. Raises SourceError when the tar is damaged or truncated."""
        self._path = path
        self._limit = limit
        self.listing = Listing()
        self._offsets = array("q")
        self._lock = threading.Lock()
        try:
            self._file = opened(path)
        except OSError as error:
            raise damaged(path, error.strerror or error) from error
        try:
            self._list()
        except BaseException:
            self._file.close()
            raise

    def rows(self) -> None:
        """A tar has no table of its own."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""
        number = self.listing.numbers.get(path)
        if number is None:
            raise missing_member(self._path, path)
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
            raise unreadable_member(path, "the archive is truncated")
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
                        raise tarfile.ReadError("a header points backwards")
                    reached = tar.offset
                    if not member.isdir():
                        self._add(member)
                    tar.members = []  # type: ignore[attr-defined]  # or it keeps a kilobyte per member
                # tarfile takes half a header, and a damaged one, for the end of the archive.
                self._file.seek(tar.offset)
                if self._file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                    raise tarfile.ReadError("a header is damaged or incomplete")
        except _FAULTS as error:
            raise damaged(self._path, error) from error

    def _add(self, member: tarfile.TarInfo) -> None:
        """Add a member. A hard link stands for the member it names, if that came before it; other links are refused."""
        offset, size, usable = member.offset_data, member.size, member.isreg() and not member.issparse()
        if member.islnk():
            target = self.listing.numbers.get(member.linkname)
            usable = target is not None
            if target is not None:
                offset, size = self._offsets[target], self.listing.sizes[target]
        self.listing.add(member.name, size, usable=usable)
        self._offsets.append(offset)
