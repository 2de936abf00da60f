"""The bundled voices, taken in once for all tests of a session, and a server that searches them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from end_to_end import running


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> running.Ingested:
    return running.ingested(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def server(ingested: running.Ingested) -> Iterator[running.Server]:
    with running.serving(ingested.home) as server:
        yield server


@pytest.fixture
def http(server: running.Server) -> httpx.Client:
    return server.client


@pytest.fixture(scope="session")
def role() -> running.Role:
    """A character whose voice actor plays in other games too."""
    return next(role for role in running.cast() if role.clips() and _elsewhere(role))


@pytest.fixture(scope="session")
def clip(role: running.Role) -> Path:
    return role.clips()[0]


@pytest.fixture(scope="session")
def elsewhere(role: running.Role) -> set[str]:
    """The characters that its voice actor plays in other games."""
    return _elsewhere(role)


def _elsewhere(role: running.Role) -> set[str]:
    group = next((group for group in running.recurring() if role.address in group), frozenset())
    return set(group - {role.address})
