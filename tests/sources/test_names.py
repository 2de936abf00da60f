"""Who is unknown, which dots begin an extension, which paths stay inside, and what can be stored."""

from __future__ import annotations

import pytest

from speaker_search.entities import fold
from speaker_search.sources.names import _FOLD_GROWTH, member_name, path_in_game, speaker, split_suffix, storable


@pytest.mark.parametrize(
    "raw", ["？？？", "？", "???", "?", "？?", "", " ", "\u3000", "\t\n", " ？？？ ", "？ ？", "\u3000？\u3000"]
)
def test_question_marks_and_blanks_are_an_unknown_speaker(raw: str) -> None:
    assert speaker(raw) is None


@pytest.mark.parametrize(
    "raw", ["琴子", "女子生徒Ｂ", "display＠real", "A／B", "？？？＠琴子", "誰？", "Mr.N", "ｱﾘｽ", "...", "！？", "None"]
)
def test_every_other_name_stays_as_written(raw: str) -> None:
    assert speaker(raw) == raw


def test_space_around_a_name_is_dropped_and_space_inside_stays() -> None:
    assert speaker("\u3000 琴子　さん \n") == "琴子　さん"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("a/b.ogg", ("a/b", ".ogg")),
        ("b.OGG", ("b", ".OGG")),
        ("b.wav.flac", ("b.wav", ".flac")),
        ("Mr.N", ("Mr.N", "")),
        ("2.5", ("2.5", "")),
        ("2.5.opus", ("2.5", ".opus")),
        ("b.txt", ("b.txt", "")),
        ("dir.ogg/b", ("dir.ogg/b", "")),
        (".ogg", (".ogg", "")),
        ("a/.ogg", ("a/.ogg", "")),
        ("", ("", "")),
    ],
)
def test_only_audio_suffixes_are_extensions(name: str, split: tuple[str, str]) -> None:
    assert split_suffix(name) == split


@pytest.mark.parametrize(
    "written",
    [
        "../1.ogg",
        "..",
        "a/../../1.ogg",
        "/etc/1.ogg",
        "\\\\server\\1.ogg",
        "C:\\1.ogg",
        "c:1.ogg",
        "./C:1.ogg",
        "a\0.ogg",
        "",
        ".",
        "./",
    ],
)
def test_a_path_that_leaves_its_game_or_archive_is_none(written: str) -> None:
    assert path_in_game(written) is None
    assert member_name(written) is None


def test_a_row_may_go_up_inside_its_game_and_an_archive_member_may_not() -> None:
    assert path_in_game("../voice\\./1.ogg", "data/") == "voice/1.ogg"
    assert path_in_game("../../1.ogg", "data/") is None
    assert member_name("a/../b/1.ogg") is None
    assert member_name("./voice\\a//1.ogg") == "voice/a/1.ogg"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("琴子 \U0001f600", True),
        ("\udcff", False),  # a lone surrogate
        ("a\0b", False),
        ("a" * 1_000, True),
        ("a" * 1_001, False),
        ("琴" * 333, True),
        ("琴" * 334, False),
        ("\ufdfa" * 60, True),  # 3 bytes each, 33 folded
        ("\ufdfa" * 61, False),
    ],
)
def test_only_names_that_fit_a_database_and_its_indexes_can_be_stored(name: str, fits: bool) -> None:
    assert storable(name) is fits


def test_no_character_grows_more_than_storable_allows_for() -> None:
    characters = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert all(len(fold(one).encode()) <= _FOLD_GROWTH * len(one.encode()) for one in characters)
