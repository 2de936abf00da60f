"""Who is nobody, which dots are extensions, what can be stored."""

from __future__ import annotations

import pytest

from speaker_search.entities import fold
from speaker_search.sources import speaker
from speaker_search.sources.names import _FOLD_GROWTH, split_suffix, storable


@pytest.mark.parametrize(
    "raw", ["？？？", "？", "???", "?", "？?", "", " ", "\u3000", "\t\n", " ？？？ ", "？ ？", "\u3000？\u3000"]
)
def test_question_marks_and_blanks_are_nobody(raw: str) -> None:
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


def test_lone_surrogates_and_nul_cannot_be_stored() -> None:
    assert storable("琴子 \U0001f600")
    assert not storable("\udcff")
    assert not storable("a\0b")


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a" * 1_000, True),
        ("a" * 1_001, False),
        ("琴" * 333, True),
        ("琴" * 334, False),
        ("\ufdfa" * 60, True),  # 3 bytes each, 33 folded
        ("\ufdfa" * 61, False),
    ],
)
def test_a_name_too_long_for_the_indexes_of_a_database_cannot_be_stored(name: str, fits: bool) -> None:
    assert storable(name) is fits


def test_no_sign_grows_more_than_storable_allows_for() -> None:
    signs = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert all(len(fold(sign).encode()) <= _FOLD_GROWTH * len(sign.encode()) for sign in signs)
