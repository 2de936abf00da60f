"""An object as a file that is read by range: a part of it is fetched when it is first read."""

from __future__ import annotations

import io
from collections import OrderedDict

from speaker_search.entities import ObjectPath
from speaker_search.sources.objects.store import Store

FIRST_BYTES = 2**17  # of a request, when nothing before it was read
MOST_BYTES = 2**23  # of a request, when all before it was read: requests take 20 to 100 ms
KEPT = 4  # parts: archives are read here and there at once


class ObjectFile(io.RawIOBase):
    """Fetches more at a time the longer it is read from front to back, and little after a jump."""

    def __init__(self, store: Store, place: ObjectPath, size: int) -> None:
        super().__init__()
        self._store = store
        self._place = place
        self._size = size
        self._at = 0
        self._parts: OrderedDict[int, bytes] = OrderedDict()  # by their beginning, the least recently read first

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if begin + offset < 0:
            raise OSError("a place before the beginning of the file")
        self._at = begin + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as asked for, or all that are left. Raises ObjectError."""
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        pieces: list[bytes] = []
        while wanted:
            begin = next((begin for begin, part in self._parts.items() if begin <= self._at < begin + len(part)), None)
            if begin is None:
                begin = self._fetch(wanted)
            self._parts.move_to_end(begin)
            part = self._parts[begin]
            piece = part[self._at - begin : self._at - begin + wanted]
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _fetch(self, wanted: int) -> int:
        """Fetch a part that begins here, or not far before the end; returns where it begins."""
        # Where a part ends a little before, the bytes between them are passed over, and reading goes on.
        before = max((part for part in self._parts.items() if part[0] <= self._at), default=None)
        goes_on = before is not None and self._at - (before[0] + len(before[1])) < len(before[1])
        most = min(MOST_BYTES, 2 * len(before[1])) if goes_on and before is not None else FIRST_BYTES
        begin = min(self._at, max(0, self._size - FIRST_BYTES))  # the end of an archive is read backwards
        stop = min(self._size, self._at + max(wanted if wanted <= MOST_BYTES else MOST_BYTES, most))
        part = self._store.read(self._place, begin, stop)
        if len(part) != stop - begin:
            raise OSError(f"{self._place.name} was replaced by a shorter object")
        self._parts[begin] = part
        while len(self._parts) > KEPT:
            self._parts.popitem(last=False)
        return begin
