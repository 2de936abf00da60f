"""A backup has all that a catalog holds, at one moment, and is restored on either database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from catalog.shelf import Shelf
from end_to_end import worker_program
from end_to_end.gates import gated
from end_to_end.held import held
from search.filling import fill, some_voices
from sqlalchemy import insert
from standin import DIM, RATE, StandInEncoder
from transfer.travelling import answers, contents, mixed, next_clip
from views.made_up import unit

from speaker_search.catalog import spaces, tables
from speaker_search.catalog.database import open_catalog
from speaker_search.errors import CatalogError, UsageError
from speaker_search.ingest.windows import sizes_for
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.transfer import backup_file
from speaker_search.transfer.backing_up import arrow_schema
from speaker_search.transfer.backup_file import Manifest, Part

SECONDS = 4  # of a clip that a worker embeds
CLIPS = 3 * int(sizes_for(StandInEncoder.backend).portion_s // SECONDS)


def settings_of(home: Path, url: str | None = None) -> Settings:
    return Settings(home=home, database_url=url, encoder="stand-in")


def test_a_catalog_travels_from_sqlite_to_postgresql_and_back(postgres_url: str, tmp_path: Path) -> None:
    """Row by row, but for workers and their claims, and for the uuid; and it answers as before."""
    here, there = settings_of(tmp_path / "here"), settings_of(tmp_path / "there", postgres_url)
    back = settings_of(tmp_path / "back")
    with Library(here, encoder=StandInEncoder()) as library:
        claimed = mixed(library)
        made = library.backup(tmp_path / "one")
    before = contents(here.url)
    assert len(before["workers"]) == 1
    assert sum(row[2] == "claimed" for row in before["queue"]) == claimed > 0
    assert min(len(rows) for table, rows in before.items()) > 0
    assert made.rows == {table: len(rows) for table, rows in before.items() if table != "workers"}
    Library.restore(there, tmp_path / "one")
    with Library(there, encoder=StandInEncoder()) as library:
        library.backup(tmp_path / "two")
    Library.restore(back, tmp_path / "two")
    expected = {**before, "workers": []}
    expected["queue"] = [
        (*row[:2], "pending", None, *row[4:]) if row[2] == "claimed" else row for row in before["queue"]
    ]
    one, two = contents(there.url), contents(back.url)
    uuids = [rows.pop("catalog") for rows in (expected, one, two)]
    assert one == expected
    assert two == expected
    assert len({str(uuid) for uuid in uuids}) == 3
    assert answers(here, tmp_path / "1") == answers(there, tmp_path / "2") == answers(back, tmp_path / "3")
    assert next_clip(here.url) == next_clip(there.url) == next_clip(back.url)


def test_a_backup_is_the_catalog_at_one_moment_and_others_write_meanwhile(settings: Settings, tmp_path: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library, Library(settings, encoder=StandInEncoder()) as other:
        fill(library, some_voices(games=2))
        before = contents(settings.url)
        more = some_voices(games=3)

        def write(_done: int, _of: int) -> None:
            fill(other, more)

        made = library.backup(tmp_path / "backup", on_rows=write)
    assert len(contents(settings.url)["clips"]) > len(before["clips"])
    assert made.rows == {table: len(rows) for table, rows in before.items() if table != "workers"}
    restored = settings_of(tmp_path / "restored")
    Library.restore(restored, tmp_path / "backup")
    after = contents(restored.url)
    assert {**after, "catalog": 0} == {**before, "catalog": 0}


def test_a_backup_made_while_a_worker_embeds_is_embedded_to_its_end(
    settings: Settings, postgres_url: str, tmp_path: Path
) -> None:
    """On PostgreSQL, and on SQLite that it goes back to."""
    rng = np.random.default_rng(1)
    for number in range(CLIPS):
        path = tmp_path / "maker/game" / f"役 {number % 3}" / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(SECONDS * RATE), RATE)
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([tmp_path / "maker"], enqueue=True)
        url = {"SPKSEARCH_DATABASE_URL": str(settings.database_url)}
        with gated(worker_program.work, (), home=settings.home, **url) as worker:
            worker.arrives()
            worker.passes(waits_again=True)
            worker.arrives()  # some are embedded, some in hand, some claimed
            library.backup(tmp_path / "one")
            worker.passes(waits_again=False)
            worker.ends()
    there, back = settings_of(tmp_path / "there", postgres_url), settings_of(tmp_path / "back")
    Library.restore(there, tmp_path / "one")
    with Library(there, encoder=StandInEncoder()) as library:
        library.backup(tmp_path / "two")
    Library.restore(back, tmp_path / "two")
    assert answers(there, tmp_path / "1") == answers(back, tmp_path / "2")
    with Library(settings, encoder=StandInEncoder()) as library:
        assert library.verify(deep=True).ok
    for restored in (there, back):
        with Library(restored, encoder=StandInEncoder()) as library:
            counts = library.counts()
            assert counts.embedded + counts.pending == CLIPS
            assert counts.embedded > 0 < counts.pending
            library.work(drain=True, processes=1)
            assert library.verify(deep=True).ok
        assert held(restored) == held(settings)


def test_an_original_and_a_restored_catalog_do_not_take_each_others_views(settings: Settings, tmp_path: Path) -> None:
    """In one home, and with logs of the same length that say different things."""
    voices, restored = some_voices(), settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'two.db'}"})
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, voices)
        library.backup(tmp_path / "backup")
    Library.restore(restored, tmp_path / "backup")
    for number, one in enumerate((settings, restored)):
        with Library(one, encoder=StandInEncoder()) as library:
            fill(library, {"maker9/new": {"A": unit(20, number, DIM)}})
            library.build_index()
    for one in (settings, restored):
        with Library(one, encoder=StandInEncoder()) as library:
            assert library.verify().ok


def test_a_backup_of_an_older_schema_is_restored_and_upgraded(database_url: str, tmp_path: Path) -> None:
    """As version 0003 wrote it."""
    rows: dict[str, list[dict[str, object]]] = {
        "catalog": [{"uuid": "0" * 36}],
        "makers": [{"id": 1, "name": "M", "key": "m"}],
        "roots": [{"id": 1, "path": "/voices"}],
        "encoders": [{"id": 7, "space": "stand-in@1", "name": "stand-in", "dim": 4, "changes": 0}],
        "games": [{"id": 1, "maker_id": 1, "title": "G", "key": "g"}],
        "clips": [
            {"id": 3, "game_id": 1, "root_id": 1, "path": "a", "text": "", "size": 1, "mtime_ns": 1, "gone": False}
        ],
        "embeddings": [{"encoder_id": 7, "clip_id": 3, "vector": unit(1, 0, 4).tobytes()}],
    }
    batches = {table: pa.RecordBatch.from_pylist(values) for table, values in rows.items()}
    counts = {table: len(values) for table, values in rows.items()}
    manifest = Manifest("0.0.9", "2026-01-01T00:00:00+00:00", "0" * 36, "0003", ["stand-in@1"], counts, {"clips": 9})
    parts = [Part(table, batch.schema, [batch]) for table, batch in batches.items()]
    backup_file.write(tmp_path / "old", parts, lambda _: manifest)
    restored = settings_of(tmp_path / "home", database_url)
    assert Library.restore(restored, tmp_path / "old").version == "0003"
    after = contents(database_url)
    assert [row[:2] for row in after["clips"]] == [(3, 1)]
    assert after["embeddings"] == [(7, 3, unit(1, 0, 4).tobytes())]
    assert next_clip(database_url) == 10


def test_only_an_empty_catalog_is_restored_into(settings: Settings, tmp_path: Path) -> None:
    """It may have been opened before, and a program may have asked for a space in it."""
    with Library(settings, encoder=StandInEncoder()) as library:
        spaces.ensure_space(library.catalog, space="other@1", name="other", dim=4)
        assert library.backup(tmp_path / "empty").rows["clips"] == 0
    Library.restore(settings, tmp_path / "empty")
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1))
        library.backup(tmp_path / "full")
    before = contents(settings.url)
    with pytest.raises(CatalogError, match=r"not empty\. Set SPKSEARCH_HOME"):
        Library.restore(settings, tmp_path / "full")
    assert contents(settings.url) == before


def test_another_programs_tables_are_left_alone(postgres_catalog_url: str, tmp_path: Path) -> None:
    catalog = open_catalog(postgres_catalog_url)
    with catalog.write() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id integer PRIMARY KEY, parent integer REFERENCES theirs)")
        connection.exec_driver_sql("CREATE INDEX ix_theirs ON theirs (parent)")
        connection.exec_driver_sql("INSERT INTO theirs VALUES (1, 1)")
    catalog.close()
    with Library(settings_of(tmp_path / "here"), encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1))
        library.backup(tmp_path / "backup")
    Library.restore(settings_of(tmp_path / "there", postgres_catalog_url), tmp_path / "backup")
    catalog = open_catalog(postgres_catalog_url)
    with catalog.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM theirs").all() == [(1, 1)]
    catalog.close()


def test_a_catalog_with_a_broken_reference_is_not_restored(
    sqlite_catalog_url: str, postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "here", sqlite_catalog_url)
    with Library(settings, encoder=StandInEncoder()) as library:
        shelf = Shelf(library.catalog, spaces.ensure_space(library.catalog, space="a@1", name="a", dim=4).id)
        shelf.scan(shelf.clip("a"))
        with library.catalog.engine.connect() as connection:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.cursor().execute("PRAGMA foreign_keys = OFF")
            connection.execute(insert(tables.games).values(maker_id=99, title="x", key="x"))
            connection.commit()
        library.backup(tmp_path / "backup")
    restored = settings_of(tmp_path / "restored")
    with pytest.raises(UsageError, match=r"holds 1 row of games that refer to makers that it does not hold.*an older"):
        Library.restore(restored, tmp_path / "backup")
    assert contents(restored.url)["games"] == []
    with pytest.raises((UsageError, CatalogError), match="games"):  # its own check may come first
        Library.restore(settings_of(tmp_path / "there", postgres_url), tmp_path / "backup")
    assert contents(postgres_url)["games"] == []


def test_a_backup_is_never_written_over_a_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with Library(settings) as library:
        with pytest.raises(UsageError, match=r"taken exists already\. Name a new file"):
            library.backup(tmp_path / "taken")
        with pytest.raises(UsageError, match="is a folder"):
            library.backup(tmp_path)
        with pytest.raises(UsageError, match="There is no folder "):
            library.backup(tmp_path / "nowhere" / "backup")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_full_disk_leaves_no_file(settings: Settings, tmp_path: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1))
        resource = pytest.importorskip("resource")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            with pytest.raises(UsageError, match="backup cannot be written: File too large"):
                library.backup(tmp_path / "backup")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def test_a_dry_run_says_what_a_backup_holds_and_makes_no_catalog(settings: Settings, tmp_path: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1))
        made = library.backup(tmp_path / "backup")
    seen: list[tuple[int, int]] = []
    empty = settings_of(tmp_path / "nothing")
    found = Library.restore(empty, tmp_path / "backup", dry_run=True, on_rows=lambda *rows: seen.append(rows))
    assert found.model_dump(exclude={"restored"}) == made.model_dump()
    assert not found.restored
    assert seen[-1] == (sum(made.rows.values()),) * 2
    assert not empty.home.exists()


def test_every_column_of_the_catalog_can_travel() -> None:
    for table in tables.metadata.sorted_tables:
        assert arrow_schema(table).names == [column.name for column in table.columns]


def test_neither_passwords_nor_keys_are_in_a_backup(postgres_catalog_url: str, tmp_path: Path) -> None:
    hidden = dict.fromkeys(("api_keys", "archive_password"), "sesame")
    with Library(Settings(home=tmp_path / "home", database_url=postgres_catalog_url, **hidden)) as library:
        library.backup(tmp_path / "backup")
    assert b"sesame" not in (tmp_path / "backup").read_bytes()
    with backup_file.opened(tmp_path / "backup") as backup:
        assert "postgresql" not in str(asdict(backup.manifest))
