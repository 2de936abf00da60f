"""Which folders are games of a dump, and what their makers and titles are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from speaker_search.errors import SourceError, UsageError
from speaker_search.sources import GameSource, Layout, Route, scan

ROWS = [{"Speaker": "琴子", "Voice": "1", "Text": ""}]


def dump(root: Path, *games: str, rows: object = ROWS) -> Path:
    """An index.json and one clip in each of the folders."""
    for name in games:
        (root / name / "voice").mkdir(parents=True, exist_ok=True)
        (root / name / "voice/1.ogg").touch()
        (root / name / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def names(games: Iterable[GameSource]) -> list[tuple[str, str]]:
    assert all(game.layout is Layout.DUMP for game in games)
    return [(game.maker, game.title) for game in games]


def test_maker_and_title_are_split_at_the_first_underscore(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Ａｌｃｏｔ Inc._恋 2.5_FD", "Key!_AIR")
    assert names(scan(tmp_path / "GalGame")) == [("Key!", "AIR"), ("Ａｌｃｏｔ Inc.", "恋 2.5_FD")]


def test_a_game_asked_for_directly_has_the_same_names(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Key!_AIR")
    (above,) = scan(tmp_path / "GalGame")
    (direct,) = scan(tmp_path / "GalGame/Key!_AIR")
    assert above == direct
    assert above == GameSource((tmp_path / "GalGame/Key!_AIR").resolve(), "Key!", "AIR", Layout.DUMP, "index.json")


@pytest.mark.parametrize("asked", [".", "maker-01", "maker-01/game-02"])
def test_nested_folders_give_the_same_names_from_any_height(tmp_path: Path, asked: str) -> None:
    dump(tmp_path / "clean", "maker-01/game-01", "maker-01/game-02", "maker-02/game-03")
    games = scan(tmp_path / "clean" / asked)
    assert ("maker-01", "game-02") in names(games)
    assert len(games) == {".": 3, "maker-01": 2, "maker-01/game-02": 1}[asked]
    assert {game.root for game in games} <= {game.root for game in scan(tmp_path / "clean")}


def test_an_underscore_in_a_nested_title_is_part_of_it(tmp_path: Path) -> None:
    assert names(scan(dump(tmp_path, "制作01/作品_FD"))) == [("制作01", "作品_FD")]


def test_three_folders_down_is_the_last_place_for_an_index(tmp_path: Path) -> None:
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
    (tmp_path / "GalGame/Key_AIR/voice").mkdir()
    (tmp_path / "GalGame/Key_AIR/voice/2.ogg").touch()
    (game,) = scan(tmp_path / "GalGame" / asked)
    assert game == GameSource(
        (tmp_path / "GalGame/Key_AIR").resolve(), "Key", "AIR", Layout.DUMP, f"{inner}/index.json"
    )
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


def test_one_title_for_several_games_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 games"):
        scan(dump(tmp_path, "Key_AIR", "Leaf_痕"), title="AIR")


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


def test_path_itself_may_be_a_link(tmp_path: Path) -> None:
    dump(tmp_path / "real", "Key_AIR")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert scan(tmp_path / "link") == scan(tmp_path / "real")


def test_a_folder_of_audio_beside_dumps_is_not_lost_silently(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR")
    (tmp_path / "Leaf_痕/voice").mkdir(parents=True)
    (tmp_path / "Leaf_痕/voice/1.ogg").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/read.txt").touch()
    air, leaf = scan(tmp_path)
    assert [clip.route for clip in air.candidates()] == [Route.STEM]
    assert (leaf.maker, leaf.title, leaf.index) == ("Leaf", "痕", None)
    with pytest.raises(SourceError, match=r"no index\.json"):
        list(leaf.candidates())


def test_audio_directly_beside_dumps_is_not_lost_silently(tmp_path: Path) -> None:
    dump(tmp_path / "GalGame", "Key_AIR")
    (tmp_path / "GalGame/1.ogg").touch()
    loose, air = scan(tmp_path / "GalGame")
    assert air.title == "AIR"
    with pytest.raises(SourceError, match=r"no index\.json"):
        list(loose.candidates())


def test_a_dump_without_audio_has_missing_clips_only(tmp_path: Path) -> None:
    dump(tmp_path, "Key_AIR")
    (tmp_path / "Key_AIR/voice/1.ogg").unlink()
    (game,) = scan(tmp_path)
    assert [clip.route for clip in game.candidates()] == [Route.MISSING]


def test_an_unusable_index_is_told_when_the_game_is_read(tmp_path: Path) -> None:
    (game,) = scan(dump(tmp_path, "Key_AIR", rows={"rows": []}))
    with pytest.raises(SourceError, match="list of rows"):
        list(game.candidates())


@pytest.mark.parametrize("layout", [None, *Layout])
def test_a_path_without_voices_is_refused(tmp_path: Path, layout: Layout | None) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts/a/b/c").mkdir(parents=True)
    (tmp_path / "texts/a/b/c/readme.txt").touch()
    (tmp_path / "clip.ogg").touch()
    for name, sentence in {
        "gone": "does not exist.",
        "clip.ogg": "is a file, but no archive",
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
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice/1.ogg").touch()
    with pytest.raises(SourceError, match=r"no index\.json"):
        scan(tmp_path, layout=Layout.DUMP)


def test_a_folder_name_that_is_no_utf_8_is_refused_when_the_game_is_read(tmp_path: Path) -> None:
    name = "Key_\udcff"
    try:
        dump(tmp_path, name)
    except (OSError, UnicodeError):
        pytest.skip("file names must be Unicode here")
    (game,) = scan(tmp_path)
    assert (game.maker, game.title) == ("Key", "\\udcff")
    with pytest.raises(SourceError, match=r"no UTF-8\. Rename"):
        list(game.candidates())


@pytest.mark.parametrize("name", ["", " ", "\u3000\t"])
@pytest.mark.parametrize("which", ["maker", "title"])
def test_a_maker_or_title_given_is_not_blank(tmp_path: Path, which: str, name: str) -> None:
    dump(tmp_path, "Key_AIR")
    with pytest.raises(UsageError, match=rf"The {which} given is blank\. Give a name that is not blank\."):
        scan(tmp_path, maker=name if which == "maker" else "Key", title=name if which == "title" else None)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 1_001])
@pytest.mark.parametrize("which", ["maker", "title"])
def test_a_maker_or_title_given_can_be_stored(tmp_path: Path, which: str, name: str) -> None:
    dump(tmp_path, "Key_AIR")
    with pytest.raises(UsageError, match=rf"The {which} given cannot be stored\. Give a name in UTF-8"):
        scan(tmp_path, maker=name if which == "maker" else "Key", title=name if which == "title" else None)
