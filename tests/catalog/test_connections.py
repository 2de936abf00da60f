"""A use case holds one connection, sees one state of the catalog, and notices when the database is another one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier, Event

import pytest
from catalog.conftest import PATIENCE_S
from catalog.shelf import Shelf
from sqlalchemy import create_engine, func, select, update

from speaker_search.catalog import people, tables
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.errors import CatalogConflictError, CatalogError

CLIENTS = 40
CONNECTIONS = 2


def count_makers(catalog: Catalog) -> int:
    with catalog.read() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.makers)).scalar_one())


def add_maker(catalog: Catalog, name: str = "Maker") -> None:
    with catalog.write() as connection:
        connection.execute(tables.makers.insert().values(name=name, key=name))


@pytest.mark.parametrize("first", ["read", "write"])
@pytest.mark.parametrize("second", ["read", "write"])
def test_a_thread_that_asks_for_a_second_connection_is_refused(catalog: Catalog, first: str, second: str) -> None:
    """Requests used to open a second connection while they held one: enough of them at once waited for ever."""
    open_first: Callable[[], AbstractContextManager[object]] = getattr(catalog, first)
    open_second: Callable[[], AbstractContextManager[object]] = getattr(catalog, second)
    with open_first():
        with pytest.raises(RuntimeError, match="already holds a connection"), open_second():
            pass
        with ThreadPoolExecutor(1) as pool:  # another thread may
            assert pool.submit(count_makers, catalog).result(PATIENCE_S) == 0
    add_maker(catalog)
    assert count_makers(catalog) == 1


def test_more_clients_than_connections_all_get_their_answer(shelf: Shelf) -> None:
    """Each request used to need two connections of a pool that had too few for all of them, and all of them failed."""
    shelf.scan(*(shelf.clip(name, name) for name in "abc"))
    shelf.embed_all()
    space = shelf.opened_space()
    engine = create_engine(shelf.catalog.engine.url, pool_size=CONNECTIONS, max_overflow=0)
    small = Catalog(engine, shelf.catalog.uuid)
    pool_is_empty, go_on = Barrier(CONNECTIONS + 1), Event()

    def hold() -> None:
        with small.read():
            pool_is_empty.wait(PATIENCE_S)
            assert go_on.wait(PATIENCE_S)

    def ask() -> list[tuple[str, int]]:
        with small.read() as connection:
            return [(found.name, found.clips) for found in people.list_characters(connection, space)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        holding = [pool.submit(hold) for _ in range(CONNECTIONS)]
        pool_is_empty.wait(PATIENCE_S)
        asking = [pool.submit(ask) for _ in range(CLIENTS - CONNECTIONS)]
        go_on.set()
        assert [each.result() for each in asking] == [[("a", 1), ("b", 1), ("c", 1)]] * len(asking)
        assert [each.result() for each in holding] == [None] * CONNECTIONS
    small.close()


def test_a_read_sees_one_state_from_its_first_query_to_its_last(catalog: Catalog) -> None:
    """On PostgreSQL each query used to see what had been committed by then, so that an answer mixed two states."""
    makers = select(func.count()).select_from(tables.makers)
    with catalog.read() as connection, ThreadPoolExecutor(1) as pool:
        before = connection.execute(makers).scalar_one()
        pool.submit(add_maker, catalog).result(PATIENCE_S)
        assert connection.execute(makers).scalar_one() == before == 0
    assert count_makers(catalog) == 1


def test_work_that_gives_way_to_another_transaction_is_done_again(catalog: Catalog) -> None:
    tries: Iterator[int] = iter(range(1, 100))

    def work(connection: object) -> int:
        tried = next(tries)
        assert hasattr(connection, "execute")
        connection.execute(tables.makers.insert().values(name=f"{tried}", key=f"{tried}"))
        if tried < 3:
            raise CatalogConflictError("Somebody else came first.")
        return tried

    assert catalog.transact(work) == 3
    with catalog.read() as connection:
        assert connection.execute(select(tables.makers.c.name)).scalars().all() == ["3"]


def delete(file: Path) -> None:
    file.unlink()


def put_another_catalog_there(file: Path) -> None:
    other = file.with_name("other.db")
    open_catalog(f"sqlite:///{other}").close()
    os.replace(other, file)  # noqa: PTH105 - the call that a restored backup is put in place by


def put_another_file_there(file: Path) -> None:
    other = file.with_name("diary.txt")
    other.write_text("Dear diary. " * 1000)
    other.replace(file)


def delete_and_make_another(file: Path) -> None:
    file.unlink()
    for rest in file.parent.glob(f"{file.name}-*"):
        rest.unlink()
    open_catalog(f"sqlite:///{file}").close()


REPLACED = pytest.mark.parametrize(
    "replaced", [delete, put_another_catalog_there, put_another_file_there, delete_and_make_another]
)


@REPLACED
def test_a_file_that_was_replaced_is_neither_read_nor_written(
    sqlite_catalog: Catalog, tmp_path: Path, replaced: Callable[[Path], None]
) -> None:
    """A worker used to go on storing into the deleted file: hours of work were reported as stored, and lost."""
    add_maker(sqlite_catalog)
    replaced(tmp_path / "catalog.db")
    for _ in range(2):
        with pytest.raises(CatalogError, match="was deleted or replaced") as refusal:
            count_makers(sqlite_catalog)
        assert "is lost" in refusal.value.mend
        with pytest.raises(CatalogError, match="was deleted or replaced"):
            add_maker(sqlite_catalog, "Another")


@REPLACED
def test_nothing_is_reported_as_stored_when_the_file_is_replaced_during_the_write(
    sqlite_catalog: Catalog, tmp_path: Path, replaced: Callable[[Path], None]
) -> None:
    """A transaction that was under way used to be committed to the deleted file without an error."""

    def write() -> None:
        with sqlite_catalog.write() as connection:
            connection.execute(tables.makers.insert().values(name="Early", key="early"))
            replaced(tmp_path / "catalog.db")
            connection.execute(tables.makers.insert().values(name="Late", key="late"))

    with pytest.raises(CatalogError, match="was deleted or replaced"):
        write()


def test_a_file_is_the_same_when_the_program_changes_its_working_folder(
    sqlite_catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = open_catalog("sqlite:///catalog.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    add_maker(relative)
    relative.close()
    assert count_makers(sqlite_catalog) == 1


def test_a_backup_of_the_file_put_back_while_nothing_has_it_open_is_the_same_catalog(tmp_path: Path) -> None:
    file, backup = tmp_path / "catalog.db", tmp_path / "backup.db"
    catalog = open_catalog(f"sqlite:///{file}")
    with sqlite3.connect(file) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close()
    target.close()
    add_maker(catalog)
    catalog.close()
    backup.replace(file)
    again = open_catalog(f"sqlite:///{file}")
    assert again.uuid == catalog.uuid
    assert count_makers(again) == 0
    again.close()


def test_a_postgresql_database_that_holds_another_catalog_by_now_is_not_written(postgres_catalog: Catalog) -> None:
    """Workers used to store into whichever catalog the database held, with ids that meant other clips there."""
    add_maker(postgres_catalog)
    with postgres_catalog.write() as connection:
        connection.execute(update(tables.catalog).values(uuid="another"))
    with pytest.raises(CatalogError, match="was deleted or replaced"):
        add_maker(postgres_catalog, "Another")
    with pytest.raises(CatalogError, match="was deleted or replaced"):
        postgres_catalog.transact(lambda _: None)
    assert count_makers(postgres_catalog) == 1
