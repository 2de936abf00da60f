"""A catalog on either database, and threads that start together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from catalog.shelf import DIM, Shelf

from speaker_search.catalog import registering
from speaker_search.catalog.database import Catalog, open_catalog


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    opened = open_catalog(database_url)
    yield opened
    opened.close()


@pytest.fixture
def shelf(catalog: Catalog) -> Shelf:
    return Shelf(catalog, registering.ensure_space(catalog, space="first@1", name="first", dim=DIM))


@pytest.fixture
def all_at_once() -> Callable[[Callable[[], object], int], list[object]]:
    """Call a function in so many threads that all start it together; what each returned."""

    def run(function: Callable[[], object], threads: int) -> list[object]:
        start = Barrier(threads)

        def wait_and_call() -> object:
            start.wait()
            return function()

        with ThreadPoolExecutor(threads) as pool:
            return [future.result() for future in [pool.submit(wait_and_call) for _ in range(threads)]]

    return run
