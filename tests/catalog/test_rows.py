"""Statements over many rows: what is there is skipped, ids are given out once, and scans read through a cursor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from catalog.conftest import PATIENCE_S
from catalog.shelf import POURED, Shelf
from sqlalchemy import Connection, delete, event, func, select, text

from speaker_search.catalog import duplicates, embeddings, log
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import COPIED_FROM, ROWS_PER_READ, insert_all, reserve_ids
from speaker_search.catalog.scans.enqueue import enqueue_all
from speaker_search.catalog.scans.known_clips import KnownClips
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import clips, makers
from speaker_search.errors import CatalogAwayError, CatalogError

MANY = COPIED_FROM + 1
SIZES = pytest.mark.parametrize("count", [3, MANY], ids=["few", "many"])


def made(count: int) -> list[dict[str, Any]]:
    return [{"id": n + 1, "name": f"Maker {n}\t\\N 名", "key": f"{n}"} for n in range(count)]


def held(connection: Connection) -> list[tuple[Any, ...]]:
    c = makers.c
    return [tuple(row) for row in connection.execute(select(c.id, c.name, c.key).order_by(c.id))]


@SIZES
def test_all_rows_are_inserted_as_they_are(catalog: Catalog, count: int) -> None:
    rows = made(count)
    with catalog.write() as connection:
        insert_all(connection, makers, rows)
        assert held(connection) == [tuple(row.values()) for row in rows]


@SIZES
def test_rows_that_are_there_are_skipped_and_the_rest_inserted(catalog: Catalog, count: int) -> None:
    rows = made(count)
    with catalog.write() as connection:
        insert_all(connection, makers, [{"name": "The first", "key": "1", "id": 2}])
        insert_all(connection, makers, rows)
        insert_all(connection, makers, rows)
    with catalog.read() as connection:
        assert held(connection) == [(2, "The first", "1") if row["id"] == 2 else tuple(row.values()) for row in rows]


def test_many_rows_are_copied_into_postgresql(postgres_catalog: Catalog) -> None:
    assert [cursor for cursor, statement in executed(postgres_catalog, insert_few_and_many) if "COPY" in statement] == [
        "Cursor"
    ]
    with postgres_catalog.read() as connection:
        assert len(held(connection)) == 3 + MANY


def insert_few_and_many(catalog: Catalog) -> None:
    with catalog.write() as connection:
        insert_all(connection, makers, made(3))
        insert_all(connection, makers, made(3 + MANY)[3:])


@SIZES
def test_a_row_that_no_database_takes_is_an_error_of_ours(catalog: Catalog, count: int) -> None:
    rows = [*made(count), {"id": count + 1, "name": None, "key": "x"}]

    def insert(connection: Connection) -> None:
        insert_all(connection, makers, [{"id": count + 2, "name": "M", "key": "m"}])
        insert_all(connection, makers, rows)

    with pytest.raises(CatalogError, match="cannot be used"):
        catalog.transact(insert)
    with catalog.read() as connection:
        assert held(connection) == []


def test_a_server_that_goes_away_during_a_copy_is_waited_for(postgres_catalog: Catalog) -> None:
    def insert(connection: Connection) -> None:
        own = connection.execute(select(func.pg_backend_pid())).scalar_one()
        with postgres_catalog.engine.connect() as other:
            other.execute(select(func.pg_terminate_backend(own, int(PATIENCE_S * 1000))))
        insert_all(connection, makers, made(MANY))

    with pytest.raises(CatalogAwayError):
        postgres_catalog.transact(insert)
    postgres_catalog.transact(lambda connection: insert_all(connection, makers, made(MANY)))


def test_an_id_is_reserved_once_even_if_its_row_is_deleted(shelf: Shelf) -> None:
    def reserve() -> list[int]:
        with shelf.catalog.write() as connection:
            ids = reserve_ids(connection, clips, 3)
            place = {"root_id": 1, "game_id": 1, "text": "", "size": 1, "mtime_ns": 1, "gone": False}
            insert_all(connection, clips, [{"id": id_, "path": f"{id_}", **place} for id_ in ids])
            connection.execute(delete(clips).where(clips.c.id.in_(ids)))
        return ids

    shelf.scan(shelf.clip("a"))
    (before,) = shelf.ids().values()
    reserved = [before, *reserve(), *reserve()]
    shelf.scan(shelf.clip("b"))
    reserved.append(shelf.ids()["b"])
    assert len(reserved) == len(set(reserved)) == 8
    assert reserved == sorted(reserved)


def test_two_scans_of_one_folder_at_the_same_time_register_each_clip_once(
    postgres_shelf: Shelf, until_blocked: Callable[[Catalog, int], list[str]]
) -> None:
    """The COPY of the second waits for the first and fails; what only the second has found is inserted all the same."""
    shelf = postgres_shelf
    paths = [f"{n}" for n in range(MANY)]
    other = shelf.another_space()
    shelf.scan()  # the game and the folder
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            place = {"root_id": 1, "game_id": 1, "text": "", "size": 1, "mtime_ns": 1, "gone": False}
            ids = reserve_ids(connection, clips, 1)
            insert_all(connection, clips, [{"id": ids[0], "path": paths[7], **place}])
            scan = pool.submit(shelf.scan, clips=[shelf.clip(path) for path in paths], space=other)
            (waiting,) = until_blocked(shelf.catalog, 1)
            assert waiting.startswith("COPY clips")
        scan.result()
    assert len(shelf.ids()) == MANY
    assert shelf.state(other) == dict.fromkeys(paths, "pending")


SCANS: dict[str, Callable[[Connection, Space], object]] = {
    "all embedded": lambda connection, space: list(embeddings.all_embedded(connection, space)),
    "unusable": lambda connection, space: list(embeddings.unusable(connection, space)),
    "known clips": lambda connection, _: KnownClips(connection, 1, 1),
    "repeated": duplicates.repeated,
    "log": lambda connection, space: log.touched_between(connection, space.id, 0, 2),
}


@pytest.mark.parametrize("name", SCANS)
def test_a_scan_reads_through_a_cursor_of_the_server(postgres_shelf: Shelf, name: str) -> None:
    """The driver used to fetch the rows of a whole catalog before the first was looked at."""
    shelf = postgres_shelf
    shelf.scan(*map(shelf.clip, "abc"))
    shelf.hear(a="A", b="A", c="C")
    space = shelf.opened_space()

    def read(catalog: Catalog) -> None:
        with catalog.read() as connection:
            SCANS[name](connection, space)

    few = ("DISTINCT", "merged_into_id")
    kinds = {
        cursor for cursor, statement in executed(shelf.catalog, read) if not any(word in statement for word in few)
    }
    assert kinds == {"ServerCursor"}


def test_queueing_the_clips_of_a_game_reads_them_through_a_cursor_of_the_server(postgres_shelf: Shelf) -> None:
    shelf = postgres_shelf
    shelf.scan(*map(shelf.clip, "abc"))
    found = executed(shelf.catalog, lambda catalog: enqueue_all(catalog, shelf.space, clips.c.game_id == 1))
    assert [cursor for cursor, statement in found if "FROM clips" in statement] == ["ServerCursor"]


def test_postgresql_is_not_asked_to_join_the_queue_with_the_clips_of_a_game(postgres_shelf: Shelf) -> None:
    """It planned by statistics of a queue that had been empty: registering 10,000 clips took 50 s instead of one."""
    shelf = postgres_shelf
    shelf.scan(*map(shelf.clip, "abc"))
    found = executed(shelf.catalog, lambda catalog: enqueue_all(catalog, shelf.space, clips.c.game_id == 1))
    asked = [statement for _, statement in found if "queue" in statement]
    assert asked
    assert not any("clips" in statement for statement in asked)


def test_only_a_part_of_a_scan_has_left_the_server_when_its_first_rows_are_read(postgres_shelf: Shelf) -> None:
    shelf = postgres_shelf
    shelf.pour(ROWS_PER_READ + 1)
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        parts = embeddings.all_embedded(connection, space)
        assert len(next(parts)) == ROWS_PER_READ
        (cursor,) = connection.execute(text("SELECT name FROM pg_cursors")).scalars()
        rest = connection.exec_driver_sql(f'FETCH 10 FROM "{cursor}"').all()
        assert [row.clip_id for row in rest] == [POURED + ROWS_PER_READ]


def executed(catalog: Catalog, work: Callable[[Catalog], object]) -> list[tuple[str, str]]:
    """The statements that some work executes, each with the kind of its cursor."""
    found: list[tuple[str, str]] = []

    def note(_connection: object, cursor: object, statement: str, *_rest: object) -> None:
        found.append((type(cursor).__name__, statement))

    event.listen(catalog.engine, "before_cursor_execute", note)
    work(catalog)
    event.remove(catalog.engine, "before_cursor_execute", note)
    return found
