"""A backup -> an empty catalog, on either database, in one transaction: all of it is restored, or nothing.

The tables are made as they were in the backup's schema version and migrated from there, so old backups can be restored.
The restored catalog gets a uuid of its own: the one that was backed up may still be in use, and from here on the two
differ. So views of one are never taken for views of the other where their logs have the same length.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, MetaData, exists, func, inspect, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex, ExecutableDDLElement

from speaker_search.catalog import schema, tables
from speaker_search.catalog.checks.database_errors import translated
from speaker_search.catalog.checks.integrity import count_broken
from speaker_search.catalog.database import open_catalog
from speaker_search.entities import counted
from speaker_search.errors import CatalogError, UsageError
from speaker_search.transfer.backing_up import OnRows
from speaker_search.transfer.backup_file import BackupFile, newer

#: Tables that have rows even in a catalog that was never used.
NOT_VOICES = frozenset({tables.catalog, tables.encoders, tables.workers})


def check(backup: BackupFile, on_rows: OnRows = lambda _, __: None) -> None:
    """Read a backup to its end. Raises UsageError when this program cannot restore it."""
    _check_schema(backup)
    for _ in _rows(backup, on_rows):
        pass


def restore(url: str | URL, backup: BackupFile, on_rows: OnRows = lambda _, __: None) -> None:
    """Fill the empty catalog at a database URL, or an empty database, with what a backup holds.

    Raises UsageError when this program cannot restore the backup, CatalogError when the catalog is not empty.
    """
    _check_schema(backup)
    with closing(open_catalog(url)) as catalog, translated(catalog.engine.url):
        _leave_wal(catalog.engine)
        with schema.migrating(catalog.engine) as connection:
            _check_empty(connection)
            tables.metadata.drop_all(connection)
            connection.exec_driver_sql("DROP TABLE alembic_version")
            others = set(inspect(connection).get_table_names())  # another program's, on PostgreSQL
            schema.migrate(connection, backup.manifest.schema)
            dropped = _drop_indexes(connection, others)
            for table, names, rows in _rows(backup, on_rows):
                _insert(connection, table, names, rows)
            for statement in dropped:
                connection.execute(statement)
            schema.migrate(connection)
            _check_references(connection, backup)
            _raise_ids(connection, backup.manifest.highest_ids)
            connection.execute(update(tables.catalog).values(uuid=str(uuid4())))
            if connection.dialect.name == "postgresql":  # its planner needs to know how large the tables are now
                connection.exec_driver_sql(f"ANALYZE {_quoted(connection, tables.metadata.tables)}")


def _check_schema(backup: BackupFile) -> None:
    if backup.manifest.schema not in schema.known():
        raise newer(backup.path, backup.manifest.made_by)


def _rows(backup: BackupFile, on_rows: OnRows) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """Table, columns and rows of all that a backup holds, a portion at a time."""
    done, total = 0, sum(backup.manifest.rows.values())
    for table in backup.manifest.rows:
        for batch in backup.batches(table):
            yield table, batch.schema.names, list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            done += len(batch)
            on_rows(done, total)


def _leave_wal(engine: Engine) -> None:
    """Turn SQLite's write-ahead log off, which would hold all that is restored a second time, until the next opening.

    New pages of a file need no journal. Where another program has the file open, the log stays.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection, suppress(sqlite3.OperationalError):
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA journal_mode = DELETE")


def _check_empty(connection: Connection) -> None:
    """Raise CatalogError when there is anything that a restore would replace."""
    for table in tables.metadata.sorted_tables:
        if table not in NOT_VOICES and connection.execute(select(exists().select_from(table))).scalar_one():
            raise CatalogError(
                "The catalog to restore into is not empty.",
                "Set SPKSEARCH_HOME to a new folder, or SPKSEARCH_DATABASE_URL to an empty database.",
            )


def _check_references(connection: Connection, backup: BackupFile) -> None:
    """Raise UsageError when a row refers to one that is not there. Not all databases check all references."""
    for table in tables.metadata.sorted_tables:
        for key in table.foreign_keys:
            if broken := count_broken(connection, key):
                raise UsageError(
                    f"{backup.path} holds {counted(broken, 'row')} of {table.name} that refer to "
                    f"{key.column.table.name} that it does not hold: the catalog it was made from was damaged.",
                    "Use an older backup.",
                )


def _drop_indexes(connection: Connection, others: set[str]) -> list[ExecutableDDLElement]:
    """Drop the indexes of all tables except others', and PostgreSQL's references; returns what makes them again.

    Whole tables are indexed and checked in half the time.
    """
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name not in others)
    indexes = [index for table in found.sorted_tables for index in table.indexes]
    keys = [key for table in found.sorted_tables for key in table.foreign_key_constraints]
    if connection.dialect.name == "sqlite":
        keys = []  # they cannot be dropped, and `migrating` has them checked at the end
    drops: list[ExecutableDDLElement] = [*map(DropIndex, indexes), *map(DropConstraint, keys)]
    for statement in drops:
        connection.execute(statement)
    return [*map(CreateIndex, indexes), *map(AddConstraint, keys)]


def _insert(connection: Connection, table: str, names: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    into = f"{_quoted(connection, [table])} ({_quoted(connection, names)})"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({', '.join('?' * len(names))})", rows)  # noqa: S608
        return
    statement = f"COPY {into} FROM STDIN"
    driver: Any = connection.connection.dbapi_connection
    faults: Any = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except faults as error:
        raise DBAPIError.instance(statement, None, error, faults, dialect=connection.dialect) from error


def _raise_ids(connection: Connection, highest: dict[str, int]) -> None:
    """Have the database give out only ids that are above those it gave before the backup."""
    for table in tables.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        held = connection.execute(select(func.max(column))).scalar_one() or 0
        last = max(held, highest.get(table.name, 0))
        if not last:
            continue
        if connection.dialect.name == "postgresql":
            name = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(name, last)))
        elif table.dialect_options["sqlite"]["autoincrement"]:
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
            connection.execute(
                text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), {"name": table.name, "last": last}
            )


def _quoted(connection: Connection, names: Iterable[str]) -> str:
    return ", ".join(connection.dialect.identifier_preparer.quote_identifier(name) for name in names)
