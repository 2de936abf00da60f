"""Archives as games: a zip, tar or 7z with a dump or folders inside is read as on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources.packing import DUMP, KINDS, Pack, found, sample, sevenzipped, tarred, zipped

from speaker_search.errors import SourceError
from speaker_search.sources import Archives, Layout, Route, scan
from speaker_search.sources.layouts.shards import shard_names


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
    clips = list(game.candidates())
    assert [clip.size for clip in clips] == [3, 4]
    assert {clip.mtime_ns for clip in clips} == {archive.stat().st_mtime_ns}
    with Archives() as archives:
        assert [archives.read(game.root, clip.path) for clip in clips] == [b"one", b"two!"]


@KINDS
def test_each_archive_in_a_folder_is_a_game(tmp_path: Path, pack: Pack, suffix: str) -> None:
    for name in ("Key!_AIR", "Ａｌｃｏｔ Inc._恋 2.5_FD"):
        pack(tmp_path / f"{name}{suffix}", DUMP)
    scanned = scan(tmp_path)
    assert [(game.maker, game.title) for game in scanned] == [("Key!", "AIR"), ("Ａｌｃｏｔ Inc.", "恋 2.5_FD")]
    assert scanned.why == "shards: archives, 2 with index.json"


@KINDS
def test_one_archive_may_hold_several_games(tmp_path: Path, pack: Pack, suffix: str) -> None:
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


def test_an_archive_without_an_underscore_belongs_to_the_maker_around_it(tmp_path: Path) -> None:
    (tmp_path / "Key").mkdir()
    zipped(tmp_path / "Key/AIR.zip", {"AIR/観鈴/1.ogg": b"1"})
    zipped(tmp_path / "Key/Kanon.zip", {"名雪/1.ogg": b"1"})
    assert [(maker, title, who) for maker, title, _, _, who in found(tmp_path)] == [
        ("Key", "AIR", "観鈴"),
        ("Key", "Kanon", "名雪"),
    ]


def test_clips_of_an_archive_come_in_its_own_order_not_in_that_of_the_rows(tmp_path: Path) -> None:
    rows = b'[{"Speaker": "a", "Voice": "2"}, {"Speaker": "a", "Voice": "9"}, {"Speaker": "a", "Voice": "1"}]'
    archive = sevenzipped(tmp_path / "Key_AIR.7z", {"a/1.ogg": b"", "index.json": rows, "a/3.ogg": b"", "a/2.ogg": b""})
    assert [path for _, _, path, _, _ in found(archive)] == ["a/1.ogg", "a/3.ogg", "a/2.ogg", "a/9"]


def test_a_zip_of_zips_is_told(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "Key_AIR.zip", DUMP).read_bytes()
    with pytest.raises(SourceError, match="holds archives"):
        scan(zipped(tmp_path / "all.zip", {"Key_AIR.zip": inner}))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("Key_AIR.tar", ("Key", "AIR")),
        ("Key_AIR-000012.tar", ("Key", "AIR")),
        ("data/train-00000-of-00010.parquet", ("around", "set")),
        ("shards/shard_0001.tar", ("around", "set")),
        ("000000.tar", ("around", "set")),
        ("genshin.parquet", ("set", "genshin")),
    ],
)
def test_numbered_shards_are_named_after_the_folders_around_them(path: str, names: tuple[str, str]) -> None:
    assert shard_names(Path("/home/around/set") / path) == names


def test_several_shards_of_one_game_are_one_game_in_several_places(tmp_path: Path) -> None:
    for number in range(3):
        tarred(tmp_path / f"data-{number:06}.tar", sample("1", "観鈴", maker="Key", game="AIR"))
    games = scan(tmp_path)
    assert [(game.maker, game.title) for game in games] == [("Key", "AIR")] * 3
    assert len({game.root for game in games}) == 3
    assert len(scan(tmp_path, title="AIR")) == 3
