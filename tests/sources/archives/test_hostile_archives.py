"""Nothing in an archive leads out of it, is written to the disk, or takes more memory than allowed."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from sources.packing import DUMP, KINDS, Pack, found, raw_zip, refusal, sevenzipped, tarred, zipped

from speaker_search.entities import Refusal
from speaker_search.errors import SourceError
from speaker_search.sources import Archives, Route, scan


@KINDS
@pytest.mark.parametrize(
    "name",
    [
        "../1.ogg",
        "a/../../1.ogg",
        "/etc/1.ogg",
        "C:\\1.ogg",
        "c:1.ogg",
        "./c:1.ogg",
        "\\\\server\\1.ogg",
        "a/../b/1.ogg",
    ],
)
def test_a_member_whose_name_leads_out_is_malformed(tmp_path: Path, pack: Pack, suffix: str, name: str) -> None:
    archive = pack(tmp_path / f"Key_AIR{suffix}", {"観鈴/2.ogg": b"2", name: b"1"})
    assert [(route, who) for _, _, _, route, who in found(archive)] == [
        (Route.FOLDER, "観鈴"),
        (Route.MALFORMED, None),
    ]
    with Archives() as archives:
        assert refusal(archives, archive, name) is Refusal.MISSING
        assert archives.read(archive, "観鈴/2.ogg") == b"2"


@pytest.mark.parametrize(("name", "shown"), [(b"a\0.ogg", "a\\x00.ogg"), (b"a.ogg\0../x", "a.ogg\\x00../x")])
def test_a_member_with_a_nul_in_its_name_is_malformed(tmp_path: Path, name: bytes, shown: str) -> None:
    archive = raw_zip(tmp_path / "Key_AIR.zip", [(name, b"1"), (b"b/2.ogg", b"2")])
    assert [(path, route) for _, _, path, route, _ in found(archive)] == [
        ("b/2.ogg", Route.FOLDER),
        (shown, Route.MALFORMED),
    ]


def test_a_tar_name_that_is_not_utf_8_is_malformed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "Key_AIR.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("観鈴/1.ogg"))
        tar.addfile(tarfile.TarInfo("\udcff.ogg"))
    assert [(path, route) for _, _, path, route, _ in found(tmp_path / "Key_AIR.tar")] == [
        ("観鈴/1.ogg", Route.FOLDER),
        ("\\udcff.ogg", Route.MALFORMED),
    ]


def test_an_archive_with_unusable_names_only_is_not_lost_silently(tmp_path: Path) -> None:
    for files in ({}, {"voice/op.mp4": b"", "voice/a/b/c/d/1.ogg": b""}):
        zipped(tmp_path / "AIR.zip", {"../1.ogg": b"1", **files})
        with pytest.raises(SourceError, match=r"1 audio file in .* cannot be used .*, such as \.\./1\.ogg"):
            found(tmp_path)


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
    assert [route for _, _, _, route, _ in found(tmp_path / "Key_AIR.zip")] == [Route.FOLDER, Route.MALFORMED]


@KINDS
def test_a_member_over_the_limit_is_refused_by_its_header(tmp_path: Path, pack: Pack, suffix: str) -> None:
    archive = pack(tmp_path / f"a{suffix}", {"1.ogg": b"x" * 1001, "2.ogg": b"y" * 1000})
    archives = Archives(max_member_bytes=1000)
    assert refusal(archives, archive, "1.ogg") is Refusal.TOO_LONG
    assert archives.read(archive, "2.ogg") == b"y" * 1000


@KINDS
@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"7z\xbc\xaf\x27\x1c", b"x" * 3000])
def test_a_file_that_only_looks_like_an_archive_is_told(tmp_path: Path, pack: Pack, suffix: str, data: bytes) -> None:
    (tmp_path / f"Key_AIR{suffix}").write_bytes(data)
    with pytest.raises(SourceError):
        scan(tmp_path / f"Key_AIR{suffix}")


@KINDS
def test_a_truncated_archive_is_told_and_those_beside_it_are_read(tmp_path: Path, pack: Pack, suffix: str) -> None:
    whole = pack(tmp_path / f"Key_AIR{suffix}", DUMP).read_bytes()
    truncated = tmp_path / f"Leaf_痕{suffix}"
    truncated.write_bytes(whole[: len(whole) - 40] if suffix != ".tar" else whole[:1200])
    with pytest.raises(SourceError, match="is damaged or truncated"):
        scan(truncated)
    air, leaf = scan(tmp_path)
    assert len(list(air.candidates())) == 2
    assert (leaf.maker, leaf.title) == ("Leaf", "痕")
    with pytest.raises(SourceError, match="is damaged or truncated"):
        list(leaf.candidates())


def test_nothing_is_written_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pack, suffix in ((zipped, ".zip"), (tarred, ".tar"), (sevenzipped, ".7z")):
        pack(tmp_path / f"Key_AIR{suffix}", DUMP)
    before = set(tmp_path.iterdir())
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")
    with Archives() as archives:
        for game in scan(tmp_path):
            for clip in game.candidates():
                archives.read(game.root, clip.path)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert set(tmp_path.iterdir()) == before | {tmp_path / "temporary"}
