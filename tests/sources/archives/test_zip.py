"""Zip archives: names from before Unicode, passwords, damage, and headers that lie."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from sources.packing import DUMP, found, raw_zip, refusal, zipped

from speaker_search.entities import Refusal
from speaker_search.errors import SourceError
from speaker_search.sources import Archives, Route, scan


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        pytest.param(["ソ表\\ｱ能１.ogg".encode("cp932"), b"a.ogg"], ["ソ表/ｱ能１.ogg", "a.ogg"], id="Japanese Windows"),
        pytest.param(["琴子/１.ogg".encode(), "琴子/２.ogg".encode()], ["琴子/１.ogg", "琴子/２.ogg"], id="UTF-8"),
        pytest.param([b"\x81 /1.ogg"], ["ü /1.ogg"], id="neither"),
    ],
)
def test_names_without_the_utf_8_flag_can_be_read(tmp_path: Path, written: list[bytes], paths: list[str]) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(name, bytes([number])) for number, name in enumerate(written)])
    assert [path for _, _, path, _, _ in found(archive)] == paths
    assert [Archives().read(archive, path) for path in paths] == [bytes([number]) for number in range(len(paths))]


def test_of_two_members_with_the_same_name_the_later_is_read_and_the_other_is_counted(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(b"a/1.ogg", b"old"), (b"a/1.ogg", b"newer")])
    assert [route for _, _, _, route, _ in found(archive)] == [Route.FOLDER, Route.REPEATED]
    assert Archives().read(archive, "a/1.ogg") == b"newer"


def test_a_member_without_a_name_is_not_a_clip(tmp_path: Path) -> None:
    raw_zip(tmp_path / "Key_AIR.zip", [("観鈴/1.ogg".encode(), b"1"), (b"", b"")], flags=0x800)
    assert found(tmp_path / "Key_AIR.zip") == [("Key", "AIR", "観鈴/1.ogg", Route.FOLDER, "観鈴")]


@pytest.mark.parametrize("password", [None, "wrong", "\udcff"])
def test_an_encrypted_zip_opens_with_its_password_only(tmp_path: Path, password: str | None) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(b"a/1.ogg", b"\0" * 30)], flags=1)
    with pytest.raises(SourceError) as caught:
        scan(archive, password=password)
    assert "SPKSEARCH_ARCHIVE_PASSWORD," in caught.value.mend
    assert "SPKSEARCH_ARCHIVE_PASSWORD_FILE." in caught.value.mend


def test_a_damaged_member_is_unreadable_and_the_others_are_not(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"first", "2.ogg": b"second"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"first", b"fir5t"))
    assert refusal(Archives(), archive, "1.ogg") is Refusal.UNREADABLE
    assert Archives().read(archive, "2.ogg") == b"second"


def test_damage_that_lzma_finds_is_unreadable(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "Key_AIR.zip", {"1.ogg": bytes(5000)}, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(archive) as zip_:
        packed = zip_.infolist()[0].compress_size
    data = bytearray(archive.read_bytes())
    start = data.index(b"1.ogg") + len(b"1.ogg") + 9  # behind LZMA's own header
    data[start : start + packed - 9] = b"\xff" * (packed - 9)
    archive.write_bytes(data)
    assert refusal(Archives(), archive, "1.ogg") is Refusal.UNREADABLE


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb_inflates_no_further_than_its_header_says(tmp_path: Path, method: int) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"\0" * 2_000_000}, method)
    lying = archive.read_bytes().replace((2_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little"))
    archive.write_bytes(lying)
    assert refusal(Archives(max_member_bytes=1000), archive, "1.ogg") is Refusal.UNREADABLE


def zip64_claiming(path: Path, size: int) -> Path:
    """A zip of one member that claims a size of 64 bits."""
    data = raw_zip(path, [("観鈴/1.ogg".encode(), b"1")], flags=0x800).read_bytes()
    directory, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry = bytearray(data[directory:end] + struct.pack("<HHQ", 1, 8, size))
    entry[24:28], entry[30:32] = b"\xff" * 4, struct.pack("<H", 12)
    last = bytearray(data[end:])
    last[12:16] = struct.pack("<I", len(entry))
    path.write_bytes(data[:directory] + entry + last)
    return path


def test_a_member_that_claims_more_than_any_file_makes_its_archive_alone_damaged(tmp_path: Path) -> None:
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    complaint = r"Key_AIR\.zip is damaged or truncated: a member claims 18,446,744,073"
    with pytest.raises(SourceError, match=complaint):
        scan(zip64_claiming(tmp_path / "Key_AIR.zip", 2**64 - 1))
    damaged, whole = scan(tmp_path)
    assert (damaged.title, len(list(whole.candidates()))) == ("AIR", 2)
    with pytest.raises(SourceError, match=complaint):
        list(damaged.candidates())
