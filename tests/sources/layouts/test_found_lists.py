"""Which tables are lists, what is said of the others, and what becomes of sounds that no list names."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from sources.packing import found, parqueted, touched

from speaker_search.errors import SourceError
from speaker_search.sources import Layout, Route, scan

CLIPS = [f"観鈴/{n}.ogg" for n in range(16)]


def table(path: Path, *files: str, encoding: str = "utf-8", header: str = "path,character", sign: str = ",") -> Path:
    path.write_text("\n".join([header, *(f"{file}{sign}観鈴" for file in files)]) + "\n", encoding=encoding)
    return path


def routes(path: Path, layout: Layout | None = None) -> Counter[Route]:
    return Counter(route for *_, route, _ in found(scan(path, layout=layout)))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_that_names_a_few_of_the_sounds_is_no_list(tmp_path: Path, suffix: str) -> None:
    """Its one row was all that was found of the game."""
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    path = root / f"favourites{suffix}"
    row = {"path": CLIPS[3], "character": "観鈴"}
    if suffix == ".csv":
        table(path, CLIPS[3])
    elif suffix == ".jsonl":
        path.write_text(json.dumps(row))
    else:
        parqueted(path, [row])
    assert routes(root) == {Route.FOLDER: 16}
    assert scan(root).why == (
        "folders: no index.json and no list that can be used, read as <character>; "
        f"{path.name} was not taken as a list: it names 1 sound, less than half of those below its folder"
    )


def test_a_table_at_the_top_of_a_tree_hides_no_game(tmp_path: Path) -> None:
    """All but the games that it names did not exist."""
    for game in ("Key/AIR", "Key/Kanon", "Leaf/痕"):
        touched(tmp_path / game, *CLIPS)
    table(tmp_path / "favourites.csv", f"Key/AIR/{CLIPS[0]}", f"Leaf/痕/{CLIPS[1]}")
    assert routes(tmp_path) == {Route.FOLDER: 48}
    with pytest.raises(SourceError, match=r"favourites\.csv was not taken as a list: it names 2 sounds"):
        scan(tmp_path, layout=Layout.MANIFEST)


@pytest.mark.parametrize(("named", "is_list"), [(8, True), (7, False)])
def test_half_of_the_sounds_make_a_list(tmp_path: Path, named: int, is_list: bool) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS, "op.mp4", "readme.txt")
    table(root / "voices.csv", *CLIPS[:named], *CLIPS[:named])
    assert (routes(root)[Route.EXACT] == named) is is_list
    assert (routes(root)[Route.SKIPPED] == 16 - named) is is_list


def test_the_tables_of_a_folder_count_together(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    table(root / "train.csv", *CLIPS[:12])
    table(root / "test.csv", *CLIPS[12:])
    assert routes(root) == {Route.EXACT: 16}


def test_a_table_beside_a_manifest_counts_alone(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    table(root / "favourites.csv", CLIPS[0])
    table(root / "metadata.csv", *CLIPS)
    assert routes(root) == {Route.EXACT: 16}
    assert "favourites.csv was not taken as a list" in scan(root).why


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"encoding": "cp932"}, "voices.csv is not UTF-8"),
        ({"header": "path;character", "sign": ";"}, "has no column for the path. Its columns are: path;character"),
        ({"old": ".ogg", "new": ".OGG"}, "it names files that are not there, such as 観鈴/0.OGG"),
        ({"old": ".ogg", "new": ""}, "it names files that are not there, such as 観鈴/0"),
        ({"old": "観鈴/", "new": "../観鈴/"}, "its first row names a file outside of the game"),
        ({"header": "path,score"}, "has no column for the character. Its columns are: path, score"),
    ],
)
def test_a_table_that_cannot_be_a_list_says_why(tmp_path: Path, made: dict[str, str], reason: str) -> None:
    """It was read as folders without a word, and said that there was no list."""
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    old, new = made.pop("old", ""), made.pop("new", "")
    table(root / "voices.csv", *(name.replace(old, new) if old else name for name in CLIPS), **made)
    assert routes(root) == {Route.FOLDER: 16}
    why = scan(root).why
    assert "; voices.csv was not taken as a list: " in why
    assert why.endswith(reason)


def test_a_list_that_breaks_off_is_still_a_list(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    with table(root / "voices.csv", *CLIPS).open("a", encoding="utf-8") as file:
        file.write("one,too,many\n")
    with pytest.raises(SourceError, match=r"Line 18 of .*voices\.csv has 3 fields"):
        scan(root)


def test_of_many_tables_a_few_are_named(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    for number in range(20):
        table(root / f"{number:02d}.csv", "x", header="a,b")
    table(root / "voices.csv", CLIPS[0])
    why = scan(root).why
    assert "; voices.csv was not taken as a list: it names 1 sound," in why
    assert why.count("was not taken as a list") == 3
    assert why.endswith("; and 18 other tables likewise")


def test_what_a_list_does_not_name_is_counted(tmp_path: Path) -> None:
    others = ["new/a.ogg", "new/b.m4a", "観鈴/0.m4a", "op.mp4", "named.mp4", "named.mpg", "notes.txt"]
    root = touched(tmp_path / "Key/AIR", *CLIPS, *others)
    table(root / "metadata.csv", *CLIPS, "named.mp4", "named.mpg", "gone.ogg")
    clips = {(path, route) for _, _, path, route, _ in found(root)}
    assert {(path, route) for path, route in clips if route is not Route.EXACT} == {
        ("gone.ogg", Route.MISSING),
        ("named.mpg", Route.UNSUPPORTED),
        ("new/a.ogg", Route.SKIPPED),
        ("new/b.m4a", Route.SKIPPED),
        ("op.mp4", Route.FILM),
    }
    assert Route.SKIPPED not in routes(root / "metadata.csv")  # the list itself was asked for


def test_a_file_is_skipped_when_no_list_around_it_names_it(tmp_path: Path) -> None:
    touched(tmp_path / "Key", *(f"{game}/{n}.ogg" for game in ("AIR", "Kanon") for n in range(4)), "loose.ogg")
    table(tmp_path / "Key/manifest.csv", "AIR/0.ogg", "Kanon/1.ogg")
    table(tmp_path / "Key/AIR/manifest.csv", "1.ogg", "2.ogg")
    skipped = [path for _, _, path, route, _ in found(scan(tmp_path, layout=Layout.MANIFEST)) if route is Route.SKIPPED]
    assert skipped == ["loose.ogg", "AIR/3.ogg", "Kanon/0.ogg", "Kanon/2.ogg", "Kanon/3.ogg"]


def test_a_list_without_rows_names_none_of_the_sounds(tmp_path: Path) -> None:
    root = touched(tmp_path / "Key/AIR", *CLIPS)
    table(root / "metadata.csv")
    assert {clip[:2] for clip in found(root)} == {("Key", "AIR")}
    assert routes(root) == {Route.SKIPPED: 16}
