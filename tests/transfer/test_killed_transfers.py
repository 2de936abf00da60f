"""A backup, restore, export or import that is killed leaves nothing that looks whole, and is simply run again."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from end_to_end.gates import gated
from search.filling import fill, some_voices
from sqlalchemy import make_url
from standin import StandInEncoder
from transfer.gated_transfers import TRANSFERRING, transfer
from transfer.travelling import contents, write_voices
from views.made_up import unit

from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.new_file import PART
from speaker_search.settings import Settings
from speaker_search.transfer.voices_file import ROWS_PER_PORTION

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")


def kill(doing: str, file: Path, settings: Settings, *, portions: int = 1) -> None:
    """Kill a program after it has done some portions of rows."""
    url = make_url(settings.url).render_as_string(hide_password=False)
    with gated(transfer, doing, file, home=settings.home, SPKSEARCH_DATABASE_URL=url) as running:
        running.arrives(TRANSFERRING)
        for _ in range(portions - 1):
            running.passes(waits_again=True)
            running.arrives(TRANSFERRING)
        running.begun.send(signal.SIGKILL)
        assert running.begun.ended().code == -signal.SIGKILL


@pytest.fixture
def filled(settings: Settings) -> Settings:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=2), heard=True)
    return settings


@pytest.mark.parametrize("doing", ["backup", "export"])
def test_a_killed_backup_or_export_leaves_no_file_that_looks_whole(
    filled: Settings, tmp_path: Path, doing: str
) -> None:
    before = contents(filled.url)
    kill(doing, tmp_path / "file", filled)
    assert not (tmp_path / "file").exists()
    (left,) = tmp_path.glob("file*")
    assert left.name.endswith(PART)
    empty = Settings(home=tmp_path / "empty", encoder="stand-in")
    with pytest.raises(UsageError, match=r"is not a backup|checksum"):
        Library.restore(empty, left)
    with Library(empty, encoder=StandInEncoder()) as library, pytest.raises(UsageError, match="cannot be read"):
        library.import_voices(left)
    with Library(filled, encoder=StandInEncoder()) as library:
        assert library.verify().ok
        (library.backup if doing == "backup" else library.export)(tmp_path / "file")
    assert (tmp_path / "file").exists()
    assert contents(filled.url) == before


@pytest.mark.parametrize("doing", ["backup", "export"])
def test_a_backup_or_export_stopped_by_ctrl_c_leaves_nothing(filled: Settings, tmp_path: Path, doing: str) -> None:
    url = make_url(filled.url).render_as_string(hide_password=False)
    with gated(transfer, doing, tmp_path / "file", home=filled.home, SPKSEARCH_DATABASE_URL=url) as running:
        running.arrives(TRANSFERRING)
        running.begun.send(signal.SIGINT)
        running.begun.ended()
    assert list(tmp_path.glob("file*")) == []


def test_a_killed_restore_leaves_an_empty_catalog(filled: Settings, database_url: str, tmp_path: Path) -> None:
    """Killed when nearly all rows are in."""
    with Library(filled, encoder=StandInEncoder()) as library:
        made = library.backup(tmp_path / "backup")
    restored = Settings(home=tmp_path / "restored", database_url=f"{database_url}", encoder="stand-in")
    if str(filled.database_url) == database_url:  # the file of SQLite's catalog
        restored = restored.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    portions = sum(rows > 0 for rows in made.rows.values())
    kill("restore", tmp_path / "backup", restored, portions=portions)
    assert {table for table, rows in contents(restored.url).items() if rows} == {"catalog"}
    Library.restore(restored, tmp_path / "backup")
    with Library(restored, encoder=StandInEncoder()) as library:
        assert library.verify().ok
    assert contents(restored.url)["embeddings"] == contents(filled.url)["embeddings"]


def test_a_killed_import_goes_on_where_it_was(tmp_path: Path) -> None:
    rows = ROWS_PER_PORTION + 500
    paths = [f"{row}.ogg" for row in range(rows)]
    write_voices(tmp_path / "voices.parquet", path=paths, embedding=list(unit(rows, 0, 4)))
    there = Settings(home=tmp_path / "there")
    kill("import", tmp_path / "voices.parquet", there)
    with Library(there) as library:
        assert library.counts().embedded == ROWS_PER_PORTION
        done = library.import_voices(tmp_path / "voices.parquet")
        assert (done.known, done.new) == (ROWS_PER_PORTION, 500)
        assert (library.counts().embedded, library.counts().pending) == (rows, 0)
        assert library.verify().ok
