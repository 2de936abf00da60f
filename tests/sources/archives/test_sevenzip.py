"""7z archives: solid blocks in order and out of order, passwords, damage, and headers that lie."""

from __future__ import annotations

import random
import struct
import threading
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import py7zr
import pytest
from sources.packing import DUMP, STORED, found, refusal, sevenzipped, touched

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources import Archives, Route, scan

KEY = "秘密 pass"
MENDS = ("SPKSEARCH_ARCHIVE_PASSWORD,", "SPKSEARCH_ARCHIVE_PASSWORD_FILE.")


def files(first: int, end: int) -> dict[str, bytes]:
    return {f"琴子/{number:03}.ogg": bytes([number]) * 50 for number in range(first, end)}


def test_members_of_several_blocks_are_read_in_order_and_out_of_order(tmp_path: Path) -> None:
    archive = tmp_path / "Key_AIR.7z"
    for first in (0, 80, 90):
        sevenzipped(archive, files(first, first + 80 if not first else first + 10), mode="a" if first else "w")
    members = files(0, 100)
    with Archives() as archives:
        for name in [*members, *reversed(members), "琴子/050.ogg", "琴子/095.ogg", "琴子/001.ogg"]:
            assert archives.read(archive, name) == members[name]


def test_an_empty_member_is_empty(tmp_path: Path) -> None:
    archive = sevenzipped(tmp_path / "a.7z", {"1.ogg": b"", "2.ogg": b"2"})
    assert [Archives().read(archive, name) for name in ("1.ogg", "2.ogg")] == [b"", b"2"]


@pytest.mark.parametrize("method", [py7zr.FILTER_LZMA2, py7zr.FILTER_BZIP2])
def test_a_member_that_is_decompressed_in_several_pieces_is_whole(tmp_path: Path, method: int) -> None:
    data = random.Random(0).randbytes(1_200_000)
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", filters=[{"id": method}]) as archive:
        archive.writestr(data, "1.ogg")
        archive.writestr(b"2", "2.ogg")
    with Archives() as archives:
        assert [archives.read(tmp_path / "a.7z", name) for name in ("1.ogg", "2.ogg")] == [data, b"2"]


def test_members_that_were_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    archive = sevenzipped(tmp_path / "a.7z", {f"{number}.ogg": bytes(500_000) for number in range(100)})
    with Archives() as archives:
        archives.read(archive, "0.ogg")
        tracemalloc.start()
        try:
            assert all(len(archives.read(archive, f"{number}.ogg")) == 500_000 for number in range(100))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 10_000_000


def test_closing_ends_the_pass_under_way(tmp_path: Path) -> None:
    archive = sevenzipped(tmp_path / "a.7z", files(0, 9))
    before = set(threading.enumerate())
    with Archives() as archives:
        archives.read(archive, "琴子/000.ogg")
        (thread,) = set(threading.enumerate()) - before
    thread.join(60)
    assert not thread.is_alive()


def test_links_in_the_current_folder_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = sevenzipped(tmp_path / "a.7z", files(0, 1))
    (tmp_path / "here").mkdir()
    (tmp_path / "here/琴子").symlink_to("/")
    monkeypatch.chdir(tmp_path / "here")
    assert Archives().read(archive, "琴子/000.ogg") == bytes(50)


@pytest.mark.parametrize("names", [False, True])
def test_an_encrypted_7z_opens_with_its_password_only(tmp_path: Path, names: bool) -> None:
    archive = sevenzipped(tmp_path / "Key_AIR.7z", DUMP, KEY, names=names)
    (game,) = scan(archive, password=KEY)
    assert [clip.route for clip in game.candidates()] == [Route.EXACT, Route.UNLISTED]
    assert game.archives is not None
    assert game.archives.read(archive, "琴子/ep1.ogg") == b"one"
    for password, what in ((None, "needs a password"), ("wrong", "does not open with the password given")):
        with pytest.raises(SourceError, match=what) as caught:
            scan(archive, password=password)
        assert all(mend in caught.value.mend for mend in MENDS)
        assert refusal(Archives(password), archive, "琴子/ep1.ogg") is Refusal.UNREADABLE


