"""Zip archives, including those with Japanese names from before Unicode."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib

from speaker_search.entities import Place
from speaker_search.errors import SourceError
from speaker_search.sources.archives.listing import Listing
from speaker_search.sources.faults import damaged, locked, missing_member, too_large, unreadable_member
from speaker_search.sources.places import opened

_UTF8_FLAG = 0x800
_ENCRYPTED = 0x1
_AES = 99
# Bytes asked for at a time. zipfile limits the output of deflate to that, but for bzip2 and LZMA it limits the input,
# and each byte of input may become thousands.
_PIECE = 2**16
_PIECE_UNBOUNDED = 2**12
# zipfile raises the first four for damage, NotImplementedError for methods that it lacks (such as AES), and EOFError,
# ValueError, OverflowError and OSError for headers that point outside of the file.
_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, ValueError, OverflowError, OSError),
)


class ZipArchive:
    """An open zip."""

    def __init__(self, path: Place, password: str | None, limit: int) -> None:
        """`limit` is in bytes per member. Raises SourceError when the zip is damaged or the password is wrong."""
        self._path = path
        self._password = None if password is None else password.encode("utf-8", "surrogateescape")  # whatever its bytes
        self._limit = limit
        try:
            self._file = opened(path)
        except OSError as error:
            raise damaged(path, error.strerror or error) from error
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _FAULTS as error:
            self._file.close()
            raise damaged(path, error) from error
        self.listing = Listing()
        # Not is_dir(), which raises IndexError for an empty name.
        self._members = [member for member in self._zip.infolist() if not member.filename.endswith("/")]
        try:
            self._list()
            self._check_password(password)
        except BaseException:
            self.close()
            raise

    def rows(self) -> None:
        """A zip has no table of its own."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""
        number = self.listing.numbers.get(path)
        if number is None:
            raise missing_member(self._path, path)
        member = self._members[number]
        if member.file_size > self._limit:
            raise too_large(path, member.file_size, self._limit)
        bounded = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        pieces: list[bytes] = []
        try:
            # zipfile stops at the file_size of the header, so no more than that comes out.
            with self._zip.open(member, pwd=self._password) as file:
                while piece := file.read(_PIECE if bounded else _PIECE_UNBOUNDED):
                    pieces.append(piece)
        except (*_FAULTS, RuntimeError) as error:  # RuntimeError: the password
            raise unreadable_member(path, error) from error
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def _list(self) -> None:
        encoding = _encoding(self._members)
        for member in self._members:
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 unless it was packed on Unix
            try:
                self.listing.add(_name(member, encoding), member.file_size, usable=kind in (0, stat.S_IFREG))
            except OverflowError as error:
                raise damaged(self._path, f"a member claims {member.file_size:,} bytes") from error

    def _check_password(self, password: str | None) -> None:
        member = next((member for member in self._members if member.flag_bits & _ENCRYPTED), None)
        if member is None:
            return
        if member.compress_type == _AES:
            detail = f"{self._path} is encrypted with AES, which is not supported in a zip."
            raise SourceError(detail, "Unpack it, or pack it as 7z.")
        try:
            self._zip.open(member, pwd=self._password).close()
        except RuntimeError as error:
            raise locked(self._path, password=password) from error
        except _FAULTS as error:
            raise damaged(self._path, error) from error


def _encoding(members: list[zipfile.ZipInfo]) -> str:
    """The encoding of names without the UTF-8 flag: UTF-8 if it fits all of them, else Japanese Windows."""
    try:
        for member in members:
            _raw(member).decode("utf-8")
    except UnicodeDecodeError:
        return "cp932"
    return "utf-8"


def _raw(member: zipfile.ZipInfo) -> bytes:
    return b"" if member.flag_bits & _UTF8_FLAG else member.orig_filename.encode("cp437")  # as zipfile decoded it


def _name(member: zipfile.ZipInfo, encoding: str) -> str:
    if member.flag_bits & _UTF8_FLAG:
        return member.orig_filename
    try:
        return _raw(member).decode(encoding)
    except UnicodeDecodeError:
        return member.orig_filename  # cp437, the code page of old PCs, has a character for every byte
