"""Rows of an index.json and the files around it: by which route they come together."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sources.packing import touched

from speaker_search.sources import Candidate, GameSource, Layout, Route

Row = dict[str, object]


def row(speaker: str, voice: str, text: str = "") -> Row:
    return {"Speaker": speaker, "Voice": voice, "Text": text}


def game(root: Path, rows: Sequence[object], files: Sequence[str], index: str = "index.json") -> GameSource:
    """Write a dump to the disk."""
    touched(root, *files, index)
    (root / index).write_text(json.dumps(rows), encoding="utf-8")
    return GameSource(root.resolve(), "maker", "title", Layout.DUMP, index)


def found(folder: GameSource) -> list[tuple[str, Route, str | None]]:
    return [(clip.path, clip.route, clip.character) for clip in folder.candidates()]


def only(folder: GameSource) -> tuple[str, Route, str | None]:
    (one,) = found(folder)
    return one


def test_a_candidate_carries_text_size_and_time(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "a", "「おはよう」")], ["琴子/a.ogg"])
    status = (tmp_path / "琴子/a.ogg").stat()
    expected = Candidate("琴子/a.ogg", Route.EXACT, "琴子", "「おはよう」", status.st_size, status.st_mtime_ns)
    assert list(folder.candidates()) == [expected]


def test_no_audio_file_is_read(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "a")], ["琴子/a.ogg"])
    os.utime(tmp_path / "琴子/a.ogg", ns=(1, 1))
    list(folder.candidates())
    assert (tmp_path / "琴子/a.ogg").stat().st_atime_ns == 1


@pytest.mark.parametrize(
    ("voice", "file"),
    [
        *((voice, "a.ogg") for voice in ("a", "a.ogg")),
        *((voice, "voice/a.ogg") for voice in ("voice/a.ogg", "voice/a", "voice\\a.ogg", "./voice/a", "x/../voice/a")),
        *((voice, "琴子/a.ogg") for voice in ("a", "a.ogg", "sub/a", "sub\\a.ogg")),
    ],
)
def test_a_file_where_the_row_says_or_under_its_speaker_is_exact(tmp_path: Path, voice: str, file: str) -> None:
    assert only(game(tmp_path, [row("琴子", voice)], [file])) == (file, Route.EXACT, "琴子")


def test_the_file_path_schema_has_windows_separators(tmp_path: Path) -> None:
    rows = [{"Speaker": "琴子", "FilePath": "琴子\\ep2_kot0002.ogg"}]
    assert only(game(tmp_path, rows, ["琴子/ep2_kot0002.ogg"])) == ("琴子/ep2_kot0002.ogg", Route.EXACT, "琴子")


@pytest.mark.parametrize(
    ("voice", "file"),
    [
        ("a.wav", "琴子/a.ogg"),
        ("EP2_KOT", "琴子/ep2_kot.ogg"),
        ("ep2_kot.ogg", "琴子/ep2_kot.OGG"),
        ("Voice/a.ogg", "voice/A.ogg"),
        ("ＥＰ２", "琴子/ep2.ogg"),
        ("ｱﾘｽ", "琴子/アリス.ogg"),
        ("が", "琴子/か\u3099.ogg"),
    ],
)
def test_another_extension_letter_case_or_width_is_a_sibling(tmp_path: Path, voice: str, file: str) -> None:
    assert only(game(tmp_path, [row("琴子", voice)], [file])) == (file, Route.SIBLING, "琴子")


def test_among_siblings_the_one_that_differs_by_case_alone_is_taken(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "a.ogg")], ["琴子/A.flac", "琴子/A.ogg"])
    assert found(folder)[0] == ("琴子/A.ogg", Route.SIBLING, "琴子")


@pytest.mark.parametrize("file", ["voice/a.ogg", "kotoko/A.flac", "x/y/z/ａ.mp3", "a.ogg"])
def test_a_stem_elsewhere_keeps_the_label_of_its_row(tmp_path: Path, file: str) -> None:
    assert only(game(tmp_path, [row("琴子", "ep1/a.wav")], [file])) == (file, Route.STEM, "琴子")


def test_of_several_stems_the_one_in_the_speakers_folder_is_taken(tmp_path: Path) -> None:
    files = ["アリス/ch1/a.ogg", "琴子/ch1/a.ogg"]
    assert found(game(tmp_path, [row("琴子", "a")], files))[0] == ("琴子/ch1/a.ogg", Route.STEM, "琴子")
    assert found(game(tmp_path / "w", [row("ＡＢ", "a")], ["aa/x/a.ogg", "ab/x/a.ogg"]))[0][0] == "ab/x/a.ogg"


def test_of_several_stems_in_other_folders_the_first_is_taken(tmp_path: Path) -> None:
    files = ["z/a.ogg", "b/a.ogg", "c/a.ogg"]
    assert found(game(tmp_path, [row("琴子", "a")], files)) == [
        ("b/a.ogg", Route.STEM, "琴子"),
        ("c/a.ogg", Route.UNLISTED, None),
        ("z/a.ogg", Route.UNLISTED, None),
    ]


def test_rows_with_one_stem_get_one_file_each_before_any_is_repeated(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "a"), row("アリス", "a"), row("花", "a")], ["x/a.ogg", "y/a.ogg"])
    assert [(path, route) for path, route, _ in found(folder)] == [
        ("x/a.ogg", Route.STEM),
        ("y/a.ogg", Route.STEM),
        ("y/a.ogg", Route.REPEATED),
    ]


def test_a_missing_file_does_not_take_another_characters_clip(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "a"), row("アリス", "a")], ["アリス/a.ogg"])
    assert found(folder) == [("アリス/a.ogg", Route.REPEATED, "琴子"), ("アリス/a.ogg", Route.EXACT, "アリス")]


def test_an_exact_row_comes_before_an_earlier_sibling(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "v/A.wav"), row("アリス", "v/a.ogg")], ["v/a.ogg"])
    assert found(folder) == [("v/a.ogg", Route.REPEATED, "琴子"), ("v/a.ogg", Route.EXACT, "アリス")]


@pytest.mark.parametrize("name", ["Mr.N", "2.5", "a.b.c", "ep1.wav2"])
def test_a_dot_in_a_name_does_not_begin_an_extension(tmp_path: Path, name: str) -> None:
    assert only(game(tmp_path, [row("琴子", name)], [f"琴子/{name}.ogg"])) == (f"琴子/{name}.ogg", Route.EXACT, "琴子")
    other = game(tmp_path / "other", [row("琴子", name)], [f"voice/{name}.ogg", f"voice/{name.partition('.')[0]}.ogg"])
    assert found(other)[0] == (f"voice/{name}.ogg", Route.STEM, "琴子")


@pytest.mark.parametrize("name", ["Mr.N", "display＠real", "A／B", "女子生徒Ｂ", "ｱﾘｽ"])
def test_speakers_keep_their_dots_signs_and_width(tmp_path: Path, name: str) -> None:
    assert only(game(tmp_path, [row(name, "1")], [f"{name}/1.ogg"])) == (f"{name}/1.ogg", Route.EXACT, name)


@pytest.mark.parametrize("name", ["？？？", "？", "\u3000", ""])
def test_an_unknown_speaker_has_files_but_no_character(tmp_path: Path, name: str) -> None:
    assert only(game(tmp_path, [row(name, "1")], ["voice/1.ogg"])) == ("voice/1.ogg", Route.STEM, None)


def test_an_index_one_folder_down_finds_audio_beside_its_folder(tmp_path: Path) -> None:
    rows = [row("琴子", "voice/1"), row("琴子", "2"), row("琴子", "../voice/3"), row("琴子", "4"), row("琴子", "5")]
    files = ["voice/1.ogg", "data/2.ogg", "voice/3.ogg", "琴子/4.ogg", "data/琴子/5.ogg"]
    folder = game(tmp_path, rows, files, index="data/index.json")
    assert found(folder) == [(file, Route.EXACT, "琴子") for file in files]


def test_the_folder_of_the_index_comes_before_that_of_the_game(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "v/1")], ["v/1.ogg", "data/v/1.ogg"], index="data/index.json")
    assert found(folder) == [("data/v/1.ogg", Route.EXACT, "琴子"), ("v/1.ogg", Route.UNLISTED, None)]


def test_a_row_without_a_file_is_missing(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "sub\\1.ogg", "「…」")], [])
    assert list(folder.candidates()) == [Candidate("sub/1.ogg", Route.MISSING, "琴子", "「…」", -1, -1)]


def test_two_speakers_who_lack_a_file_of_one_name_lack_two(tmp_path: Path) -> None:
    assert found(game(tmp_path, [row("琴子", "001"), row("店員", "001")], [])) == [
        ("琴子/001", Route.MISSING, "琴子"),
        ("店員/001", Route.MISSING, "店員"),
    ]


def test_a_file_without_a_row_is_unlisted(tmp_path: Path) -> None:
    assert found(game(tmp_path, [], ["b/1.ogg", "a/2.FLAC", "0.mp3"])) == [
        ("0.mp3", Route.UNLISTED, None),
        ("a/2.FLAC", Route.UNLISTED, None),
        ("b/1.ogg", Route.UNLISTED, None),
    ]


def test_files_that_are_not_audio_are_not_candidates(tmp_path: Path) -> None:
    assert found(game(tmp_path, [row("琴子", "readme")], ["readme.txt", "琴子/cover.png", ".ogg"])) == [
        ("琴子/readme", Route.MISSING, "琴子")
    ]


def test_the_second_row_of_one_file_is_repeated(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "1"), row("琴子", "1.ogg"), row("A／B", "琴子/1")], ["琴子/1.ogg"])
    assert found(folder) == [
        ("琴子/1.ogg", Route.EXACT, "琴子"),
        ("琴子/1.ogg", Route.REPEATED, "琴子"),
        ("琴子/1.ogg", Route.REPEATED, "A／B"),
    ]
    assert len({clip.size for clip in folder.candidates()}) == 1


def test_one_stem_in_two_formats_gives_a_row_and_an_unlisted_file(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "1")], ["琴子/1.ogg", "琴子/1.flac"])
    assert found(folder) == [("琴子/1.flac", Route.EXACT, "琴子"), ("琴子/1.ogg", Route.UNLISTED, None)]


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 3, "text", [], {}),
        {"Speaker": "琴子"},
        {"Voice": "1"},
        {"Speaker": None, "Voice": "1"},
        {"Speaker": "琴子", "Voice": 1},
        {"Speaker": ["琴子"], "Voice": "1"},
        {"Speaker": "琴子", "Voice": ""},
        {"Speaker": "琴子", "Voice": "."},
        {"Speaker": "琴子", "Voice": "a/.."},
    ],
)
def test_what_cannot_be_a_row_is_malformed_and_its_file_unlisted(tmp_path: Path, entry: object) -> None:
    routes = [route for _, route, _ in found(game(tmp_path, [entry], ["琴子/1.ogg"]))]
    assert routes == [Route.MALFORMED, Route.UNLISTED]


@pytest.mark.parametrize("voice", ["", ".", "a/.."])
def test_a_row_that_names_no_file_says_so(tmp_path: Path, voice: str) -> None:
    """It was said to name a file outside of the game."""
    source = game(tmp_path, [{"Speaker": "琴子", "Voice": voice}], [])
    assert [one.why for one in source.candidates()] == ["Row 1 of the index.json names no file."]


@pytest.mark.parametrize(
    ("voice", "index"),
    [
        *(
            (voice, "index.json")
            for voice in (
                *("../secret", "..\\secret.ogg", "voice/../../secret.ogg", "/etc/secret.ogg", ".."),
                *("\\\\server\\secret.ogg", "C:\\secret.ogg", "c:secret.ogg", "琴子/1\0.ogg"),
            )
        ),
        ("../../secret", "data/index.json"),
    ],
)
def test_a_path_that_leaves_the_game_is_malformed(tmp_path: Path, voice: str, index: str) -> None:
    touched(tmp_path, "secret.ogg")
    (clip,) = game(tmp_path / "game", [row("琴子", voice)], [], index).candidates()
    assert (clip.route, clip.character, clip.size) == (Route.MALFORMED, "琴子", -1)
    assert "\\" not in clip.path.replace("\\x00", "")
    assert "\0" not in clip.path


def test_a_speaker_that_is_a_path_leads_nowhere(tmp_path: Path) -> None:
    touched(tmp_path, "1.ogg")
    assert only(game(tmp_path / "game", [row("..", "1")], [])) == ("1", Route.MISSING, "..")


def test_links_are_used_inside_the_game_and_counted_where_they_lead_out_of_it(tmp_path: Path) -> None:
    touched(tmp_path, "outside/secret.ogg")
    folder = game(tmp_path / "game", [row("琴子", "2"), row("琴子", "3")], ["琴子/1.ogg"])
    (tmp_path / "game/琴子/2.ogg").symlink_to("1.ogg")
    (tmp_path / "game/琴子/3.ogg").symlink_to(tmp_path / "outside/secret.ogg")
    (tmp_path / "game/琴子/4.ogg").symlink_to("nowhere.ogg")
    (tmp_path / "game/琴子/5.ogg").symlink_to("5.ogg")
    (tmp_path / "game/out").symlink_to(tmp_path / "outside")
    assert found(folder) == [
        ("琴子/2.ogg", Route.EXACT, "琴子"),
        ("琴子/3", Route.MISSING, "琴子"),
        ("琴子/1.ogg", Route.UNLISTED, None),
        ("out", Route.MALFORMED, None),
        ("琴子/3.ogg", Route.MALFORMED, None),
        ("琴子/4.ogg", Route.MALFORMED, None),
        ("琴子/5.ogg", Route.MALFORMED, None),
    ]


def test_a_folder_named_like_a_clip_is_a_folder(tmp_path: Path) -> None:
    assert only(game(tmp_path, [row("琴子", "1")], ["琴子.ogg/1.ogg"])) == ("琴子.ogg/1.ogg", Route.STEM, "琴子")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names must be Unicode")
def test_a_file_name_that_is_not_utf_8_is_malformed(tmp_path: Path) -> None:
    folder = game(tmp_path, [row("琴子", "1")], ["琴子/1.ogg"])
    (tmp_path / os.fsdecode(b"\xff\xfe.ogg")).write_bytes(b"xyz")
    last = list(folder.candidates())[-1]
    assert (last.route, last.character, last.size) == (Route.MALFORMED, None, 3)
    assert last.path.encode("utf-8") == b"\\udcff\\udcfe.ogg"


def test_names_that_no_database_holds_are_escaped(tmp_path: Path) -> None:
    rows = [row("\ud800", "1"), row("琴\0子", "1"), row("琴子", "\udfff"), row("琴子", "1", "\ud800\0")]
    clips = list(game(tmp_path, rows, ["琴子/1.ogg"]).candidates())
    assert [clip.route for clip in clips] == [Route.MALFORMED] * 3 + [Route.EXACT]
    for clip in clips:
        assert "\0" not in f"{clip.path}{clip.character}{clip.text}"
        f"{clip.path}{clip.character}{clip.text}".encode()


def test_a_row_without_a_text_has_an_empty_one(tmp_path: Path) -> None:
    rows = [{"Speaker": "琴子", "Voice": "1", **text} for text in ({}, {"Text": None}, {"Text": float("nan")})]
    assert [clip.text for clip in game(tmp_path, rows, []).candidates()] == ["", "", ""]


def test_names_too_long_for_a_database_are_malformed(tmp_path: Path) -> None:
    rows = [row("琴" * 6_000, "1"), row("琴子", "a" * 6_000), row("琴子", "1", "あ" * 6_000)]
    deep = "/".join(["x" * 200] * 5) + "/2.ogg"
    clips = list(game(tmp_path, rows, ["琴子/1.ogg", deep]).candidates())
    assert [clip.route for clip in clips] == [Route.MALFORMED, Route.MALFORMED, Route.EXACT, Route.MALFORMED]
    assert (clips[2].text, clips[3].path) == ("あ" * 6_000, deep)
