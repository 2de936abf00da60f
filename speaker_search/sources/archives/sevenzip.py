"""7z archives, read through py7zr without unpacking them to a disk.

Only what py7zr promises is used, which has its price:

- It addresses members by name, so two with the same name cannot be read.
- It confuses members of archives of several blocks when empty files or folders are listed between them. 7-Zip lists
  those first; py7zr itself does not when it appends. Checksums reveal it, and such members are refused.
- It passes over members in pieces of up to 128 MB. A read behind one of 1.4 GiB takes 430 MiB of memory.
- It prepares for every member that it is asked for, which adds about 0.2 ms to each read, and derives the key of an
  encrypted block every time, which takes 0.15 s. An encrypted 7z should be solid.
- It cannot list an archive with a Windows junction in it, or a time after the year 9999.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Generator, Sequence

import py7zr

from speaker_search.entities import Place
from speaker_search.sources.archives.extraction import Extraction
from speaker_search.sources.archives.forward import DamageError, Forward
from speaker_search.sources.archives.listing import Listing
from speaker_search.sources.faults import damaged, locked, missing_member, too_large, unreadable_member
from speaker_search.sources.places import opened

_MAX_BLOCK_BYTES = 2**38  # 256 GiB: no game's voices are larger, so this is made to keep a processor busy


class SevenZipArchive:
    """An open 7z. Reading in the archive's own order costs little over one pass."""

    def __init__(self, path: Place, password: str | None, limit: int) -> None:
        """`limit` is in bytes per member. Raises SourceError when the 7z is damaged or the password is wrong."""
        self._path = path
        self._password = password
        self._limit = limit
        self.listing = Listing()
        # Members that py7zr is asked for, in their order: neither empty nor over the limit, and of a usable name.
        self._order: dict[int, int] = {}  # number in the listing -> number among these
        self._written: list[str] = []  # their names, as py7zr gives them
        self._sizes = array("q")
        self._sums: list[int | None] = []  # CRC-32
        self._starts: list[int] = []  # the first of them in each block
        self._running: Extraction | None = None
        try:
            self._file = opened(path)
        except OSError as error:
            raise damaged(path, error.strerror or error) from error
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def rows(self) -> None:
        """A 7z has no table of its own."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""
        number = self.listing.numbers.get(path)
        if number is None:
            raise missing_member(self._path, path)
        size = self.listing.sizes[number]
        if size > self._limit:
            raise too_large(path, size, self._limit)
        if not size:
            return b""
        if number not in self._order:
            raise unreadable_member(path, "another member of the archive has the same name")
        try:
            return self._forward.read(self._order[number])
        except DamageError as error:
            raise unreadable_member(path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._forward.close()
        self._file.close()

    def _open(self) -> None:
        # Only without a password does py7zr tell whether one is needed.
        encrypted = self._password is not None and self._is_encrypted()
        try:
            self._archive = self._parsed(self._password)
        except py7zr.PasswordRequired as error:
            raise locked(self._path, password=None) from error
        except Exception as error:  # py7zr raises TypeError, IndexError, struct.error… for bad headers
            if encrypted and not isinstance(error, py7zr.Bad7zFile | OSError):
                raise locked(self._path, password=self._password) from error  # decrypted to noise
            raise damaged(self._path, error) from error
        if self._password is None and self._archive.needs_password():
            raise locked(self._path, password=None)
        try:
            self._list(self._archive.list())
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise damaged(self._path, error) from error  # py7zr does not check a header's sizes, names and times
        self._forward = Forward(self._members, self._starts, len(self._written))
        if encrypted and self._written:
            try:
                self._forward.read(0)
            except DamageError as error:
                raise locked(self._path, password=self._password) from error

    def _parsed(self, password: str | None) -> py7zr.SevenZipFile:
        self._file.seek(0)
        # Given an open file, py7zr reads one block after the other and not several in threads.
        return py7zr.SevenZipFile(self._file, password=password)

    def _is_encrypted(self) -> bool:
        try:
            return self._parsed(None).needs_password()
        except py7zr.PasswordRequired:
            return True
        except Exception:  # noqa: BLE001  # whatever it is, the same happens again with the password, and is raised
            return False

    def _list(self, members: Sequence[py7zr.FileInfo]) -> None:
        named = Counter(member.filename for member in members if not member.is_directory)
        claimed, begins = 0, True
        for member in members:
            if member.is_directory:
                continue
            if member.compressed:  # py7zr gives it for the first member of a block only
                claimed, begins = 0, True
            size = member.uncompressed
            claimed += size
            if claimed > _MAX_BLOCK_BYTES:
                raise damaged(self._path, f"one block claims more than {_MAX_BLOCK_BYTES // 2**30} GiB")
            number = len(self.listing.sizes)
            # py7zr finds no member whose name ends with a slash.
            usable = self.listing.add(
                member.filename, size, usable=member.is_file and not member.filename.endswith("/")
            )
            if not usable or not 0 < size <= self._limit or named[member.filename] > 1:
                continue
            if begins:
                self._starts.append(len(self._written))
                begins = False
            self._order[number] = len(self._written)
            self._written.append(member.filename)
            self._sizes.append(size)
            self._sums.append(member.crc32)

    def _members(self, first: int, end: int) -> Generator[bytes]:
        if self._running is not None:
            self._running.join()  # two cannot read from the same file
        self._running = extraction = Extraction(self._archive, self._written[first:end])
        try:
            for size, checksum in zip(self._sizes[first:end], self._sums[first:end], strict=True):
                member = extraction.next()
                # py7zr has compared the checksum, but perhaps with that of another member.
                if len(member) != size or checksum not in (None, zlib.crc32(member)):
                    raise DamageError("py7zr gives another member in its place")
                yield member
        finally:
            extraction.stop()
