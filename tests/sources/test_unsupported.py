"""Sounds in formats that are not read are counted, in every layout, until a converted file lies beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sources.packing import KINDS, Pack, found, sample, tarred, touched

from speaker_search.errors import SourceError
from speaker_search.sources import Layout, Route, scan

Place = Callable[[Path, dict[str, bytes]], Path]
ROWS = [{"Speaker": "観鈴", "Voice": voice} for voice in ("a", "b", "sub/c.WV", "d.ogg", "e.tak")]
FILES = ("観鈴/a.ogg", "b.ape", "x/c.wv", "観鈴/d.tta", "f.avi")
OTHERS = ("readme.txt", "観鈴/face.png", "notes.json", "ape", ".ape")


def unsupported(path: Path) -> list[tuple[str, str | None]]:
    return [(name, who) for _, _, name, route, who in found(path) if route is Route.UNSUPPORTED]


def films(path: Path) -> list[str]:
    return [name for _, _, name, route, _ in found(path) if route is Route.FILM]


def written(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def named(*names: str) -> dict[str, bytes]:
    return {name: name.encode() for name in names}


def test_the_rows_of_a_dump_mean_files_in_other_formats_when_they_find_nothing_else(tmp_path: Path) -> None:
    root = written(tmp_path / "Key_AIR", {**named(*FILES, *OTHERS), "index.json": json.dumps(ROWS).encode()})
    assert [clip[2:] for clip in found(root)] == [
        ("観鈴/a.ogg", Route.EXACT, "観鈴"),
        ("b.ape", Route.UNSUPPORTED, "観鈴"),
        ("x/c.wv", Route.UNSUPPORTED, "観鈴"),
        ("観鈴/d.tta", Route.UNSUPPORTED, "観鈴"),
        ("観鈴/e.tak", Route.MISSING, "観鈴"),
        ("f.avi", Route.FILM, None),
    ]
    touched(root, "b.ogg", "観鈴/d.flac", "converted/c.wav", "f.ogg")
    assert [clip[2:] for clip in found(root)] == [
        ("観鈴/a.ogg", Route.EXACT, "観鈴"),
        ("b.ogg", Route.EXACT, "観鈴"),
        ("converted/c.wav", Route.STEM, "観鈴"),
        ("観鈴/d.flac", Route.SIBLING, "観鈴"),
        ("観鈴/e.tak", Route.MISSING, "観鈴"),
        ("f.ogg", Route.UNLISTED, None),
        ("x/c.wv", Route.UNSUPPORTED, None),
    ]


def test_a_row_may_name_the_format_that_a_file_was_converted_from(tmp_path: Path) -> None:
    rows = [{"Speaker": "観鈴", "Voice": voice} for voice in ("b.ape", "c.ape")]
    written(tmp_path / "Key_AIR", {**named("b.ogg", "c.ape.ogg"), "index.json": json.dumps(rows).encode()})
    assert [clip[2:4] for clip in found(tmp_path)] == [("b.ogg", Route.SIBLING), ("c.ape.ogg", Route.EXACT)]


@KINDS
def test_members_of_archives_are_counted_like_files(tmp_path: Path, pack: Pack, suffix: str) -> None:
    files = named("観鈴/a.ogg", "観鈴/b.ape", "観鈴/a.tak", "c.mpg", *OTHERS)
    folders = pack(tmp_path / f"Key_AIR{suffix}", files)
    assert unsupported(folders) == [("観鈴/b.ape", "観鈴")]
    assert films(folders) == ["c.mpg"]
    index = json.dumps([{"Speaker": "往人", "Voice": "b"}]).encode()
    dump = pack(tmp_path / f"Key_Kanon{suffix}", {"index.json": index, "観鈴/b.ape": b"", "a.ogg": b""})
    assert unsupported(dump) == [("観鈴/b.ape", "往人")]
    nested = pack(tmp_path / f"AIR{suffix}", named("AIR/観鈴/a.ogg", "op.mpg"))
    assert {clip[:4] for clip in found(nested)} == {
        (tmp_path.name, "AIR", "AIR/観鈴/a.ogg", Route.FOLDER),
        (tmp_path.name, "AIR", "op.mpg", Route.FILM),
    }
    wrapped = pack(tmp_path / f"Key_CLANNAD{suffix}", named("voice/渚/a.ogg", "op.mpg"))
    assert {clip[1:4] for clip in found(wrapped)} == {
        ("CLANNAD", "voice/渚/a.ogg", Route.FOLDER),
        ("CLANNAD", "op.mpg", Route.FILM),
    }
    alone = pack(tmp_path / f"Key_ONE{suffix}", named("観鈴/b.ape"))
    assert unsupported(alone) == [("観鈴/b.ape", "観鈴")]


def test_samples_of_a_webdataset_are_counted_with_their_speakers(tmp_path: Path) -> None:
    other = {"s2.ape": b"", "s2.json": b'{"speaker": "b"}', "s1.ape": b"", "s3.opus": b"", "s4.tta": b""}
    shard = tarred(tmp_path / "Key_AIR.tar", {**sample("s1", "a"), **other})
    assert {clip[2:] for clip in found(shard)} == {
        ("s1.ogg", Route.EXACT, "a"),
        ("s2.ape", Route.UNSUPPORTED, "b"),
        ("s3.opus", Route.UNLISTED, None),
        ("s4.tta", Route.UNSUPPORTED, None),
    }


def test_rows_of_a_list_are_counted_when_their_file_is_there(tmp_path: Path) -> None:
    touched(tmp_path / "Key/AIR", "a.ogg", "b.ape")
    written(tmp_path / "Key/AIR", {"manifest.csv": b"path,character\na.ogg,x\nb.ape,x\nc.ape,x\n"})
    routes = [clip[2:4] for clip in found(tmp_path / "Key/AIR")]
    assert routes == [("a.ogg", Route.EXACT), ("b.ape", Route.UNSUPPORTED), ("c.ape", Route.MISSING)]
    touched(tmp_path / "Key/AIR", "b.flac")
    assert ("b.flac", Route.EXACT) in [clip[2:4] for clip in found(tmp_path / "Key/AIR")]


def test_a_film_beside_the_games_does_not_change_how_folders_are_read(tmp_path: Path) -> None:
    touched(
        tmp_path,
        "op.mpg",
        "Key/ed.ogv",
        "Key/movie/op.mpg",
        "Key/AIR/観鈴/1.ogg",
        "Key/AIR/観鈴/2.ape",
        "Key/Kanon/名雪/1.tta",
    )
    scanned = scan(tmp_path)
    assert scanned.why.endswith("read as <maker>/<game>/<character>")
    assert {clip[:4] for clip in found(scanned)} == {
        (tmp_path.parent.name, tmp_path.name, "op.mpg", Route.FILM),
        (tmp_path.name, "Key", "ed.ogv", Route.FILM),
        ("Key", "movie", "op.mpg", Route.FILM),
        ("Key", "AIR", "観鈴/1.ogg", Route.FOLDER),
        ("Key", "AIR", "観鈴/2.ape", Route.UNSUPPORTED),
        ("Key", "Kanon", "名雪/1.tta", Route.UNSUPPORTED),
    }


def test_sounds_outside_of_dumps_are_counted(tmp_path: Path) -> None:
    touched(tmp_path, "Key_AIR/1.ogg", "op.mpg", "films/ed.ogv", "films/deep/er/and/more.avi", "songs/ed.ape")
    (tmp_path / "Key_AIR/index.json").write_text("[]")
    assert scan(tmp_path, title="AIR").why == "dump: index.json in 1 of 1 folder"
    assert films(tmp_path) == ["op.mpg", "deep/er/and/more.avi", "ed.ogv"]
    assert unsupported(tmp_path) == [("ed.ape", None)]


def test_a_film_that_a_row_names_is_a_voice_in_a_format_that_is_not_read(tmp_path: Path) -> None:
    rows = [{"Speaker": "観鈴", "Voice": "a.mpg"}]
    written(tmp_path / "Key_AIR", {**named("a.mpg", "b.mpg"), "index.json": json.dumps(rows).encode()})
    assert [clip[2:] for clip in found(tmp_path)] == [
        ("a.mpg", Route.UNSUPPORTED, "観鈴"),
        ("b.mpg", Route.FILM, None),
    ]


def test_films_alone_are_no_voices(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no audio"):
        scan(touched(tmp_path, "movie/op.mpg", "movie/ed.wmv"))


@pytest.mark.parametrize("layout", [None, Layout.FOLDERS])
def test_a_folder_of_nothing_else_is_counted_too(tmp_path: Path, layout: Layout | None) -> None:
    touched(tmp_path / "Key/AIR", "観鈴/1.ape", *OTHERS)
    (game,) = scan(tmp_path / "Key/AIR", layout=layout)
    assert [(clip.path, clip.route, clip.character) for clip in game.candidates()] == [
        ("観鈴/1.ape", Route.UNSUPPORTED, "観鈴")
    ]
    with pytest.raises(SourceError, match="holds no audio"):
        scan(touched(tmp_path / "texts", *OTHERS))
