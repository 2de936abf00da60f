"""A Milvus server for all tests of a process, where one is installed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator

import pytest
from views.milvus.milvus_server import MilvusServer

LACKING = "Milvus is not installed: scripts/test --engines installs it"


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """A server that runs, for all tests of a process; a test that ends it starts it again."""
    if any(importlib.util.find_spec(name) is None for name in ("milvus", "pymilvus")):
        pytest.skip(LACKING)
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def milvus(milvus_server: MilvusServer) -> Iterator[MilvusServer]:
    """The same, left empty: all catalogs of the tests have one identity."""
    yield milvus_server
    milvus_server.clear()
