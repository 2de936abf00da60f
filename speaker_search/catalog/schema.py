"""The catalog's schema: which version a database has, and how it is upgraded to this program's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, select, text

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


def upgrade(engine: Engine) -> None:
    """Run the migrations, in one transaction that excludes other programs."""
    with migrating(engine) as connection:
        migrate(connection)
        if connection.execute(select(tables.catalog.c.uuid)).first() is None:
            connection.execute(tables.catalog.insert().values(uuid=str(uuid.uuid4())))


def migrate(connection: Connection, revision: str = HEAD) -> None:
    """Run the migrations up to a schema version, by default this program's, in a transaction of `migrating`."""
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction that may replace whole tables.

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
                yield connection
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise CatalogError(
                        f"The catalog holds rows of {broken[0]} with broken references.", "Restore a backup."
                    )
        finally:
            if sqlite:
                driver.execute("PRAGMA foreign_keys = ON")


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


def newer(found: list[str]) -> CatalogError:
    return CatalogError(
        f"The catalog has schema version {', '.join(found) or 'none'}, which this program does not know.",
        "Use the version of spksearch that wrote it, or set SPKSEARCH_HOME to another folder.",
    )
