"""A catalog on either database, threads that start together, and a wait for locks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
from catalog.shelf import DIM, Shelf
from sqlalchemy import Connection, create_engine, text

from speaker_search.catalog import spaces
from speaker_search.catalog.database import Catalog, open_catalog

PATIENCE_S = 60.0  # before a test that waits for something fails


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new catalog's file. Copying it is much quicker than running the migrations for each test."""
    file = tmp_path_factory.mktemp("template") / "catalog.db"
    open_catalog(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def postgres_admin(postgres: str) -> Iterator[Connection]:
    """A connection to the PostgreSQL server that may create and drop databases."""
    engine = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres: str, postgres_admin: Connection) -> str:
    """The name of a database that holds a new catalog."""
    name = f"template_{uuid4().hex[:12]}"
    postgres_admin.execute(text(f"CREATE DATABASE {name}"))
    open_catalog(postgres.replace("/postgres?", f"/{name}?", 1)).close()
    return name


@pytest.fixture
def postgres_catalog(postgres: str, postgres_admin: Connection, postgres_template: str) -> Iterator[Catalog]:
    """A new catalog on PostgreSQL."""
    name = f"test_{uuid4().hex[:12]}"
    postgres_admin.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    opened = open_catalog(postgres.replace("/postgres?", f"/{name}?", 1))
    yield opened
    opened.close()
    postgres_admin.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_catalog(sqlite_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog on SQLite."""
    opened = open_catalog(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'catalog.db')}")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request: pytest.FixtureRequest) -> Catalog:
    """A new catalog: each test that takes it runs on SQLite and on PostgreSQL."""
    opened: Catalog = request.getfixturevalue("sqlite_catalog" if request.param == "sqlite" else "postgres_catalog")
    return opened


@pytest.fixture
def shelf(catalog: Catalog) -> Shelf:
    return _shelf(catalog)


@pytest.fixture
def postgres_shelf(postgres_catalog: Catalog) -> Shelf:
    return _shelf(postgres_catalog)


@pytest.fixture
def all_at_once() -> Callable[[Callable[[], object], int], list[object]]:
    """Call a function in several threads that all start it together; what each returned."""

    def run(function: Callable[[], object], threads: int) -> list[object]:
        start = Barrier(threads)

        def wait_and_call() -> object:
            start.wait(PATIENCE_S)
            return function()

        with ThreadPoolExecutor(threads) as pool:
            return [future.result() for future in [pool.submit(wait_and_call) for _ in range(threads)]]

    return run


@pytest.fixture
def until_blocked() -> Callable[[Catalog, int], list[str]]:
    """Wait until that many connections to a PostgreSQL catalog wait for a lock; the statements that wait."""
    blocked = text("SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")

    def wait(catalog: Catalog, count: int) -> list[str]:
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            with catalog.engine.connect() as connection:  # the caller may hold one already
                statements = list(connection.execute(blocked).scalars())
            if len(statements) == count:
                return statements
        pytest.fail(f"There never were {count} connections that waited for a lock.")

    return wait


def _shelf(catalog: Catalog) -> Shelf:
    return Shelf(catalog, spaces.ensure_space(catalog, space="first@1", name="first", dim=DIM).id)
