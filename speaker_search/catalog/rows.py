"""Statements over many rows, for either database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    TableValuedAlias,
    and_,
    any_,
    bindparam,
    column,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

T = TypeVar("T")

IDS_PER_STATEMENT = 1_000  # SQLite binds at most 32,766 values to a statement
ROWS_PER_READ = 10_000
COPIED_FROM = 100  # rows; COPY and its savepoint take four round trips, which fewer rows do not repay


def chunks(values: Iterable[T], size: int = IDS_PER_STATEMENT) -> Iterator[tuple[T, ...]]:
    """Runs of up to `size` values (itertools.batched, which Python has from 3.12 on)."""
    rest = iter(values)
    while chunk := tuple(islice(rest, size)):
        yield chunk


def among(connection: Connection, column: Column[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column has one of these values. To PostgreSQL they go as one array: a thousand parameters are slow."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(values), ARRAY(column.type)))
    return column.in_(values)


def read_by_id(
    connection: Connection, query: Callable[[], Select[Any]], column: Column[Any], ids: Iterable[int]
) -> Iterator[Sequence[Any]]:
    """The rows of a query whose column holds one of these ids.

    The statement is built once for each query: building it takes several times as long as reading a few rows. So the
    ids are one value, an array or to SQLite a JSON text.
    """
    dialect: Any = type(connection.dialect)
    postgresql = dialect.name == "postgresql"
    statement = _by_id(query, column, dialect)
    for some in chunks(ids):
        yield from fetched(connection, statement, {"ids": list(some) if postgresql else json.dumps(some)})


@cache
def _by_id(query: Callable[[], Select[Any]], column: Column[Any], dialect: Any) -> str:
    if dialect.name == "postgresql":
        statement = query().where(column == any_(bindparam("ids", type_=ARRAY(column.type))))
        return str(statement.compile(dialect=dialect()))
    listed = func.json_each(bindparam("ids", type_=String)).table_valued("value")
    statement = query().where(column.in_(select(listed.c.value)))
    return str(statement.compile(dialect=dialect(paramstyle="named")))


def fetched(connection: Connection, statement: str, *parameters: object) -> list[Any]:
    """The rows of a statement, or of the last of several, as the driver gives them: SQLAlchemy spends more time on a
    statement than SQLite on a few rows, and accepts only one statement at a time.
    """
    driver: Any = connection.connection.dbapi_connection
    faults: Any = connection.dialect.loaded_dbapi.Error
    try:
        found = driver.execute(statement, *parameters)
        while connection.dialect.name == "postgresql" and found.nextset():
            pass
        return found.fetchall()  # type: ignore[no-any-return]
    except faults as error:
        raise DBAPIError.instance(statement, None, error, faults, dialect=connection.dialect) from error


def existing(connection: Connection, table: Table, ids: Iterable[int]) -> set[int]:
    """Those of the ids that a table has."""
    found: set[int] = set()
    for some in chunks(sorted(ids)):
        found.update(connection.execute(select(table.c.id).where(among(connection, table.c.id, some))).scalars())
    return found


def stream(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    """The rows of a query, up to 10,000 at a time.

    On PostgreSQL through a cursor of the server: its driver would otherwise fetch them all before the first is read.
    """
    with connection.execute(query.execution_options(yield_per=ROWS_PER_READ)) as found:
        yield from found.partitions()


def insert_or_keep(connection: Connection, table: Table) -> Any:
    """An insert that skips rows that are already there."""
    # Each dialect takes a tenth of a second to import.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()


def insert_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns, and skip those that are already there."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        if len(rows) < COPIED_FROM or not _copied(connection, table, rows):
            given = _columns(table, rows)
            connection.execute(insert_or_keep(connection, table).from_select(list(rows[0]), select(given)))
    else:
        # As plain SQL: SQLAlchemy's own insert takes longer over a row's parameters than SQLite over the row.
        names, values = _named(connection, rows)
        marks = ", ".join("?" * len(rows[0]))
        kept = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our names
        connection.exec_driver_sql(kept, values)


def _copied(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> bool:
    """Insert rows with COPY, the fastest way on PostgreSQL; False, and nothing inserted, if some are already there."""
    names, values = _named(connection, rows)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(
                f"COPY {table.name} ({names}) FROM STDIN", execution_options={"copied_rows": values}
            )
    except IntegrityError:  # COPY cannot skip rows
        return False
    return True


def _named(connection: Connection, rows: Sequence[dict[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
    """The columns of rows, as SQL writes them, and each row's values in their order."""
    quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, rows[0]))
    return quoted, [tuple([row[name] for name in rows[0]]) for row in rows]


def copy_rows(cursor: Any, statement: str, _parameters: object, context: Any) -> bool:
    """Send the rows of a COPY statement, in place of executing it (SQLAlchemy's event `do_execute`)."""
    rows = context.execution_options.get("copied_rows")
    if rows is None:
        return False
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    return True


def reserve_ids(connection: Connection, table: Table, count: int) -> list[int]:
    """Ids for new rows of a table, which nobody else will get. On SQLite the table must be AUTOINCREMENT."""
    if connection.dialect.name == "postgresql":
        drawn = select(func.nextval(f"{table.name}_id_seq")).select_from(func.generate_series(1, count))
        return list(connection.execute(drawn).scalars())
    last = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    first = (connection.execute(last, {"name": table.name}).scalar() or 0) + 1
    return list(range(first, first + count))


def update_all(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Update rows by their id; all of `rows` have the same columns, `id` among them."""
    if not rows:
        return
    changed = [name for name in rows[0] if name != "id"]
    if connection.dialect.name == "postgresql":
        given = _columns(table, rows)
        one = update(table).where(table.c.id == given.c.id)
        connection.execute(one.values({name: given.c[name] for name in changed}))
    else:
        one = update(table).where(table.c.id == bindparam("id_"))
        values: dict[str, Any] = {name: bindparam(f"{name}_") for name in changed}
        connection.execute(one.values(values), [{f"{name}_": row[name] for name in row} for row in rows])


def _columns(table: Table, rows: Sequence[dict[str, Any]]) -> TableValuedAlias:
    """The rows as whole columns in one statement, which is ten times as fast on PostgreSQL."""
    names = list(rows[0])
    arrays = [literal([row[name] for row in rows], ARRAY(table.c[name].type)) for name in names]
    typed = [column(name, table.c[name].type) for name in names]
    return func.unnest(*arrays).table_valued(*typed).render_derived()


def ensure(connection: Connection, table: Table, key: dict[str, Any], rest: dict[str, Any]) -> int:
    """The id of the row with this key, inserted first if there is none. An existing row keeps its other columns."""
    where = and_(*(table.c[name] == value for name, value in key.items()))
    found = connection.execute(select(table.c.id).where(where)).scalar()
    if found is None:
        connection.execute(insert_or_keep(connection, table).values({**key, **rest}))
        found = connection.execute(select(table.c.id).where(where)).scalar_one()
    return int(found)
