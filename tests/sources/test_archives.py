"""Zip, 7z and tar with a dump or folders inside: the rules of a disk, and nothing that leads out."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import py7zr
import pytest
from sources.packing import DUMP, STORED, found, raw_zip, sevenzipped, tarred, zipped

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError, SourceError
from speaker_search.sources import Archives, Layout, Route, is_archive, scan

Pack = Callable[[Path, Mapping[str, bytes]], Path]
KINDS = pytest.mark.parametrize(("pack", "suffix"), [(zipped, ".zip"), (tarred, ".tar"), (sevenzipped, ".7z")])
KEY = "秘密 pass"
MENDS = ("SPKSEARCH_ARCHIVE_PASSWORD,", "SPKSEARCH_ARCHIVE_PASSWORD_FILE.")


def refusal(archives: Archives, root: Path, path: str) -> Refusal:
    with pytest.raises(AudioError) as caught:
        archives.read(root, path)
    return caught.value.reason


@KINDS
@pytest.mark.parametrize("top", ["", "Key_AIR/", "data/"])
def test_an_archive_called_maker_and_title_holds_that_dump(tmp_path: Path, pack: Pack, suffix: str, top: str) -> None:
    archive = pack(tmp_path / f"Key_AIR{suffix}", {top + name: data for name, data in DUMP.items()})
    expected = [
        ("Key", "AIR", f"{top}琴子/ep1.ogg", Route.EXACT, "琴子"),
        ("Key", "AIR", f"{top}voice/ep2.ogg", Route.UNLISTED, None),
    ]
    assert found(archive) == expected
    assert found(tmp_path) == expected
    (game,) = scan(archive)
    assert (game.root, game.layout) == (archive, Layout.SHARDS)
    with Archives() as archives:
        clips = {clip.path: clip for clip in game.candidates()}
        assert archives.read(game.root, f"{top}琴子/ep1.ogg") == b"one"
        assert archives.read(game.root, f"{top}voice/ep2.ogg") == b"two!"
        assert {clip.size for clip in clips.values()} == {3, 4}
        assert {clip.mtime_ns for clip in clips.values()} == {archive.stat().st_mtime_ns}


@KINDS
def test_a_folder_of_archives_is_one_game_each(tmp_path: Path, pack: Pack, suffix: str) -> None:
    for name in ("Key!_AIR", "Ａｌｃｏｔ Inc._恋 2.5_FD"):
        pack(tmp_path / f"{name}{suffix}", DUMP)
    scanned = scan(tmp_path)
    assert [(game.maker, game.title) for game in scanned] == [("Key!", "AIR"), ("Ａｌｃｏｔ Inc.", "恋 2.5_FD")]
    assert scanned.why == "shards: archives, 2 with index.json"


@KINDS
def test_several_games_in_one_archive(tmp_path: Path, pack: Pack, suffix: str) -> None:
    files = {f"{game}/{name}": data for game in ("Key_AIR", "Leaf_痕") for name, data in DUMP.items()}
    archive = pack(tmp_path / f"all{suffix}", files)
    assert {(maker, title, path.split("/")[0]) for maker, title, path, _, _ in found(archive)} == {
        ("Key", "AIR", "Key_AIR"),
        ("Leaf", "痕", "Leaf_痕"),
    }


@KINDS
def test_folders_inside_an_archive_are_read_as_on_a_disk(tmp_path: Path, pack: Pack, suffix: str) -> None:
    files = {"Key/AIR/観鈴/1.ogg": b"1", "Leaf/痕/？？？/ch1/2.flac": b"2", "notes.txt": b""}
    assert found(pack(tmp_path / f"all{suffix}", files)) == [
        ("Key", "AIR", "Key/AIR/観鈴/1.ogg", Route.FOLDER, "観鈴"),
        ("Leaf", "痕", "Leaf/痕/？？？/ch1/2.flac", Route.FOLDER, None),
    ]


@pytest.mark.parametrize("top", ["", "Key_AIR/", "voice/"])
def test_an_archive_called_maker_and_title_may_hold_characters(tmp_path: Path, top: str) -> None:
    archive = zipped(tmp_path / "Key_AIR.zip", {f"{top}観鈴/1.ogg": b"1", f"{top}往人/2.ogg": b"2"})
    assert [(maker, title, who) for maker, title, _, _, who in found(archive)] == [
        ("Key", "AIR", "観鈴"),
        ("Key", "AIR", "往人"),
    ]


def test_an_archive_without_an_underscore_is_of_the_maker_around_it(tmp_path: Path) -> None:
    (tmp_path / "Key").mkdir()
    zipped(tmp_path / "Key/AIR.zip", {"AIR/観鈴/1.ogg": b"1"})
    zipped(tmp_path / "Key/Kanon.zip", {"名雪/1.ogg": b"1"})
    assert [(maker, title, who) for maker, title, _, _, who in found(tmp_path)] == [
        ("Key", "AIR", "観鈴"),
        ("Key", "Kanon", "名雪"),
    ]


def test_names_without_the_utf_8_flag_are_japanese_windows(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [("ソ表\\ｱ能１.ogg".encode("cp932"), b"1"), (b"a.ogg", b"2")])
    assert [path for _, _, path, _, _ in found(archive)] == ["ソ表/ｱ能１.ogg", "a.ogg"]
    assert Archives().read(archive, "ソ表/ｱ能１.ogg") == b"1"


def test_names_without_the_flag_may_be_utf_8_all_the_same(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [("琴子/１.ogg".encode(), b"1"), ("琴子/２.ogg".encode(), b"2")])
    assert [path for _, _, path, _, _ in found(archive)] == ["琴子/１.ogg", "琴子/２.ogg"]


def test_a_name_in_no_encoding_has_an_address_too(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(b"\xfd\xfe/1.ogg", b"1")])
    ((_, _, path, _, _),) = found(archive)
    assert Archives().read(archive, path) == b"1"


HOSTILE = ["../1.ogg", "a/../../1.ogg", "/etc/1.ogg", "C:\\1.ogg", "c:1.ogg", "\\\\server\\1.ogg", "a/../b/1.ogg"]


@KINDS
@pytest.mark.parametrize("name", HOSTILE)
def test_a_member_whose_name_leads_out_is_malformed(tmp_path: Path, pack: Pack, suffix: str, name: str) -> None:
    archive = pack(tmp_path / f"Key_AIR{suffix}", {"観鈴/2.ogg": b"2", name: b"1"})
    assert [(route, who) for _, _, _, route, who in found(archive)] == [
        (Route.FOLDER, "観鈴"),
        (Route.MALFORMED, None),
    ]
    assert refusal(Archives(), archive, name) is Refusal.MISSING


@pytest.mark.parametrize(("name", "shown"), [(b"a\0.ogg", "a\\x00.ogg"), (b"a.ogg\0../x", "a.ogg\\x00../x")])
def test_a_member_with_a_nul_in_its_name_is_malformed(tmp_path: Path, name: bytes, shown: str) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(name, b"1"), (b"b/2.ogg", b"2")])
    assert [(path, route) for _, _, path, route, _ in found(archive)] == [
        ("b/2.ogg", Route.FOLDER),
        (shown, Route.MALFORMED),
    ]


def test_a_tar_name_that_is_no_utf_8_is_malformed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "Key_AIR.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("観鈴/1.ogg"))
        tar.addfile(tarfile.TarInfo("\udcff.ogg"))
    assert [(path, route) for _, _, path, route, _ in found(tmp_path / "Key_AIR.tar")] == [
        ("観鈴/1.ogg", Route.FOLDER),
        ("\\udcff.ogg", Route.MALFORMED),
    ]


def test_an_archive_of_hostile_names_alone_is_not_lost_silently(tmp_path: Path) -> None:
    zipped(tmp_path / "Key_AIR.zip", {"../1.ogg": b"1"})
    (game,) = scan(tmp_path)
    with pytest.raises(SourceError, match=r"1 audio files in .* cannot be named, such as \.\./1\.ogg"):
        list(game.candidates())


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.ogg").write_bytes(b"secret")
    with tarfile.open(tmp_path / "Key_AIR.tar", "w") as tar:
        member = tarfile.TarInfo("観鈴/1.ogg")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"1"))
        for name, kind, target in (
            ("観鈴/2.ogg", tarfile.SYMTYPE, str(tmp_path / "secret.ogg")),
            ("観鈴/3.ogg", tarfile.LNKTYPE, "/etc/passwd"),
            ("観鈴/4.ogg", tarfile.CHRTYPE, ""),
            ("観鈴/5.ogg", tarfile.FIFOTYPE, ""),
            ("観鈴/6.ogg", tarfile.LNKTYPE, "観鈴/1.ogg"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    archive = tmp_path / "Key_AIR.tar"
    routes = {path: route for _, _, path, route, _ in found(archive)}
    assert [path for path, route in routes.items() if route is Route.FOLDER] == ["観鈴/1.ogg", "観鈴/6.ogg"]
    assert sum(route is Route.MALFORMED for route in routes.values()) == 4
    assert Archives().read(archive, "観鈴/6.ogg") == b"1"
    assert refusal(Archives(), archive, "観鈴/2.ogg") is Refusal.MISSING


def test_a_symlink_in_a_zip_is_malformed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Key_AIR.zip", "w") as archive:
        link = zipfile.ZipInfo("観鈴/1.ogg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("観鈴/2.ogg", b"2")
    routes = [route for _, _, _, route, _ in found(tmp_path / "Key_AIR.zip")]
    assert routes == [Route.FOLDER, Route.MALFORMED]


def test_of_two_members_of_one_name_the_later_counts_and_the_other_is_counted(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(b"a/1.ogg", b"old"), (b"a/1.ogg", b"newer")])
    assert [route for _, _, _, route, _ in found(archive)] == [Route.FOLDER, Route.REPEATED]
    assert Archives().read(archive, "a/1.ogg") == b"newer"


@pytest.mark.parametrize("names", [False, True])
def test_an_encrypted_7z_opens_with_its_password_only(tmp_path: Path, names: bool) -> None:
    archive = sevenzipped(tmp_path / "Key_AIR.7z", DUMP, KEY, names=names)
    (game,) = scan(archive, password=KEY)
    assert [clip.route for clip in game.candidates()] == [Route.EXACT, Route.UNLISTED]
    assert Archives(KEY).read(archive, "琴子/ep1.ogg") == b"one"
    for password, what in ((None, "needs a password"), ("wrong", "does not open with the password given")):
        with pytest.raises(SourceError, match=what) as caught:
            scan(archive, password=password)
        assert all(mend in caught.value.mend for mend in MENDS)
        assert refusal(Archives(password), archive, "琴子/ep1.ogg") is Refusal.UNREADABLE


def test_a_folder_of_encrypted_7z_is_told_game_by_game(tmp_path: Path) -> None:
    sevenzipped(tmp_path / "Key!_AIR.7z", DUMP, KEY)
    sevenzipped(tmp_path / "Leaf Inc._痕_FD.7z", DUMP, "another")
    air, leaf = scan(tmp_path, password=KEY)
    assert (air.maker, air.title, leaf.maker, leaf.title) == ("Key!", "AIR", "Leaf Inc.", "痕_FD")
    assert len(list(air.candidates())) == 2
    with pytest.raises(SourceError, match="does not open with the password given"):
        list(leaf.candidates())


def test_a_half_extracted_dump_beside_its_archive_lacks_clips(tmp_path: Path) -> None:
    (tmp_path / "Key_AIR").mkdir()
    (tmp_path / "Key_AIR/index.json").write_bytes(DUMP["index.json"])
    zipped(tmp_path / "Key_AIR.zip", DUMP)
    assert [route for _, _, _, route, _ in found(tmp_path)] == [Route.MISSING, Route.EXACT, Route.UNLISTED]


def test_an_encrypted_zip_opens_with_its_password_only(tmp_path: Path) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(b"a/1.ogg", b"\0" * 30)], flags=1)
    for password in (None, "wrong"):
        with pytest.raises(SourceError) as caught:
            scan(archive, password=password)
        assert all(mend in caught.value.mend for mend in MENDS)


@KINDS
def test_an_archive_that_breaks_off_is_told_and_those_beside_it_are_taken(
    tmp_path: Path, pack: Pack, suffix: str
) -> None:
    whole = pack(tmp_path / f"Key_AIR{suffix}", DUMP).read_bytes()
    broken = tmp_path / f"Leaf_痕{suffix}"
    broken.write_bytes(whole[: len(whole) - 40] if suffix != ".tar" else whole[:1200])
    with pytest.raises(SourceError, match="is broken or breaks off"):
        scan(broken)
    air, leaf = scan(tmp_path)
    assert len(list(air.candidates())) == 2
    assert (leaf.maker, leaf.title) == ("Leaf", "痕")
    with pytest.raises(SourceError, match="is broken or breaks off"):
        list(leaf.candidates())


@pytest.mark.parametrize("cut", [700, 1200, 1500, 2600])
def test_a_tar_cut_anywhere_is_told(tmp_path: Path, cut: int) -> None:
    archive = tarred(tmp_path / "Key_AIR.tar", {"a/1.ogg": b"x" * 600, "a/2.ogg": b"x" * 600})
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(SourceError, match="is broken or breaks off"):
        scan(archive)


@KINDS
@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"7z\xbc\xaf\x27\x1c", b"x" * 3000])
def test_what_is_no_archive_is_told(tmp_path: Path, pack: Pack, suffix: str, data: bytes) -> None:
    (tmp_path / f"Key_AIR{suffix}").write_bytes(data)
    with pytest.raises(SourceError):
        scan(tmp_path / f"Key_AIR{suffix}")


def test_a_damaged_member_is_unreadable_and_the_others_are_not(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"first", "2.ogg": b"second"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"first", b"fir5t"))
    assert refusal(Archives(), archive, "1.ogg") is Refusal.UNREADABLE
    assert Archives().read(archive, "2.ogg") == b"second"


def test_behind_the_damage_in_a_7z_everything_is_unreadable(tmp_path: Path) -> None:
    archive = sevenzipped(tmp_path / "a.7z", {"1.ogg": b"first", "2.ogg": b"second", "3.ogg": b"third"})
    archive.write_bytes(archive.read_bytes().replace(b"second", b"secOnd"))
    with Archives() as archives:
        assert refusal(archives, archive, "3.ogg") is Refusal.UNREADABLE
        assert refusal(archives, archive, "2.ogg") is Refusal.UNREADABLE
        assert archives.read(archive, "1.ogg") == b"first"


@KINDS
def test_a_member_over_the_limit_is_refused_by_its_header(tmp_path: Path, pack: Pack, suffix: str) -> None:
    archive = pack(tmp_path / f"a{suffix}", {"1.ogg": b"x" * 1001, "2.ogg": b"y" * 1000})
    archives = Archives(max_member_bytes=1000)
    assert refusal(archives, archive, "1.ogg") is Refusal.TOO_LONG
    assert archives.read(archive, "2.ogg") == b"y" * 1000


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb_inflates_no_further_than_its_header_says(tmp_path: Path, method: int) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"\0" * 5_000_000}, method)
    lying = archive.read_bytes().replace((5_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little"))
    archive.write_bytes(lying)
    assert refusal(Archives(max_member_bytes=1000), archive, "1.ogg") is Refusal.UNREADABLE


def test_a_7z_is_read_in_one_pass_and_out_of_order_too(tmp_path: Path) -> None:
    files = {f"琴子/{number:03}.ogg": bytes([number]) * 50 for number in range(100)} | {"empty.ogg": b""}
    archive = sevenzipped(tmp_path / "Key_AIR.7z", files)
    with Archives() as archives:
        for name in [*files, *reversed(files), "琴子/050.ogg", "empty.ogg"]:
            assert archives.read(archive, name) == files[name]


def test_clips_of_a_7z_come_in_the_order_they_lie_in_not_in_that_of_the_rows(tmp_path: Path) -> None:
    rows = b'[{"Speaker": "a", "Voice": "2"}, {"Speaker": "a", "Voice": "9"}, {"Speaker": "a", "Voice": "1"}]'
    archive = sevenzipped(tmp_path / "Key_AIR.7z", {"a/1.ogg": b"", "index.json": rows, "a/3.ogg": b"", "a/2.ogg": b""})
    assert [path for _, _, path, _, _ in found(archive)] == ["a/1.ogg", "a/3.ogg", "a/2.ogg", "a/9"]


def test_an_archive_written_anew_is_opened_anew(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"1.ogg": b"old"})
    with Archives() as archives:
        assert archives.read(archive, "1.ogg") == b"old"
        zipped(archive, {"1.ogg": b"of another size"})
        assert archives.read(archive, "1.ogg") == b"of another size"
        archive.unlink()
        assert refusal(archives, archive, "1.ogg") is Refusal.MISSING


def test_more_archives_than_are_kept_open_can_be_read_in_turn(tmp_path: Path) -> None:
    with Archives() as archives:
        for turn in range(2):
            for number in range(12):
                archive = tmp_path / f"{number}.zip"
                if not turn:
                    zipped(archive, {"1.ogg": bytes([number])})
                assert archives.read(archive, "1.ogg") == bytes([number])


def test_an_archive_is_told_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    packed = zipped(tmp_path / "voices.bin", {"Key/AIR/観鈴/1.ogg": b"1"})
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "notes.txt").write_text("PKey")
    assert is_archive(packed)
    assert found(packed)[0][:2] == ("Key", "AIR")
    assert is_archive(tmp_path / "away.7z")
    assert not any(is_archive(tmp_path / name) for name in ("folder.zip", "notes.txt", "gone", "."))


@pytest.mark.parametrize("name", ["Key_AIR.rar", "Key_AIR.tar.gz", "Key_AIR.tar.zst", "Key_AIR.7z.001"])
def test_archives_of_other_kinds_are_not_lost_silently(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    with pytest.raises(SourceError, match=r"Unpack it first\."):
        scan(tmp_path / name)
    other, leaf = scan(tmp_path)
    with pytest.raises(SourceError, match=r"Unpack it first\."):
        list(other.candidates())
    assert len(list(leaf.candidates())) == 2


def test_archives_beside_folders_are_taken_as_well(tmp_path: Path) -> None:
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    zipped(tmp_path / "patch.zip", {"readme.txt": b""})
    (tmp_path / "Key_AIR/琴子").mkdir(parents=True)
    (tmp_path / "Key_AIR/琴子/1.ogg").touch()
    scanned = scan(tmp_path)
    assert {(game.title, game.layout) for game in scanned} == {("Key_AIR", Layout.FOLDERS), ("痕", Layout.SHARDS)}
    (tmp_path / "Key_AIR/index.json").write_text("[]")
    scanned = scan(tmp_path)
    assert {(game.title, game.layout) for game in scanned} == {("AIR", Layout.DUMP), ("痕", Layout.SHARDS)}
    assert scanned.why == "dump: index.json in 1 of 1 folders; shards: archives, 1 with index.json"


def test_the_layout_asked_for_is_looked_for_and_nothing_else(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "Key_AIR.zip", DUMP)
    assert {clip.route for game in scan(archive, layout=Layout.FOLDERS) for clip in game.candidates()} == {Route.FOLDER}
    assert len(scan(archive, layout=Layout.DUMP)) == len(scan(tmp_path, layout=Layout.SHARDS)) == 1
    for path, layout in ((archive, Layout.MANIFEST), (tmp_path, Layout.DUMP), (tmp_path, Layout.MANIFEST)):
        with pytest.raises(SourceError):
            scan(path, layout=layout)


def test_a_zip_of_zips_is_told(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "Key_AIR.zip", DUMP).read_bytes()
    with pytest.raises(SourceError, match="holds archives"):
        scan(zipped(tmp_path / "all.zip", {"Key_AIR.zip": inner}))


def test_nothing_is_written_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pack, suffix in ((zipped, ".zip"), (tarred, ".tar"), (sevenzipped, ".7z")):
        pack(tmp_path / f"Key_AIR{suffix}", DUMP)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")
    with Archives() as archives:
        for game in scan(tmp_path):
            for clip in game.candidates():
                archives.read(game.root, clip.path)
    assert list((tmp_path / "temporary").iterdir()) == []


def with_size(header: bytes, size: int) -> bytes:
    """A tar header that claims a size, negative ones included: base 256, as GNU writes large ones."""
    mended = header[:124] + b"\xff" * 4 + struct.pack(">q", size) + header[136:148] + b" " * 8 + header[156:]
    return mended[:148] + b"%06o\0 " % sum(mended) + mended[156:]


@pytest.mark.parametrize("size", [-1, -512, -1024, -(2**62)])
def test_a_tar_header_that_leads_back_ends_the_archive(tmp_path: Path, size: int) -> None:
    archive = tarred(tmp_path / "Key_AIR.tar", {"観鈴/1.ogg": b"1", "観鈴/2.ogg": b"2"})
    data = archive.read_bytes()
    archive.write_bytes(data[:1024] + with_size(data[1024:1536], size) + data[1536:])
    with pytest.raises(SourceError, match="broken or breaks off: a header leads back"):
        scan(archive)


def test_a_tar_of_headers_without_end_is_told(tmp_path: Path) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 2
    (tmp_path / "Key_AIR.tar").write_bytes((long_name.tobuf() + b"a\0".ljust(512, b"\0")) * 2000)
    with pytest.raises(SourceError, match="broken or breaks off"):
        scan(tmp_path / "Key_AIR.tar")


def test_a_sparse_map_that_breaks_off_is_told(tmp_path: Path) -> None:
    member = tarfile.TarInfo("観鈴/1.ogg")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # the map goes on in the next block
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "Key_AIR.tar").write_bytes(header)
    with pytest.raises(SourceError, match="broken or breaks off"):
        scan(tmp_path / "Key_AIR.tar")


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


def test_a_zip_member_that_claims_more_than_any_file_breaks_its_archive_alone(tmp_path: Path) -> None:
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    with pytest.raises(SourceError, match=r"Key_AIR\.zip is broken or breaks off: a member claims 18,446,744,073"):
        scan(zip64_claiming(tmp_path / "Key_AIR.zip", 2**64 - 1))
    broken, whole = scan(tmp_path)
    assert (broken.title, len(list(whole.candidates()))) == ("AIR", 2)
    with pytest.raises(SourceError, match="is broken"):
        list(broken.candidates())


def test_a_zip_member_without_a_name_is_no_clip(tmp_path: Path) -> None:
    raw_zip(tmp_path / "Key_AIR.zip", [("観鈴/1.ogg".encode(), b"1"), (b"", b"")], flags=0x800)
    assert found(tmp_path / "Key_AIR.zip") == [("Key", "AIR", "観鈴/1.ogg", Route.FOLDER, "観鈴")]


def test_damage_that_lzma_finds_is_unreadable(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "Key_AIR.zip", {"1.ogg": bytes(5000)}, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(archive) as zip_:
        packed = zip_.infolist()[0].compress_size
    data = bytearray(archive.read_bytes())
    start = data.index(b"1.ogg") + len(b"1.ogg") + 9  # behind LZMA's own header
    data[start : start + packed - 9] = b"\xff" * (packed - 9)
    archive.write_bytes(data)
    with Archives() as archives:
        assert refusal(archives, archive, "1.ogg") is Refusal.UNREADABLE


def test_a_7z_member_that_claims_more_than_any_file_breaks_its_archive(tmp_path: Path) -> None:
    path = tmp_path / "Key_AIR.7z"
    with py7zr.SevenZipFile(path, "w", filters=STORED) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(b"1", "1.ogg")
    data = path.read_bytes()
    header = data[33:].replace(b"\x0c\x01", b"\x0c" + b"\xff" * 9)  # the sizes of what is unpacked: one, of 1 byte
    assert len(header) == len(data) - 33 + 8
    start = struct.pack("<QQI", 1, len(header), zlib.crc32(header))
    path.write_bytes(data[:8] + struct.pack("<I", zlib.crc32(start)) + start + data[32:33] + header)
    with pytest.raises(SourceError, match="is broken or breaks off"):
        scan(tmp_path / "Key_AIR.7z")


@pytest.mark.skipif(os.name == "nt", reason="names of 300 letters are other errors there")
@pytest.mark.parametrize(("suffix", "archive"), [(".zip", True), (".7z", True), (".bin", False), ("", False)])
def test_a_place_the_file_system_will_not_tell_of_goes_by_its_name(tmp_path: Path, suffix: str, archive: bool) -> None:
    place = tmp_path / f"{'x' * 300}{suffix}"  # ENAMETOOLONG, as a disk that is away gives ESTALE: for root too
    with pytest.raises(OSError, match="too long"):
        place.is_file()
    assert is_archive(place) is archive
    with Archives() as archives:
        assert refusal(archives, place, "1.ogg") is Refusal.UNREADABLE
