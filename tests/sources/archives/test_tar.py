"""Tar archives with damaged and hostile headers."""

from __future__ import annotations

import struct
import tarfile
from pathlib import Path

import pytest
from sources.packing import tarred

from speaker_search.errors import SourceError
from speaker_search.sources import scan


@pytest.mark.parametrize("cut", [700, 1200, 1500, 2600])
def test_a_tar_truncated_anywhere_is_told(tmp_path: Path, cut: int) -> None:
    archive = tarred(tmp_path / "Key_AIR.tar", {"a/1.ogg": b"x" * 600, "a/2.ogg": b"x" * 600})
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(SourceError, match="is damaged or truncated"):
        scan(archive)


def with_size(header: bytes, size: int) -> bytes:
    """A tar header that claims a size, possibly negative: in base 256, as GNU writes large ones."""
    mended = header[:124] + b"\xff" * 4 + struct.pack(">q", size) + header[136:148] + b" " * 8 + header[156:]
    return mended[:148] + b"%06o\0 " % sum(mended) + mended[156:]


@pytest.mark.parametrize("size", [-1, -512, -1024, -(2**62)])
def test_a_header_that_points_backwards_ends_the_archive(tmp_path: Path, size: int) -> None:
    archive = tarred(tmp_path / "Key_AIR.tar", {"観鈴/1.ogg": b"1", "観鈴/2.ogg": b"2"})
    data = archive.read_bytes()
    archive.write_bytes(data[:1024] + with_size(data[1024:1536], size) + data[1536:])
    with pytest.raises(SourceError, match="is damaged or truncated: a header points backwards"):
        scan(archive)


def endless_headers() -> bytes:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 2
    return (long_name.tobuf() + b"a\0".ljust(512, b"\0")) * 2000


def truncated_sparse_map() -> bytes:
    member = tarfile.TarInfo("観鈴/1.ogg")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # the map continues in the next block
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("data", [endless_headers(), truncated_sparse_map()], ids=["endless headers", "sparse map"])
def test_headers_that_tarfile_stumbles_over_are_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "Key_AIR.tar").write_bytes(data)
    with pytest.raises(SourceError, match="is damaged or truncated"):
        scan(tmp_path / "Key_AIR.tar")
