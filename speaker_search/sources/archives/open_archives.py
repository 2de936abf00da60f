"""Opens archives when their members are needed and keeps a few of them open. Nothing is unpacked to a disk."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from speaker_search.entities import ObjectPath, Place, Refusal
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources.archives.kinds import archive_kind
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.archives.tar import TarArchive
from speaker_search.sources.archives.zip import ZipArchive
from speaker_search.sources.faults import missing_member, unreadable
from speaker_search.sources.places import is_there, status_of

MAX_MEMBER_BYTES = 256 * 2**20
KEPT_OPEN = 4  # archives
LOOKED_AT_EVERY_S = 10.0  # archives in object storage, where looking takes a request: each member is read by one


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive that has not been read."""

    size: int | None  #: bytes when decompressed; None in Parquet, which does not say
    version: str  #: another one as soon as the archive is written anew


@dataclass(slots=True)
class _Open:
    archive: Archive
    file: tuple[int, int]  # size and mtime_ns when it was opened; mounted stores number a file anew now and then
    looked_s: float  # when it was last compared with the file, on the monotonic clock
    users: int = 0


class Archives:
    """Reads members of archives, from any number of threads."""

    def __init__(self, password: str | None = None, *, max_member_bytes: int = MAX_MEMBER_BYTES) -> None:
        self._password = password
        self._limit = max_member_bytes
        self._lock = threading.RLock()
        self._open: OrderedDict[Place, _Open] = OrderedDict()  # the least recently used first
        self._closer = weakref.finalize(self, _close_all, self._open)

    def __enter__(self) -> Archives:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every archive. The next read opens what it needs again."""
        with self._lock:
            _close_all(self._open)

    def read(self, root: Place, path: str) -> bytes:
        """A member's bytes, by the path of its Candidate.

        Raises AudioError: MISSING when there is no such archive or member, TOO_LONG when the member is over
        `max_member_bytes` (before it is decompressed), UNREADABLE when the archive is damaged, encrypted, does not open
        with the password, or cannot be read from the disk.
        """
        with self._readable(root), self.opened(root) as archive:
            return archive.read(path)

    def look_up(self, root: Place, path: str) -> Member:
        """What is known of a member without reading it. Raises AudioError as `read` does."""
        with self._readable(root), self.opened(root) as archive:
            listing, status = archive.listing, status_of(root)
            number = listing.numbers.get(path)
            if number is None and listing.numbers:
                raise missing_member(root, path)
            size = None if number is None else listing.sizes[number]
            return Member(size, f"{status.version}-{path}")

    @contextmanager
    def _readable(self, root: Place) -> Iterator[None]:
        try:
            yield
        except (SourceError, OSError) as error:
            reason = Refusal.MISSING if _is_gone(root) else Refusal.UNREADABLE
            raise AudioError(reason, str(error)) from error

    @contextmanager
    def opened(self, root: Place) -> Iterator[Archive]:
        """The archive, open for as long as the block lasts. Raises SourceError when it cannot be opened."""
        with self._lock:
            entry = self._entry(root)
            entry.users += 1
        try:
            yield entry.archive
        finally:
            with self._lock:
                entry.users -= 1
                if self._open.get(root) is not entry:
                    _close(entry)  # the file was replaced in the meantime
                self._close_idle()

    def _entry(self, root: Place) -> _Open:
        entry = self._open.get(root)
        if isinstance(root, ObjectPath) and entry is not None and time.monotonic() - entry.looked_s < LOOKED_AT_EVERY_S:
            self._open.move_to_end(root)
            return entry
        try:
            status = status_of(root)
        except (OSError, ValueError) as error:
            raise unreadable(root, error if isinstance(error, OSError) else OSError(str(error))) from error
        file = (status.size, status.mtime_ns)
        if entry is None or entry.file != file:
            if entry is not None:
                del self._open[root]
                _close(entry)
            entry = self._open[root] = _Open(self._opening(root), file, 0.0)
        entry.looked_s = time.monotonic()
        self._open.move_to_end(root)
        return entry

    def _opening(self, root: Place) -> Archive:
        kind = archive_kind(root)
        if kind == ".zip":
            return ZipArchive(root, self._password, self._limit)
        if kind == ".tar":
            return TarArchive(root, self._limit)
        if kind == ".7z":  # py7zr and pyarrow take 0.3 s to import, and most runs need neither
            from speaker_search.sources.archives.sevenzip import SevenZipArchive

            return SevenZipArchive(root, self._password, self._limit)
        if kind == ".parquet":
            from speaker_search.sources.archives.parquet import ParquetArchive

            return ParquetArchive(root, self._limit)
        mend = "Unpack it, or pack it as zip or tar."
        raise SourceError(f"{root} is not an archive that can be read.", mend)

    def _close_idle(self) -> None:
        idle = [root for root, entry in self._open.items() if not entry.users]
        for root in idle[: max(0, len(self._open) - KEPT_OPEN)]:
            _close(self._open.pop(root))


def _is_gone(root: Place) -> bool:
    try:
        return not (is_there(root) if isinstance(root, ObjectPath) else root.exists())
    except OSError:  # unknown
        return False


def _close(entry: _Open) -> None:
    if not entry.users:
        entry.archive.close()


def _close_all(entries: OrderedDict[Place, _Open]) -> None:
    while entries:
        _close(entries.popitem()[1])
