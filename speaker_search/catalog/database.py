"""Opening a catalog on SQLite or PostgreSQL: its schema is checked, and driver errors become ours."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from speaker_search.catalog import rows, schema, tables
from speaker_search.catalog.checks.database_errors import POOL_TIMEOUT_S, replaced, shown_url, translated
from speaker_search.errors import CatalogConflictError, CatalogError

CONNECT_TIMEOUT_S = 5
BUSY_TIMEOUT_S = 60.0  # how long one SQLite writer waits for another before it gives up
CONFLICT_TRIES = 10  # of a transaction that PostgreSQL rolls back because of another

T = TypeVar("T")


class Catalog:
    """An open catalog: its tables are only reached through `read`, `write` and `transact`.

    A use case holds one connection. A thread that asks for a second one gets a RuntimeError: enough such threads would
    exhaust the pool and deadlock.
    """

    def __init__(self, engine: Engine, uuid: str) -> None:
        self.engine = engine
        self.uuid = uuid
        # An SQLite transaction always reads one state of the database; PostgreSQL's needs REPEATABLE READ for that.
        self._sqlite = engine.dialect.name == "sqlite"
        self._reading = engine if self._sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._writing = engine.execution_options(writes=True)
        self._path = _file_of(engine.url)
        self._file = _inode(self._path)
        self._held = threading.local()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction that sees one state of the catalog throughout."""
        with self._one_connection(), translated(self.engine.url):
            self._check_file()
            with self._reading.begin() as connection:
                self._check_schema(connection)
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: all of it is committed at the end, or nothing.

        Raises CatalogError when the database was deleted or replaced meanwhile: the writes are lost then.
        """
        with self._one_connection(), translated(self.engine.url):
            self._check_file()
            with self._writing.begin() as connection:
                self._check_schema(connection)
                if connection.execute(select(tables.catalog.c.uuid)).scalar() != self.uuid:
                    raise replaced(self.engine.url)
                yield connection
            self._check_file()

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a `write`, and retry it when the database rolls it back because of another transaction."""
        for _ in range(CONFLICT_TRIES - 1):
            try:
                with self.write() as connection:
                    return work(connection)
            except CatalogConflictError:
                continue
        with self.write() as connection:
            return work(connection)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _one_connection(self) -> Iterator[None]:
        if getattr(self._held, "by_this_thread", False):
            raise RuntimeError("This thread already holds a connection to the catalog.")
        self._held.by_this_thread = True
        try:
            yield
        finally:
            self._held.by_this_thread = False

    def _check_schema(self, connection: Connection) -> None:
        """Raise CatalogError when a newer program has upgraded the catalog; no one does until the transaction ends."""
        statement = schema.VERSION if self._sqlite else f"{schema.HOLD}; {schema.VERSION}"
        found = [version for (version,) in rows.fetched(connection, statement)]  # every transaction waits for it
        if found != [schema.HEAD]:
            raise schema.upgraded_meanwhile(found)

    def _check_file(self) -> None:
        """Raise CatalogError when SQLite's file was replaced: open connections would keep using the deleted one."""
        if self._file is not None and _inode(self._path) != self._file:
            raise replaced(self.engine.url)


def open_catalog(url: str | URL) -> Catalog:
    """Open the catalog at a database URL; in an empty database, create one. Raises CatalogError."""
    engine = _engine(_parsed(url))
    try:
        with translated(engine.url):
            with engine.begin() as connection:
                empty = _is_empty(connection)
            if empty:
                schema.upgrade(engine)
            with engine.begin() as connection:
                return Catalog(engine, schema.check(connection))
    except BaseException:
        engine.dispose()
        raise


def upgrade_catalog(url: str | URL, is_dead: Callable[[str, int], bool] = lambda *_: False) -> str:
    """Upgrade a catalog to this program's schema, and return that schema's version.

    Raises CatalogError when it cannot be used, when workers are at work on it, except those that `is_dead(machine,
    pid)`, or when other programs do not let go of it for long.
    """
    engine = _engine(_parsed(url))
    try:
        with translated(engine.url):
            with engine.begin() as connection:
                found = [] if _is_empty(connection) else schema.revisions(connection) or ["none"]
            if not set(found) <= set(schema.known()):
                raise schema.newer([version for version in found if version != "none"])
            if found != [schema.HEAD]:
                schema.upgrade(engine, is_dead)
            return schema.HEAD
    finally:
        engine.dispose()


def _is_empty(connection: Connection) -> bool:
    """Whether the database holds no catalog yet. Raises CatalogError when it is another program's."""
    names = schema.table_names(connection)
    if names and not schema.is_ours(names):
        listed = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
        raise CatalogError(
            f"The database at {shown_url(connection.engine.url)} belongs to another program: it holds {listed}.",
            "Give an empty database, or set SPKSEARCH_HOME to another folder.",
        )
    return not names


def _file_of(url: URL) -> Path | None:
    """The file of SQLite's database; None for PostgreSQL and for a database in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()  # still right when the program changes its working directory


def _inode(path: Path | None) -> tuple[int, int] | None:
    """Which file is at this path, by device and inode; None when there is none."""
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def _parsed(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is not a number
        raise _unreadable_url() from error
    if "@" in (parsed.host or ""):  # a password with a bare @: the rest of it would be shown as the host
        raise _unreadable_url()
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg2"):  # the same server, in other spellings
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise CatalogError(
            f"A catalog cannot be kept in {parsed.get_backend_name()}.",
            "Give a database URL such as sqlite:///FILE or postgresql://USER@HOST/NAME.",
        )
    return parsed


def _unreadable_url() -> CatalogError:
    return CatalogError(
        "The database URL cannot be read.",
        "Write it as sqlite:///FILE or postgresql://USER@HOST/NAME, with %40 for an @ in a password.",
    )


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            connect_args = {"connect_timeout": CONNECT_TIMEOUT_S}
            engine = create_engine(url, connect_args=connect_args, pool_pre_ping=True, pool_timeout=POOL_TIMEOUT_S)
            event.listen(engine, "do_execute", rows.copy_rows)
            return engine
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            pool = {"pool_timeout": POOL_TIMEOUT_S, "pool_use_lifo": True}  # each has read pages of its own
        else:
            pool = {}  # in memory there is one connection for all
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, **pool)
    except (NoSuchModuleError, ImportError) as error:  # ImportError: known to SQLAlchemy and not installed
        detail = f"The database driver {url.drivername} is not known."
        raise CatalogError(detail, "Write sqlite:// or postgresql:// alone.") from error
    except OSError as error:
        raise CatalogError(
            f"The catalog's folder {Path(url.database or '').parent} cannot be made: {error.strerror}.",
            "Set SPKSEARCH_HOME to a folder you can write to.",
        ) from error
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins transactions, not the driver
    cursor = connection.cursor()
    names = {row[0] for row in cursor.execute(schema.SQLITE_NAMES)}
    if not names or schema.is_ours(names):  # another program's file stays as it is
        _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # a committed embedding survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -65536")  # KiB
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Turn on the write-ahead log, with retries: unlike elsewhere, SQLite does not wait for other programs here."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # Writers take the write lock up front: a transaction that reads first can fail when it starts to write.
    rows.fetched(connection, "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
