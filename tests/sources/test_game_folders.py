"""Which folders are games of a dump, and what their makers and titles are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from sources.packing import touched

from speaker_search.errors import SourceError, UsageError
from speaker_search.sources import GameSource, Layout, Route, scan

ROWS = [{"Speaker": "琴子", "Voice": "1", "Text": ""}]


def dump(root: Path, *games: str, rows: object = ROWS) -> Path:
    """An index.json and one clip in each of the folders."""
    for name in games:
        touched(root / name, "voice/1.ogg")
        (root / name / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def names(games: Iterable[GameSource]) -> list[tuple[str, str]]:
    assert all(game.layout is Layout.DUMP for game in games)
    return [(game.maker, game.title) for game in games]


def test_maker_and_title_are_split_at_the_first_underscore(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Ａｌｃｏｔ Inc._恋 2.5_FD", "Key!_AIR")
    assert names(scan(tmp_path / "GalGame")) == [("Key!", "AIR"), ("Ａｌｃｏｔ Inc.", "恋 2.5_FD")]


def test_a_game_named_directly_has_the_same_names(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Key!_AIR")
    (above,) = scan(tmp_path / "GalGame")
    (direct,) = scan(tmp_path / "GalGame/Key!_AIR")
    assert above == direct
    assert above == GameSource((tmp_path / "GalGame/Key!_AIR").resolve(), "Key!", "AIR", Layout.DUMP, "index.json")


@pytest.mark.parametrize(("asked", "count"), [(".", 3), ("maker-01", 2), ("maker-01/game-02", 1)])
def test_nested_folders_give_the_same_names_from_any_height(tmp_path: Path, asked: str, count: int) -> None:
    dump(tmp_path / "clean", "maker-01/game-01", "maker-01/game-02", "maker-02/game-03")
    games = scan(tmp_path / "clean" / asked)
    assert ("maker-01", "game-02") in names(games)
    assert len(games) == count
    assert {game.root for game in games} <= {game.root for game in scan(tmp_path / "clean")}


def test_an_underscore_in_a_nested_title_is_part_of_it(tmp_path: Path) -> None:
    assert names(scan(dump(tmp_path, "制作01/作品_FD"))) == [("制作01", "作品_FD")]


def test_an_index_is_found_up_to_three_folders_down(tmp_path: Path) -> None:
    assert names(scan(dump(tmp_path, "all/maker/game"))) == [("maker", "game")]
    with pytest.raises(SourceError):
        scan(dump(tmp_path / "x", "all/of/maker/game"), layout=Layout.DUMP)


def test_the_topmost_index_wins(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR", "Key_AIR/extra")
    assert [game.root.name for game in scan(tmp_path)] == ["Key_AIR"]
    assert [game.root.name for game in scan(tmp_path / "Key_AIR")] == ["Key_AIR"]


@pytest.mark.parametrize("asked", [".", "Key_AIR"])
@pytest.mark.parametrize("inner", ["data", "Key_AIR"])
def test_an_index_one_folder_down_makes_the_folder_around_it_the_game(tmp_path: Path, asked: str, inner: str) -> None:
    dump(tmp_path / "GalGame", f"Key_AIR/{inner}")
    touched(tmp_path / "GalGame/Key_AIR", "voice/2.ogg")
    (game,) = scan(tmp_path / "GalGame" / asked)
    root = (tmp_path / "GalGame/Key_AIR").resolve()
    assert game == GameSource(root, "Key", "AIR", Layout.DUMP, f"{inner}/index.json")
    assert [(clip.path, clip.route) for clip in game.candidates()] == [
        (f"{inner}/voice/1.ogg", Route.STEM),
        ("voice/2.ogg", Route.UNLISTED),
    ]


def test_two_indexes_one_folder_down_are_two_games(tmp_path: Path) -> None:
    assert names(scan(dump(tmp_path, "Key_All/AIR", "Key_All/Kanon"))) == [("Key_All", "AIR"), ("Key_All", "Kanon")]


def test_a_folder_that_holds_one_dump_is_not_the_game(tmp_path: Path) -> None:
    dump(tmp_path / "my_voices", "Key_AIR")
    assert names(scan(tmp_path / "my_voices")) == [("Key", "AIR")]


@pytest.mark.parametrize("folder", ["AIR", "_AIR", "AIR_", "_"])
def test_without_an_underscore_between_names_the_folder_around_is_the_maker(tmp_path: Path, folder: str) -> None:
    dump(tmp_path / "Key", folder)
    assert names(scan(tmp_path / "Key")) == [("Key", folder)]
    assert names(scan(tmp_path / "Key" / folder)) == [("Key", folder)]


def test_given_names_win(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR", "Leaf_痕")
    assert names(scan(tmp_path, maker="鍵")) == [("鍵", "AIR"), ("鍵", "痕")]
    assert names(scan(tmp_path / "Key_AIR", maker="鍵", title="エアー")) == [("鍵", "エアー")]
    assert names(scan(tmp_path / "Key_AIR", title="エアー")) == [("Key", "エアー")]


def test_the_index_may_be_spelled_in_another_case(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR")
    (tmp_path / "Key_AIR/index.json").rename(tmp_path / "Key_AIR/Index.JSON")
    (game,) = scan(tmp_path)
    assert game.index == "Index.JSON"
    assert [clip.route for clip in game.candidates()] == [Route.STEM]


def test_links_to_folders_and_indexes_are_not_followed(tmp_path: Path) -> None:
    dump(tmp_path / "elsewhere", "Leaf_痕")
    dump(tmp_path / "here", "Key_AIR")
    (tmp_path / "here/Leaf_痕").symlink_to(tmp_path / "elsewhere/Leaf_痕")
    (tmp_path / "here/Tactics_ONE").mkdir()
    (tmp_path / "here/Tactics_ONE/index.json").symlink_to(tmp_path / "elsewhere/Leaf_痕/index.json")
    assert names(scan(tmp_path / "here")) == [("Key", "AIR")]


def test_the_path_itself_may_be_a_link(tmp_path: Path) -> None:
    dump(tmp_path / "real", "Key_AIR")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert scan(tmp_path / "link") == scan(tmp_path / "real")


def test_audio_beside_dumps_is_not_lost_silently(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Key_AIR")
    touched(tmp_path / "GalGame", "Leaf_痕/voice/1.ogg", "1.ogg", "notes/read.txt")
    loose, air, leaf = scan(tmp_path / "GalGame")
    assert [clip.route for clip in air.candidates()] == [Route.STEM]
    assert (leaf.maker, leaf.title, leaf.index) == ("Leaf", "痕", None)
    for game in (loose, leaf):
        with pytest.raises(SourceError, match=r"no index\.json"):
            list(game.candidates())


def test_a_dump_without_audio_has_missing_clips_only(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR")
    (tmp_path / "Key_AIR/voice/1.ogg").unlink()
    (game,) = scan(tmp_path)
    assert [clip.route for clip in game.candidates()] == [Route.MISSING]


def test_an_unusable_index_is_told_when_the_game_is_read(tmp_path: Path) -> None:
    (game,) = scan(dump(tmp_path, "Key_AIR", rows={"rows": []}))
    with pytest.raises(SourceError, match="list of rows"):
        list(game.candidates())


def test_the_clips_of_a_folder_whose_name_is_not_utf_8_are_malformed(tmp_path: Path) -> None:
    try:
        dump(tmp_path, "Key_\udcff")
    except (OSError, UnicodeError):
        pytest.skip("file names must be Unicode here")
    (game,) = scan(tmp_path)
    assert (game.maker, game.title) == ("Key", "\\udcff")
    (clip,) = game.candidates()
    assert (clip.path, clip.route) == ("voice/1.ogg", Route.MALFORMED)
    assert clip.why.endswith("Its name is not valid UTF-8, or too long: rename it.")


def test_one_title_for_several_games_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 games, which cannot all be called AIR"):
        scan(dump(tmp_path, "Key_AIR", "Leaf_痕"), title="AIR")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        *((blank, r"is blank\. Give a name that is not blank\.") for blank in ("", " ", "\u3000\t")),
        *((odd, r"cannot be stored\. Give a name in UTF-8") for odd in ("a\0b", "\ud800", "x" * 1_001)),
    ],
)
@pytest.mark.parametrize("which", ["maker", "title"])
def test_a_maker_or_title_given_must_be_a_name(tmp_path: Path, which: str, name: str, complaint: str) -> None:
    dump(tmp_path, "Key_AIR")
    with pytest.raises(UsageError, match=rf"The {which} given {complaint}"):
        scan(tmp_path, maker=name if which == "maker" else "Key", title=name if which == "title" else None)
