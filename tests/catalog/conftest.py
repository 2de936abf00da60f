"""A catalog on either database, threads that start together, and a wait for locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from catalog.shelf import DIM, Shelf
from sqlalchemy import text

from speaker_search.catalog import spaces
from speaker_search.catalog.database import Catalog, open_catalog

PATIENCE_S = 300.0  # before a test that waits for something fails


@pytest.fixture
def postgres_catalog(postgres_catalog_url: str) -> Iterator[Catalog]:
    """A new catalog on PostgreSQL."""
    yield from _opened(postgres_catalog_url)


@pytest.fixture
def sqlite_catalog(sqlite_catalog_url: str) -> Iterator[Catalog]:
    """A new catalog on SQLite."""
    yield from _opened(sqlite_catalog_url)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """A new catalog: each test that takes it runs on SQLite and on PostgreSQL."""
    yield from _opened(catalog_url)


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


def _opened(url: str) -> Iterator[Catalog]:
    catalog = open_catalog(url)
    yield catalog
    catalog.close()
