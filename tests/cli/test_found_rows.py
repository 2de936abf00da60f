"""What an ingest would leave out, row by row and with the reason."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import get_args

import pytest
from end_to_end.running import quickly
from sources.packing import touched

from speaker_search import documents
from speaker_search.sources import Layout, Route

ROWS = 20_000


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Two dumps: one has many malformed rows, a file of another format and a name that is not text."""
    root = touched(tmp_path / "voices", "Key_AIR/観鈴/a.ogg", "Key_AIR/観鈴/b.ape", "Leaf_痕/千鶴/c.ogg")
    rows = [
        {"Speaker": "観鈴", "Voice": "a"},
        {"Speaker": "観鈴", "Voice": "b"},
        7,
        {"Speaker": "観鈴", "Voice": "../x"},
    ]
    (root / "Key_AIR/index.json").write_text(json.dumps([*rows, *[{"Speaker": "観鈴"}] * ROWS]))
    (root / "Leaf_痕/index.json").write_text("[]")
    if sys.platform == "linux":
        (root / os.fsdecode(b"Leaf_\xff")).mkdir()
        (root / os.fsdecode(b"Leaf_\xff/index.json")).write_text(json.dumps(rows[:1]))
    return root


def test_every_malformed_row_is_listed_with_its_reason(voices: Path, tmp_path: Path) -> None:
    """Its rows could not be told apart: they were only counted."""
    done = quickly("ingest", voices, "--dry-run", "--list", "malformed", home=tmp_path / "home")
    game = voices / "Key_AIR"
    lines = done.out.splitlines()
    assert lines[:3] == [
        f"{game}: Row 3 of the index.json is not an object.",
        f"{game}/../x: Row 4 of the index.json names a file outside of the game.",
        f"{game}: Row 5 of the index.json has no text as its Voice or FilePath.",
    ]
    odd = sys.platform == "linux"
    assert (done.code, done.err, sum(": Row " in line for line in lines)) == (1, "", ROWS + 2)
    assert any("Leaf_\\udcff" in line and "rename it" in line for line in lines) is odd
    assert any(line.startswith("1 unsupported: ") and "ffmpeg" in line for line in lines)
    assert any("--list malformed" in line for line in lines)

    done = quickly("ingest", voices, "--dry-run", "--list", "malformed", "--json", home=tmp_path / "home")
    document = done.document
    assert (len(document["rows"]), document["routes"]["malformed"]) == (ROWS + 2 + odd, ROWS + 2 + odd)
    assert document["rows"][0] == {
        **{"maker": "Key", "game": "AIR", "character": None, "root": str(game), "path": "", "text": ""},
        **{"route": "malformed", "why": "Row 3 of the index.json is not an object."},
    }
    assert document["advice"][0].startswith("1 unsupported: ")


def test_any_route_is_listed_and_nothing_without_a_dry_run(voices: Path, tmp_path: Path) -> None:
    done = quickly("ingest", voices, "--dry-run", "--list", "unsupported", home=tmp_path / "home")
    assert done.out.splitlines()[0] == str(voices / "Key_AIR/観鈴/b.ape")
    done = quickly("ingest", voices, "--dry-run", "--list", "stem", "--json", home=tmp_path / "home")
    assert done.document["rows"] == []
    done = quickly("ingest", voices, "--list", "malformed", home=tmp_path / "home")
    assert (done.code, done.out) == (2, "")
    assert done.err == "spksearch: --list works only with --dry-run. Add --dry-run, or leave --list out.\n"


def test_the_current_folder_is_ingested_as_a_dot(voices: Path, tmp_path: Path) -> None:
    """It was taken for an empty path."""
    done = quickly("ingest", ".", "--dry-run", "--json", home=tmp_path / "home", folder=voices / "Key_AIR")
    assert [count["game"] for count in done.document["counts"] if count["route"] == "exact"] == ["AIR"]


def test_films_beside_voices_are_counted_and_are_no_trouble(tmp_path: Path) -> None:
    """They were sounds to convert, and every good dump with a film in it exited with code 1."""
    game = touched(tmp_path / "Key_AIR", "観鈴/a.ogg", "movie/op.mpg", "movie/ed.wmv")
    (game / "index.json").write_text(json.dumps([{"Speaker": "観鈴", "Voice": "a"}]))
    done = quickly("ingest", game, "--dry-run", home=tmp_path / "home")
    assert (done.code, done.err) == (0, "")
    assert "1 game: exact 1, film 2. Nothing was written." in done.out.splitlines()
    assert any(line.startswith("2 films left out. ") for line in done.out.splitlines())
    done = quickly("ingest", game, "--dry-run", "--list", "film", home=tmp_path / "home")
    assert done.out.splitlines()[:2] == [f"{game}/movie/ed.wmv", f"{game}/movie/op.mpg"]


def test_sounds_that_a_list_does_not_name_are_counted_and_are_no_trouble(tmp_path: Path) -> None:
    """They were passed over in silence."""
    game = touched(tmp_path / "Key/AIR", *(f"観鈴/{n}.ogg" for n in range(5)))
    (game / "voices.csv").write_text("path,character\n" + "".join(f"観鈴/{n}.ogg,観鈴\n" for n in range(3)))
    done = quickly("ingest", game, "--dry-run", home=tmp_path / "home")
    assert (done.code, done.err) == (0, "")
    assert "1 game: exact 3, skipped 2. Nothing was written." in done.out.splitlines()
    assert any(line.startswith("2 skipped: ") and "--layout folders" in line for line in done.out.splitlines())


def test_every_route_and_layout_of_a_scan_can_be_asked_for() -> None:
    assert get_args(documents.Route) == tuple(Route)
    assert get_args(documents.Layout) == ("auto", *Layout)