def test_each_7z_in_a_folder_is_told_about_its_password(tmp_path: Path) -> None:
    sevenzipped(tmp_path / "Key!_AIR.7z", DUMP, KEY)
    sevenzipped(tmp_path / "Leaf Inc._痕_FD.7z", DUMP, "another")
    sevenzipped(tmp_path / "Tactics_ONE.7z", DUMP)
    air, leaf, one = scan(tmp_path, password=KEY)
    assert (air.maker, air.title, leaf.maker, leaf.title) == ("Key!", "AIR", "Leaf Inc.", "痕_FD")
    assert len(list(air.candidates())) == len(list(one.candidates())) == 2
    with pytest.raises(SourceError, match="does not open with the password given"):
        list(leaf.candidates())


@pytest.mark.parametrize("password", [None, KEY])
def test_behind_damage_the_rest_of_the_block_is_unreadable_and_no_more(tmp_path: Path, password: str | None) -> None:
    archive = sevenzipped(tmp_path / "a.7z", {"1.ogg": b"first", "2.ogg": b"second", "3.ogg": b"third"})
    sevenzipped(archive, {"4.ogg": b"fourth"}, mode="a")
    archive.write_bytes(archive.read_bytes().replace(b"second", b"secOnd"))
    with Archives(password) as archives:  # which is not needed
        for name in ("3.ogg", "2.ogg"):
            with pytest.raises(AudioError, match=rf"^{name} cannot be read: its checksum does not match\.$") as caught:
                archives.read(archive, name)
            assert caught.value.reason is Refusal.UNREADABLE
        assert archives.read(archive, "1.ogg") == b"first"
        assert archives.read(archive, "4.ogg") == b"fourth"


def test_members_of_the_same_name_are_refused_and_the_others_are_not(tmp_path: Path) -> None:
    archive = sevenzipped(tmp_path / "Key_AIR.7z", [("a/1.ogg", b"old"), ("a/2.ogg", b"2"), ("a/1.ogg", b"new")])
    assert [(path, route) for _, _, path, route, _ in found(archive)] == [
        ("a/2.ogg", Route.FOLDER),
        ("a/1.ogg", Route.FOLDER),
        ("a/1.ogg", Route.REPEATED),
    ]
    assert refusal(Archives(), archive, "a/1.ogg") is Refusal.UNREADABLE
    assert Archives().read(archive, "a/2.ogg") == b"2"


def test_no_member_is_given_the_content_of_another(tmp_path: Path) -> None:
    for block in ("a", "b"):
        touched(tmp_path / block, "x/1.ogg", "y/2.ogg", "z/3.ogg")
        with py7zr.SevenZipFile(tmp_path / "all.7z", "a" if block == "b" else "w", filters=STORED) as archive:
            archive.writeall(tmp_path / block, block)  # which lists folders between files
    with Archives() as archives:
        for path in (f"{block}/{name}" for block in ("a", "b") for name in ("x/1.ogg", "y/2.ogg", "z/3.ogg")):
            content = None
            with suppress(AudioError):
                content = archives.read(tmp_path / "all.7z", path).decode()
            assert content in (None, path[2:])


def lying(path: Path, written: bytes, claimed: bytes) -> Path:
    """A 7z of one member of one byte, with another header: `claimed` in place of `written`."""
    with py7zr.SevenZipFile(path, "w", filters=STORED) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(b"1", "1.ogg")
    data = path.read_bytes()
    assert data[33:].count(written) == 1
    header = data[33:].replace(written, claimed)
    start = struct.pack("<QQI", 1, len(header), zlib.crc32(header))
    path.write_bytes(data[:8] + struct.pack("<I", zlib.crc32(start)) + start + data[32:33] + header)
    return path


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(b"\xff" * 9, id="more than any file"),
        pytest.param(b"\xf8" + struct.pack("<Q", 2**39)[:5], id="more than any game"),
    ],
)
def test_a_member_that_claims_too_much_makes_its_archive_damaged(tmp_path: Path, size: bytes) -> None:
    archive = lying(tmp_path / "Key_AIR.7z", b"\x0c\x01", b"\x0c" + size)  # the size of what is unpacked: 1 byte
    with pytest.raises(SourceError, match="is damaged or truncated"):
        scan(archive)
