"""Whether the database itself is whole: its own integrity check, every row readable, no reference broken."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, ForeignKey, exists, func, select

from speaker_search.catalog.database import Catalog, damaged
from speaker_search.catalog.rows import stream
from speaker_search.catalog.tables import metadata


def check_integrity(catalog: Catalog) -> None:
    """Raise CatalogError when the database is damaged; it says how, and what to do.

    PostgreSQL has no integrity check in SQL: there all that can be seen is rows that cannot be read, and broken
    references.
    """
    with catalog.read() as connection:
        for found in _faults(connection):
            raise damaged(catalog.engine.url, found)


def _faults(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        if found != "ok":
            yield found.splitlines()[-1]
    for table in metadata.sorted_tables:
        # SQLite's check does not look into texts, which may no longer be UTF-8.
        for _ in stream(connection, select(table)):
            pass
        for key in table.foreign_keys:
            if broken := count_broken(connection, key):
                yield f"{broken:,} rows of {table.name} refer to {key.column.table.name} that are not there"


def count_broken(connection: Connection, key: ForeignKey) -> int:
    """How many rows refer by this key to a row that is not there."""
    parent = key.column.table.alias()
    there = exists().where(parent.c[key.column.name] == key.parent)
    query = select(func.count()).select_from(key.parent.table).where(key.parent.is_not(None), ~there)
    return int(connection.execute(query).scalar_one())
