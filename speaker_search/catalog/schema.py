"""The catalog's schema: which version a database has, and how it is upgraded to this program's."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import OperationalError

from speaker_search.catalog import tables
from speaker_search.errors import CatalogError

if TYPE_CHECKING:  # alembic takes a fifth of a second to import, and most programs find the schema up to date
    from alembic.config import Config

HEAD = "0009"  # the schema that tables/ describes; a test compares it with migrations/
#: Tables that every version of the schema has. A database with tables and without these is another program's.
OURS = frozenset({"alembic_version", "catalog", "clips", "encoders"})
#: Tables, views, indexes and triggers, without those that SQLite makes itself.
SQLITE_NAMES = "SELECT name FROM sqlite_master WHERE substr(name, 1, 7) <> 'sqlite_'"
MIGRATION_LOCK = 0x5350_4B53  # arbitrary: keeps two programs from migrating one PostgreSQL at the same time
#: The first statements of each transaction on PostgreSQL: a migration waits for its end, and it for a migration's. A
#: lock takes no snapshot yet, so what the transaction then sees is all of one schema. On SQLite snapshots do that.
HOLD = "LOCK TABLE alembic_version IN ACCESS SHARE MODE"
VERSION = "SELECT version_num FROM alembic_version"
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's state of a statement that lock_timeout ended
MOST_NAMED = 3  # workers in a sentence
WAIT_S = 30.0  # that a migration waits for others' transactions; those that begin meanwhile wait for it


def check(connection: Connection) -> str:
    """The catalog's uuid, if its schema is this program's. Raises CatalogError otherwise."""
    found = revisions(connection)
    if found == [HEAD]:
        return str(connection.execute(select(tables.catalog.c.uuid)).scalar_one())
    if found and set(found) <= set(known()):
        raise CatalogError(
            f"The catalog has schema version {', '.join(found)} and this program needs {HEAD}.",
            "Back it up, then run `spksearch catalog upgrade`.",
        )
    raise newer(found)


def table_names(connection: Connection) -> set[str]:
    """The tables in the database, and on SQLite all else; none when there is only what a downgrade leaves behind."""
    if connection.dialect.name == "sqlite":
        names = {str(name) for name in connection.exec_driver_sql(SQLITE_NAMES).scalars()}
    else:  # views do not count: extensions put some of theirs into new databases
        names = set(inspect(connection).get_table_names())
    return set() if names == {"alembic_version"} and not revisions(connection) else names


def is_ours(names: set[str]) -> bool:
    """Whether a database with these tables is a catalog."""
    return names >= OURS


def upgrade(engine: Engine, is_dead: Callable[[str, int], bool] = lambda *_: False) -> None:
    """Run the migrations, in one transaction that excludes other programs. Raises CatalogError while workers work."""
    with migrating(engine) as connection:
        _check_nobody_works(connection, is_dead)
        migrate(connection)
        if connection.execute(select(tables.catalog.c.uuid)).first() is None:
            connection.execute(tables.catalog.insert().values(uuid=str(uuid.uuid4())))


def migrate(connection: Connection, revision: str = HEAD) -> None:
    """Run the migrations up to a schema version, by default this program's, in a transaction of `migrating`."""
    from alembic import command

    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@contextmanager
def migrating(engine: Engine, wait_s: float = WAIT_S) -> Iterator[Connection]:
    """A transaction that may replace whole tables. No other program has one meanwhile.

    Raises CatalogError when others' transactions do not end within `wait_s`.

    SQLite changes a table by copying it and dropping the original, which enforced foreign keys would not allow. They
    are checked at the end instead (https://sqlite.org/lang_altertable.html, section 7).
    """
    with engine.execution_options(writes=True).connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        driver: Any = connection.connection.dbapi_connection
        if sqlite:
            driver.execute("PRAGMA foreign_keys = OFF")  # does nothing within a transaction
        try:
            with connection.begin():
                if not sqlite:
                    _exclude_others(connection, wait_s)
                yield connection
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise CatalogError(
                        f"The catalog holds rows of {broken[0]} with broken references.", "Restore a backup."
                    )
        finally:
            if sqlite:
                driver.execute("PRAGMA foreign_keys = ON")


def _exclude_others(connection: Connection, wait_s: float) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    if not inspect(connection).has_table("alembic_version"):
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * wait_s)}")
    try:
        connection.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise CatalogError(
            f"Another program has been reading or writing the catalog for {wait_s:g} s, so it was left as it is.",
            "Wait until backups and exports have ended, or stop what uses the catalog, and try again.",
        ) from error
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")


def _check_nobody_works(connection: Connection, is_dead: Callable[[str, int], bool]) -> None:
    """Raise CatalogError when workers have leases: an old one may not look for the schema's version as it stores."""
    if not inspect(connection).has_table("workers"):
        return
    w = tables.workers.c  # these columns are in every version that has workers
    now = func.extract("epoch", func.clock_timestamp()) if connection.dialect.name == "postgresql" else time.time()
    leases = connection.execute(select(w.machine, w.pid).where(w.lease_until >= now).order_by(w.id))
    working = [(machine.partition(" ")[0], pid) for machine, pid in leases if not is_dead(machine, pid)]
    if working:
        named = ", ".join(f"process {pid} on {machine}" for machine, pid in working[:MOST_NAMED])
        more = f" and {len(working) - MOST_NAMED} more" if len(working) > MOST_NAMED else ""
        raise CatalogError(
            f"Workers use the catalog: {named}{more}.",
            "Stop them and all servers first. Those killed on other machines are forgotten after a minute.",
        )


def migrations() -> Config:
    """Alembic's configuration, with the scripts inside an installed package, or beside it in a checkout."""
    from alembic.config import Config

    package = Path(__file__).resolve().parents[1]
    inside, beside = package / "migrations", package.parent / "migrations"
    config = Config()
    # Alembic interpolates percent signs.
    config.set_main_option("script_location", str(inside if inside.is_dir() else beside).replace("%", "%%"))
    return config


def known() -> list[str]:
    """Every schema version in the migrations, newest first."""
    from alembic.script import ScriptDirectory

    return [revision.revision for revision in ScriptDirectory.from_config(migrations()).walk_revisions()]


def revisions(connection: Connection) -> list[str]:
    """The schema versions stored in the database: one, unless something went wrong."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return sorted(map(str, connection.execute(text("SELECT version_num FROM alembic_version")).scalars()))


def not_a_database(file: str | None) -> CatalogError:
    return CatalogError(
        f"{file} is not a database.",
        "Set SPKSEARCH_HOME to another folder; if this was your catalog, restore a backup of it.",
    )


def upgraded_meanwhile(found: Sequence[str]) -> CatalogError:
    return CatalogError(
        f"The catalog now has schema version {', '.join(found) or 'none'}, and this program began with {HEAD}.",
        "Stop this program, and start the version that upgraded the catalog.",
    )


def newer(found: list[str]) -> CatalogError:
    return CatalogError(
        f"The catalog has schema version {', '.join(found) or 'none'}, which this program does not know.",
        "Use the version of spksearch that wrote it, or set SPKSEARCH_HOME to another folder.",
    )
