"""Who is nobody, which dots are extensions, what can be stored."""

from __future__ import annotations

import pytest

from speaker_search.sources import speaker
from speaker_search.sources.names import split_suffix, storable


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
