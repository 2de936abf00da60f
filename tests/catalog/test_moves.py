"""Roots that are gone and found elsewhere: by half of the files, however many, and looked for once an ingest."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalog.shelf import Shelf
from sqlalchemy import event

from speaker_search.catalog.scans.moved import FILES_COMPARED, Moves
from speaker_search.catalog.scans.register import Registered
from speaker_search.sources import Candidate

NEW = Path("/new/maker_title")


def vanished(shelf: Shelf) -> Moves:
    """All of a catalog's roots are gone."""
    return Moves(shelf.catalog, exists=lambda _: False)


def follow(moves: Moves, *files: Candidate, root: Path = NEW, title: str = "title") -> str | None:
    return moves.follow(root, "maker", title, files)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_game_of_more_files_than_are_compared_is_found_again(shelf: Shelf) -> None:
    """The first 10,000 were compared with half of all."""
    count = FILES_COMPARED * 2 + 1
    shelf.pour(count)
    files = [shelf.clip(f"{n}", None) for n in range(count)]
    assert follow(vanished(shelf), *files[:FILES_COMPARED]) == str(shelf.root)
    shelf.root = NEW
    assert shelf.scan(clips=files) == Registered(known=count)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_more_files_than_are_compared_are_no_former_game_unless_half_of_those_agree(shelf: Shelf) -> None:
    shelf.pour(FILES_COMPARED // 2 - 1)
    files = [shelf.clip(f"{n}", None) for n in range(FILES_COMPARED)]
    assert follow(vanished(shelf), *files) is None


@pytest.mark.parametrize(("kept", "new", "found"), [(10, 10, True), (10, 11, False), (10, 0, True), (9, 0, False)])
def test_half_of_the_files_of_both_places_must_agree(shelf: Shelf, kept: int, new: int, found: bool) -> None:
    shelf.scan(clips=(shelf.clip(f"{n}") for n in range(20)))
    files = [shelf.clip(f"{n}", mtime=2) for n in [*range(kept), *range(100, 100 + new)]]
    assert (follow(vanished(shelf), *files) == str(shelf.root)) is found


def test_files_before_the_first_that_agrees_hide_no_moved_game(shelf: Shelf) -> None:
    """A thousand new ones did."""
    shelf.scan(clips=(shelf.clip(f"voice/{n}") for n in range(1_100)))
    new = [shelf.clip(f"new/{n}") for n in range(1_050)]
    assert follow(vanished(shelf), *new, *(shelf.clip(f"voice/{n}") for n in range(1_100))) == str(shelf.root)


def test_a_root_that_is_there_is_not_moved_and_one_moves_once(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    assert follow(Moves(shelf.catalog, exists=lambda _: True), shelf.clip("a")) is None
    moves = vanished(shelf)
    assert follow(moves, shelf.clip("a")) == str(shelf.root)
    assert follow(moves, shelf.clip("a")) is None
    assert follow(moves, shelf.clip("a"), root=Path("/another")) is None
    assert shelf.rows("roots.path") == [str(NEW)]


def test_roots_are_looked_for_once_and_a_game_is_compared_with_all_of_them_at_once(shelf: Shelf) -> None:
    """For each game, every root was looked for, and compared in a statement of its own."""
    for n in range(30):
        shelf.root, shelf.title = Path(f"/voices/{n}"), f"{n}"
        shelf.scan(*(shelf.clip(f"{n}/{take}") for take in range(3)))
    asked: list[Path] = []
    statements: list[str] = []
    moves = Moves(shelf.catalog, exists=lambda path: bool(asked.append(path)))
    event.listen(shelf.catalog.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    counts = []
    for n in (40, 41, 42):
        statements.clear()
        assert follow(moves, *(shelf.clip(f"{n}/{take}") for take in range(3)), root=Path(f"/new/{n}")) is None
        counts.append(len(statements))
    assert len(asked) == len(set(asked)) == 30
    assert counts[1] == counts[2] < 10
    games = [[shelf.clip(f"{n}/{take}") for take in range(3)] for n in range(30)]
    found = [follow(moves, *files, root=Path(f"/new/{n}"), title=f"{n}") for n, files in enumerate(games)]
    assert found == [f"/voices/{n}" for n in range(30)]
