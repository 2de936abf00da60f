"""Programs killed (kill -9) while they import credits, merge names or undo it: the catalog has all of it or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from cast.credits import made_dump
from end_to_end.gates import gated
from search.filling import around, fill, units
from sqlalchemy import event, select
from standin import DIM, StandInEncoder

from speaker_search import settings as settings_
from speaker_search.catalog import tables
from speaker_search.library import Library
from speaker_search.settings import Settings

GAMES = {
    "青空工房/海の声": ["渚", "高坂凛", "ジェーン"],
    "青空工房/海の声 ファンディスク": ["古河渚", "渚"],
    "Yozora Soft/海の声": ["渚", "ほしのゆめ"],
}
CHANGES = ("INSERT", "UPDATE", "DELETE")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")


def imported(library: Library) -> None:
    library.import_credits(library.settings.home / "dump.tar.zst")


def merged(library: Library) -> None:
    library.merge("maker", "Yozora Soft", "青空工房")


def undone(library: Library) -> None:
    library.undo_edit(1)


WORK: dict[str, Callable[[Library], None]] = {"import": imported, "merge": merged, "undo": undone}


def work(connection: Connection, kind: str, last: int) -> None:
    """The program: it dies after `last` changes, or says how many it made."""
    made = 0

    def count(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal made
        made += statement.lstrip().startswith(CHANGES)
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with Library(settings_.load()) as library:
        event.listen(library.catalog.engine, "after_cursor_execute", count)
        WORK[kind](library)
    connection.send(made)


def run(kind: str, home: Path, last: int = -1) -> int:
    """How many changes the program made; 0 where it was killed."""
    with gated(work, kind, last, home=home) as running:
        code = running.begun.ended().code
        assert code == (0 if last < 0 else -signal.SIGKILL)
        return int(running.gate.recv()) if code == 0 else 0


def everything(home: Path) -> dict[str, list[tuple[object, ...]]]:
    with Library(Settings(home=home)) as library, library.catalog.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in tables.metadata.sorted_tables
        }


@pytest.mark.parametrize("kind", WORK)
def test_what_was_killed_is_in_the_catalog_whole_or_not_at_all(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Library(Settings(home=home, encoder=StandInEncoder.name), encoder=StandInEncoder()) as library:
        rng = np.random.default_rng(0)
        voice = units(rng.standard_normal(DIM))
        fill(library, {game: {name: around(voice, 1, rng) for name in names} for game, names in GAMES.items()})
        made_dump.archive(home / "dump.tar.zst", made_dump.files(made_dump.TODAY))
        if kind == "undo":
            merged(library)
    before = everything(home)
    whole = run(kind, Path(shutil.copytree(home, tmp_path / "whole")))
    assert everything(tmp_path / "whole") != before
    assert whole > 5
    for last in (1, whole // 2, whole):  # the last change comes before the commit
        killed = Path(shutil.copytree(home, tmp_path / f"killed {last}"))
        run(kind, killed, last)
        assert everything(killed) == before
