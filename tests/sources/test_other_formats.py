"""Sounds and films that the package av reads are lines like others, where nothing converted lies beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sources.packing import KINDS, Pack, found, sample, tarred, touched

from speaker_search.sources import Layout, Route, scan

FORMATS = ("aac", "m4a", "mka", "mkv", "mp4", "webm", "wma")


def named(*names: str) -> dict[str, bytes]:
    return {name: name.encode() for name in names}


def dump(root: Path, *files: str, voices: list[tuple[str, str]]) -> Path:
    touched(root, *files)
    rows = [{"Speaker": who, "Voice": voice} for who, voice in voices]
    (root / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


@pytest.mark.parametrize("layout", [None, Layout.FOLDERS])
def test_a_folder_of_any_of_these_formats_is_found(tmp_path: Path, layout: Layout | None) -> None:
    lines = [f"観鈴/{number}.{name}" for number, name in enumerate(FORMATS)]
    touched(tmp_path / "Key/AIR", *lines)
    (game,) = scan(tmp_path / "Key/AIR", layout=layout)
    clips = list(game.candidates())
    assert [(clip.path, clip.route, clip.character) for clip in clips] == [(one, Route.FOLDER, "観鈴") for one in lines]
    assert all(clip.size > 0 and clip.mtime_ns > 0 for clip in clips)


@pytest.mark.parametrize("name", FORMATS)
def test_one_of_these_formats_tells_the_depth_of_folders_alone(tmp_path: Path, name: str) -> None:
    touched(tmp_path / "Key/AIR/観鈴", f"1.{name}")
    scanned = scan(tmp_path)
    assert scanned.why.endswith("read as <maker>/<game>/<character>")
    assert [clip[:4] for clip in found(scanned)] == [("Key", "AIR", f"観鈴/1.{name}", Route.FOLDER)]


@KINDS
def test_members_of_archives_are_found_too(tmp_path: Path, pack: Pack, suffix: str) -> None:
    files = named("観鈴/a.m4a", "観鈴/b.webm", "往人/c.mka", "観鈴/d.wma", "観鈴/d.ogg", "op.mp4")
    clips = {clip[2:] for clip in found(pack(tmp_path / f"Key_AIR{suffix}", files))}
    assert clips == {
        ("観鈴/a.m4a", Route.FOLDER, "観鈴"),
        ("観鈴/b.webm", Route.FOLDER, "観鈴"),
        ("往人/c.mka", Route.FOLDER, "往人"),
        ("観鈴/d.ogg", Route.FOLDER, "観鈴"),
        ("op.mp4", Route.FILM, None),
    }


def test_rows_of_a_dump_find_them_by_the_same_rules_as_other_files(tmp_path: Path) -> None:
    files = ("観鈴/1.m4a", "観鈴/2.aac", "voice/往人/3.m4a", "観鈴/5.mp4", "観鈴/5.mp3", "op.webm", "new.m4a")
    voices = [("往人", "1"), ("観鈴", "1"), ("観鈴", "2.ogg"), ("往人", "3.m4a"), ("観鈴", "5.mp4"), ("観鈴", "6.m4a")]
    clips = [clip[2:] for clip in found(dump(tmp_path / "Key_AIR", *files, voices=voices))]
    assert clips == [
        ("観鈴/1.m4a", Route.REPEATED, "往人"),  # whose own place is empty: it must not take another's line
        ("観鈴/1.m4a", Route.EXACT, "観鈴"),
        ("観鈴/2.aac", Route.SIBLING, "観鈴"),
        ("voice/往人/3.m4a", Route.STEM, "往人"),
        ("観鈴/5.mp3", Route.SIBLING, "観鈴"),
        ("観鈴/6.m4a", Route.MISSING, "観鈴"),
        ("new.m4a", Route.UNLISTED, None),
        ("op.webm", Route.FILM, None),
    ]


def test_a_row_means_the_format_that_it_names_and_never_a_film_by_its_stem(tmp_path: Path) -> None:
    files = ("a.aac", "a.m4a", "b.mp4", "films/c.mp4")
    voices = [("観鈴", "a.m4a"), ("観鈴", "b.mp4"), ("観鈴", "c")]
    clips = [clip[2:] for clip in found(dump(tmp_path / "Key_AIR", *files, voices=voices))]
    assert clips == [
        ("a.m4a", Route.EXACT, "観鈴"),
        ("b.mp4", Route.EXACT, "観鈴"),
        ("観鈴/c", Route.MISSING, "観鈴"),
        ("a.aac", Route.UNLISTED, None),
        ("films/c.mp4", Route.FILM, None),
    ]


def test_a_converted_file_beside_one_is_the_line(tmp_path: Path) -> None:
    touched(tmp_path / "Key/AIR", "観鈴/1.m4a", "観鈴/1.flac", "観鈴/2.wma", "観鈴/2.wma.ogg", "観鈴/3.m4a", "3.ogg")
    (game,) = scan(tmp_path / "Key/AIR", layout=Layout.FOLDERS, title="AIR")
    assert [clip.path for clip in game.candidates()] == ["3.ogg", "観鈴/1.flac", "観鈴/2.wma.ogg", "観鈴/3.m4a"]


def test_rows_of_a_list_find_them(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", "a.m4a", "b.mp4", "c.wma", "c.wav", "d.webm", "e.aac")
    rows = [f"{name},x" for name in ("a.m4a", "b.mp4", "c.wma", "f.m4a")]
    (root / "manifest.csv").write_text("\n".join(["path,character", *rows]), encoding="utf-8")
    assert {clip[2:4] for clip in found(root)} == {
        ("a.m4a", Route.EXACT),
        ("b.mp4", Route.EXACT),
        ("c.wav", Route.EXACT),
        ("f.m4a", Route.MISSING),
        ("d.webm", Route.FILM),
        ("e.aac", Route.SKIPPED),
    }


def test_samples_of_a_webdataset_are_found(tmp_path: Path) -> None:
    other = {"s2.m4a": b"", "s2.json": b'{"speaker": "b"}', "s1.m4a": b"", "s3.aac": b"", "s4.mp4": b"", "s5.mkv": b""}
    shard = tarred(tmp_path / "Key_AIR.tar", {**sample("s1", "a"), **other, "s5.json": b'{"speaker": "c"}'})
    assert {clip[2:] for clip in found(shard)} == {
        ("s1.ogg", Route.EXACT, "a"),
        ("s2.m4a", Route.EXACT, "b"),
        ("s3.aac", Route.UNLISTED, None),
        ("s4.mp4", Route.FILM, None),
        ("s5.mkv", Route.EXACT, "c"),
    }


def test_a_film_above_the_lines_of_the_games_is_no_line(tmp_path: Path) -> None:
    games = ("Key/AIR/観鈴/1.ogg", "Key/AIR/観鈴/2.mp4", "Key/Kanon/名雪/1.webm", "Key/Kanon/op.mp4")
    touched(tmp_path, *games, "op.mp4", "Key/ed.mkv", "Key/movie/op.mp4", "Key/songs.m4a")
    assert {clip[:4] for clip in found(tmp_path)} == {
        ("Key", "AIR", "観鈴/1.ogg", Route.FOLDER),
        ("Key", "AIR", "観鈴/2.mp4", Route.FOLDER),
        ("Key", "Kanon", "名雪/1.webm", Route.FOLDER),
        ("Key", "Kanon", "op.mp4", Route.FILM),
        (tmp_path.parent.name, tmp_path.name, "op.mp4", Route.FILM),
        (tmp_path.name, "Key", "ed.mkv", Route.FILM),
        ("Key", "movie", "op.mp4", Route.FILM),
        (tmp_path.name, "Key", "songs.m4a", Route.MALFORMED),
    }


def test_lines_outside_of_dumps_are_a_problem_as_those_of_other_formats_are(tmp_path: Path) -> None:
    dump(tmp_path / "Key_AIR", "1.ogg", voices=[("観鈴", "1")])
    touched(tmp_path, "songs/ed.m4a", "films/op.mp4")
    games = {game.title: game for game in scan(tmp_path)}
    assert games["songs"].trouble is not None
    assert "songs holds audio but no index.json" in games["songs"].trouble.detail
    assert [clip.route for clip in games["films"].candidates()] == [Route.FILM]
