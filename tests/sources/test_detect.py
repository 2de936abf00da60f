"""Which layout a path has when it could have several, and what a path without voices is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources.packing import DUMP, touched, zipped

from speaker_search.errors import SourceError, UsageError
from speaker_search.sources import Layout, Route, scan


@pytest.mark.parametrize("layout", [None, *Layout])
def test_a_path_without_voices_is_refused(tmp_path: Path, layout: Layout | None) -> None:
    touched(tmp_path, "clip.ogg", "texts/a/b/c/readme.txt")
    (tmp_path / "empty").mkdir()
    for name, sentence in {
        "gone": "does not exist.",
        "clip.ogg": "is a file, but not an archive",
        "clip.ogg/x": "does not exist.",
        "a\0b": "does not exist.",
        "empty": "holds no ",
        "texts": "holds no ",
    }.items():
        with pytest.raises(SourceError) as caught:
            scan(tmp_path / name, layout=layout)
        assert sentence in caught.value.detail
        assert caught.value.mend


def test_the_dump_layout_needs_an_index(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no index\.json"):
        scan(touched(tmp_path, "voice/1.ogg"), layout=Layout.DUMP)


def test_an_index_is_not_read_when_the_layout_is_folders(tmp_path: Path) -> None:
    (game,) = scan(touched(tmp_path / "Key/AIR", "index.json", "観鈴/1.ogg"), layout=Layout.FOLDERS)
    assert [clip.route for clip in game.candidates()] == [Route.FOLDER]


def test_an_index_comes_before_a_list_beside_it(tmp_path: Path) -> None:
    touched(tmp_path, "Key_AIR/index.json", "Key_AIR/manifest.csv")
    assert scan(tmp_path).why == (
        "dump: index.json in 1 of 1 folder; Key_AIR/manifest.csv was ignored, because there is an index.json"
    )


def test_archives_are_taken_beside_folders_and_beside_dumps(tmp_path: Path) -> None:
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    zipped(tmp_path / "patch.zip", {"readme.txt": b""})
    touched(tmp_path, "Key_AIR/琴子/1.ogg")
    scanned = scan(tmp_path)
    assert {(game.title, game.layout) for game in scanned} == {("Key_AIR", Layout.FOLDERS), ("痕", Layout.SHARDS)}
    (tmp_path / "Key_AIR/index.json").write_text("[]")
    scanned = scan(tmp_path)
    assert {(game.title, game.layout) for game in scanned} == {("AIR", Layout.DUMP), ("痕", Layout.SHARDS)}
    assert scanned.why == "dump: index.json in 1 of 1 folder; shards: archives, 1 with index.json"


def test_a_half_extracted_dump_beside_its_archive_lacks_clips(tmp_path: Path) -> None:
    (tmp_path / "Key_AIR").mkdir()
    (tmp_path / "Key_AIR/index.json").write_bytes(DUMP["index.json"])
    zipped(tmp_path / "Key_AIR.zip", DUMP)
    routes = [clip.route for game in scan(tmp_path) for clip in game.candidates()]
    assert routes == [Route.MISSING, Route.EXACT, Route.UNLISTED]


def test_the_layout_asked_for_is_looked_for_and_nothing_else(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "Key_AIR.zip", DUMP)
    assert {clip.route for game in scan(archive, layout=Layout.FOLDERS) for clip in game.candidates()} == {Route.FOLDER}
    assert len(scan(archive, layout=Layout.DUMP)) == len(scan(tmp_path, layout=Layout.SHARDS)) == 1
    for path, layout in ((archive, Layout.MANIFEST), (tmp_path, Layout.DUMP), (tmp_path, Layout.MANIFEST)):
        with pytest.raises(SourceError):
            scan(path, layout=layout)


@pytest.mark.parametrize("name", ["Key_AIR.rar", "Key_AIR.tar.gz", "Key_AIR.tar.zst", "Key_AIR.7z.001"])
def test_archives_of_other_kinds_are_not_lost_silently(tmp_path: Path, name: str) -> None:
    touched(tmp_path, name)
    zipped(tmp_path / "Leaf_痕.zip", DUMP)
    with pytest.raises(SourceError, match=r"Unpack it first\."):
        scan(tmp_path / name)
    other, leaf = scan(tmp_path)
    with pytest.raises(SourceError, match=r"Unpack it first\."):
        list(other.candidates())
    assert len(list(leaf.candidates())) == 2


def test_one_title_for_several_archives_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("a", "b"):
        zipped(tmp_path / f"{name}.zip", {"観鈴/1.ogg": b"1"})
    with pytest.raises(UsageError, match="cannot all be called AIR"):
        scan(tmp_path, title="AIR")
