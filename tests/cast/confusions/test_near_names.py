"""Which names may be meant for one role."""

from __future__ import annotations

import pytest

from speaker_search.cast.confusions.near_names import near_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("葵", "葵"), ("Ａｏｉ", "aoi"), ("白瀬 ひかり", "白瀬ひかり"), ("ひかり 白瀬", "白瀬・ひかり")),
        *(("ヒカリ", "ひかり"), ("葵（幼少期）", "葵"), ("葵", "日向 葵"), ("Hikari", "ひかり"), ("Shirase", "Sirase")),
        *(("Catherine", "Catharine"), ("Johnson", "Jonson")),
    ],
)
def test_spellings_parts_and_slips_are_near(one: str, other: str) -> None:
    assert near_names(one, other)
    assert near_names(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("葵", "茜"), ("女子生徒Ａ", "女子生徒Ｂ"), ("Student A", "Student B"), ("Guard1", "Guard2")),
        *(
            ("太郎", "次郎"),
            ("Mia", "Mea"),
            ("山田 太郎", "山田 花子"),
            ("？？？", "！！！"),
            ("Catherine", "Katherina"),
        ),
        ("game1-guard", "game2-guard"),
    ],
)
def test_other_names_and_numbered_roles_are_not(one: str, other: str) -> None:
    assert not near_names(one, other)
    assert not near_names(other, one)
