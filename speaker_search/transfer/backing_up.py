"""A catalog -> a backup, from one transaction that sees one state of it: programs go on writing meanwhile.

On SQLite this is a long read, not its backup API. That copies the file page by page, so it needs the space twice, and
the copy can only be read by SQLite. Both let others write; what they write stays in the write-ahead log until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from sqlalchemy import Column, ColumnElement, Connection, Table, case, func, null, select, text, tuple_

from speaker_search.catalog import schema, tables
from speaker_search.transfer.backup_file import Manifest, Part, write

#: Programs that run now. They lose their claims: in the backup, clips they have claimed are pending.
LEFT_OUT = frozenset({tables.workers})
ROWS_PER_BATCH = 10_000

OnRows = Callable[[int, int], None]  #: called now and then with how many rows are done, of how many

_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string(), bytes: pa.binary()}


def back_up(connection: Connection, path: Path, on_rows: OnRows = lambda _, __: None) -> Manifest:
    """Write what the catalog holds to a new file. Raises OSError."""
    travelling = [table for table in tables.metadata.sorted_tables if table not in LEFT_OUT]
    total = sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in travelling)
    done = 0

    def batches(table: Table) -> Iterator[Any]:
        nonlocal done
        for batch in _batches(connection, table):
            yield batch
            done += len(batch)
            on_rows(done, total)

    def manifest(rows: dict[str, int]) -> Manifest:
        return Manifest(
            made_by=version("speaker-search"),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            catalog=connection.execute(select(tables.catalog.c.uuid)).scalar_one(),
            schema=schema.HEAD,
            spaces=list(connection.execute(select(tables.encoders.c.space).order_by(tables.encoders.c.id)).scalars()),
            rows=rows,
            highest_ids=_highest_ids(connection),
        )

    return write(path, (Part(table.name, arrow_schema(table), batches(table)) for table in travelling), manifest)


def arrow_schema(table: Table) -> Any:
    """The columns of a table as an Arrow schema."""
    return pa.schema([(column.name, _TYPES[column.type.python_type]) for column in table.columns])


def _batches(connection: Connection, table: Table) -> Iterator[Any]:
    """A table's rows by primary key, as Arrow record batches."""
    names, key = arrow_schema(table), tuple_(*table.primary_key)
    query = select(*(_travelling(column) for column in table.columns)).order_by(*table.primary_key)
    places = [names.get_field_index(column.name) for column in table.primary_key]
    part = query
    while rows := connection.execute(part.limit(ROWS_PER_BATCH)).all():
        columns = zip(*rows, strict=True)
        yield pa.record_batch([pa.array(values, each.type) for values, each in zip(columns, names, strict=True)], names)
        part = query.where(key > tuple(rows[-1][place] for place in places))


def _travelling(column: Column[Any]) -> ColumnElement[Any]:
    """What a backup has in place of a column: no worker, and what workers have claimed as pending."""
    if any(key.column.table in LEFT_OUT for key in column.foreign_keys):
        return null().label(column.name)
    if column is tables.queue.c.status:
        return case((column == "claimed", "pending"), else_=column).label(column.name)
    return column


def _highest_ids(connection: Connection) -> dict[str, int]:
    """By table, the highest id ever given: a deleted row's id must not become another's, as something may refer to it.

    SQLite knows it where it never gives an id twice.
    """
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        return {str(name): int(highest) for name, highest in rows}
    found = {}
    for table in tables.metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            name = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar_one()
            found[table.name] = connection.execute(
                text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")  # noqa: S608 - not a value
            ).scalar_one()
    return found
