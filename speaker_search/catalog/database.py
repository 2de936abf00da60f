"""Opening a catalog: SQLite or PostgreSQL, at the schema this program knows, with every driver error made ours."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from speaker_search.catalog import tables
from speaker_search.errors import CatalogAwayError, CatalogError

CONNECT_TIMEOUT_S = 5
BUSY_TIMEOUT_S = 60.0  # how long one SQLite writer waits for another before it gives up
MIGRATION_LOCK = 0x5350_4B53  # any number that is ours: keeps two programs from migrating one PostgreSQL at once


@dataclass(frozen=True)
class Catalog:
    """An open catalog: `read` and `write` are the two ways to its tables."""

    engine: Engine
    uuid: str

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _translated(self.engine.url), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: all of it is committed at the end, or nothing."""
        with _translated(self.engine.url), _writing(self.engine).begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_catalog(url: str | URL) -> Catalog:
    """Open the catalog at a database URL, and make its tables when there are none yet. Raises CatalogError."""
    engine = _engine(_parsed(url))
    try:
        with _translated(engine.url):
            with engine.begin() as connection:
                empty = not inspect(connection).has_table("catalog")
            if empty:
                upgrade(engine)
            with engine.begin() as connection:
                _check_schema(connection)
                return Catalog(engine, connection.execute(select(tables.catalog.c.uuid)).scalar_one())
    except BaseException:
        engine.dispose()
        raise


def upgrade_catalog(url: str | URL) -> str:
    """Bring an older catalog to the schema this program knows, and say which that is. Raises CatalogError."""
    engine = _engine(_parsed(url))
    try:
        with _translated(engine.url):
            with engine.begin() as connection:
                found, known = _revisions(connection)
            if found is not None and found not in known:
                raise _newer(found)
            upgrade(engine)
            return known[0]
    finally:
        engine.dispose()


def upgrade(engine: Engine) -> None:
    """Run the migrations, in one transaction that no other program can be in at the same time."""
    with migrating(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.execute(select(tables.catalog.c.uuid)).first() is None:
            connection.execute(tables.catalog.insert().values(uuid=str(uuid.uuid4()), revision=0))


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction that may replace whole tables.

    SQLite changes a table by copying it and dropping the first, which foreign keys in force would not let happen; they
    are checked at the end instead (https://sqlite.org/lang_altertable.html, section 7).
    """
    with _writing(engine).connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        driver: Any = connection.connection.dbapi_connection
        if sqlite:
            driver.execute("PRAGMA foreign_keys = OFF")  # does nothing within a transaction
        try:
            with connection.begin():
                yield connection
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise CatalogError(
                        f"The catalog holds rows of {broken[0]} that refer to nothing.", "Restore a backup."
                    )
        finally:
            if sqlite:
                driver.execute("PRAGMA foreign_keys = ON")


def migrations() -> Config:
    """Alembic's configuration: the scripts inside an installed package, or those beside the checkout's."""
    package = Path(__file__).resolve().parents[1]
    inside, beside = package / "migrations", package.parent / "migrations"
    config = Config()
    # A percent sign is Alembic's own sign for interpolation.
    config.set_main_option("script_location", str(inside if inside.is_dir() else beside).replace("%", "%%"))
    return config


def _revisions(connection: Connection) -> tuple[str | None, list[str]]:
    """The schema found in the database, and those known here, newest first."""
    script = ScriptDirectory.from_config(migrations())
    known = [revision.revision for revision in script.walk_revisions()]
    found = MigrationContext.configure(connection).get_current_heads()
    return ", ".join(sorted(found)) or None, known


def _check_schema(connection: Connection) -> None:
    found, known = _revisions(connection)
    if found == known[0]:
        return
    if found in known:
        raise CatalogError(
            f"The catalog has schema version {found} and this program needs {known[0]}.",
            "Back it up, then run `spksearch catalog upgrade`.",
        )
    raise _newer(found)


def _newer(found: str | None) -> CatalogError:
    return CatalogError(
        f"The catalog has schema version {found or 'none'}, which this program does not know.",
        "Use the version of spksearch that wrote it, or set SPKSEARCH_HOME to another folder.",
    )


def _parsed(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: of a port that is no number
        raise _unreadable_url() from error
    if "@" in (parsed.host or ""):  # of a password with a bare @ the rest would be shown as the host
        raise _unreadable_url()
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise CatalogError(
            f"A catalog cannot be kept in {parsed.get_backend_name()}.",
            "Give a database URL such as sqlite:///FILE or postgresql://USER@HOST/NAME.",
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _unreadable_url() -> CatalogError:
    return CatalogError(
        "The database URL cannot be read.",
        "It looks like sqlite:///FILE or postgresql://USER@HOST/NAME; an @ in a password is written %40.",
    )


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}, pool_pre_ping=True)
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
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


def _writing(engine: Engine) -> Engine:
    return engine.execution_options(writes=True)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins every transaction, the driver none
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # a committed embedding outlives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -65536")  # KiB
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Turn the write-ahead log on; here SQLite does not wait for other programs by itself, as it does elsewhere."""
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
    # A writer asks for the write lock at once: one that reads first and writes later can be refused at the second step.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        mend = (
            "Check that the server runs and that the database URL is right."
            if url.get_backend_name() == "postgresql"
            else "Check the file and its folder, or set SPKSEARCH_HOME to another folder."
        )
        kind = CatalogAwayError if _away(error) else CatalogError
        raise kind(f"The catalog at {_shown(url)} cannot be used: {reason}.", mend) from error
    except SQLAlchemyError as error:
        raise CatalogError(f"The catalog at {_shown(url)} cannot be used: {error}.") from error


def _away(error: DBAPIError) -> bool:
    """Whether a server went away, or is starting: what may be over in a while."""
    state = getattr(error.orig, "sqlstate", None)  # psycopg's; none when there was no connection at all
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    return error.orig.__class__.__module__.startswith("psycopg") and (
        lost or str(state).startswith(("57P", "08", "40"))  # 40: it let another transaction go first
    )


def _shown(url: URL) -> str:
    """The URL without its passwords, of which the query may hold some too."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string()
