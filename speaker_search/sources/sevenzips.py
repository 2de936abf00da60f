"""7z archives, read without unpacking them to a disk.

py7zr only unpacks whole archives, and by names that it mends. So this reads what it parsed: the blocks ("folders" to
7z) of `SevenZipFile.header`, each with its decompressor, whose members lie in it one after the other.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Generator
from pathlib import Path
from typing import Any

import py7zr
from py7zr.compressor import SupportedMethods

from speaker_search.errors import AudioError
from speaker_search.sources.faults import broken, locked, no_member, too_large, unreadable_member
from speaker_search.sources.forward import Forward
from speaker_search.sources.listing import Listing

_PIECE = 2**20  # bytes inflated at a time
_MAX_BLOCK_BYTES = 2**38  # 256 GiB: over that a block is no game's voices, but made to keep a processor busy
_NO_BLOCK = -1  # of an empty member


class SevenZipArchive:
    """An open 7z. Reading in the archive's own order costs one pass; going back begins the block again."""

    def __init__(self, path: Path, password: str | None, limit: int) -> None:
        """`limit` is in bytes of one member. Raises SourceError when it is broken or the password does not fit."""
        self._path = path
        self._limit = limit
        self.listing = Listing()
        self._places: list[tuple[int, int]] = []  # block and position in it of each number
        self._blocks: list[Any] = []
        self._ends: list[int] = []  # where a block's packed bytes end; it begins where the one before ends
        self._sizes: list[array[int]] = []  # of the members of each block
        self._sums: list[list[int | None]] = []  # their CRC-32
        self._forward = Forward(self._members)
        try:
            self._archive = py7zr.SevenZipFile(path, "r", password=password)
        except py7zr.PasswordRequired as error:
            raise locked(path, password=password) from error
        except Exception as error:  # py7zr raises TypeError, IndexError, struct.error… for bad headers
            if password is not None and not isinstance(error, py7zr.Bad7zFile | OSError):
                raise locked(path, password=password) from error  # an encrypted header is noise to a wrong password
            raise broken(path, error) from error
        try:
            try:
                self._list()
            except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
                raise broken(path, error) from error  # py7zr takes a header's word for sizes, names and their number
            self._check_password(password)
        except BaseException:
            self.close()
            raise

    def rows(self) -> None:
        """A 7z says nothing of its files but their names."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""
        number = self.listing.numbers.get(path)
        if number is None:
            raise no_member(self._path, path)
        if self.listing.sizes[number] > self._limit:
            raise too_large(path, self.listing.sizes[number], self._limit)
        block, position = self._places[number]
        try:
            data = b"" if block == _NO_BLOCK else self._forward.read(block, position)
        except AudioError as error:
            raise unreadable_member(path, error) from error
        if data is None:
            raise too_large(path, self.listing.sizes[number], self._limit)
        return data

    def close(self) -> None:
        """Close the file."""
        self._forward.close()
        self._archive.close()

    def _list(self) -> None:
        streams = getattr(self._archive.header, "main_streams", None)
        if streams is not None:
            start = self._archive.afterheader
            self._blocks = streams.unpackinfo.folders
            self._ends = [start + int(position) for position in streams.packinfo.packpositions]
        numbers = {id(block): number for number, block in enumerate(self._blocks)}
        self._sizes = [array("q") for _ in self._blocks]
        self._sums = [[] for _ in self._blocks]
        for member in self._archive.files:
            if member.is_directory:
                continue
            size = int(member.uncompressed)
            place = (_NO_BLOCK, 0)
            if not member.emptystream:
                block = numbers[id(member.folder)]
                place = (block, len(self._sizes[block]))
                self._sizes[block].append(size)
                self._sums[block].append(member.crc32)
            usable = not (member.is_symlink or member.is_junction or member.is_socket)
            self.listing.add(member.filename, size, usable=usable)
            self._places.append(place)
        if any(sum(sizes) > _MAX_BLOCK_BYTES for sizes in self._sizes):
            raise broken(self._path, f"one block claims more than {_MAX_BLOCK_BYTES // 2**30} GiB")

    def _check_password(self, password: str | None) -> None:
        """Read the first encrypted member: where a pass begins anyway, so that nothing is inflated twice."""
        needing = (n for n, block in enumerate(self._blocks) if SupportedMethods.needs_password(block.coders))
        first = next(needing, None)
        if first is None:
            return
        if password is None:
            raise locked(self._path, password=password)
        try:
            self._forward.peek(first)
        except AudioError as error:
            raise locked(self._path, password=password) from error

    def _members(self, block: int) -> Generator[bytes | None]:
        try:
            file = self._archive.fp
            file.seek(self._ends[block])
            packed = self._ends[block + 1] - self._ends[block]
            self._blocks[block].decompressor = None  # the last pass's, somewhere in the middle
            decompressor = self._blocks[block].get_decompressor(packed)
            for size, checksum in zip(self._sizes[block], self._sums[block], strict=True):
                pieces: list[bytes] = []
                left, found = size, 0
                while left > 0:
                    before = file.tell()
                    piece = bytes(decompressor.decompress(file, min(left, _PIECE)))
                    if not piece and file.tell() == before:
                        raise py7zr.Bad7zFile("it breaks off")
                    found = zlib.crc32(piece, found)
                    left -= len(piece)
                    if size <= self._limit:
                        pieces.append(piece)
                if checksum is not None and found != checksum:
                    raise py7zr.Bad7zFile("its checksum does not fit")
                yield b"".join(pieces) if size <= self._limit else None
        except Exception as error:  # LZMAError, zlib.error, EOFError, TypeError…, by method and damage
            raise unreadable_member(self._path.name, error) from error
