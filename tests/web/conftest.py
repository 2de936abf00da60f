"""A server that searches the bundled voices, and what to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from end_to_end import bundled, running


@pytest.fixture(scope="session")
def server(ingested: bundled.Ingested) -> Iterator[running.Server]:
    with running.serving(ingested.home) as server:
        yield server


@pytest.fixture
def http(server: running.Server) -> httpx.Client:
    return server.client


@pytest.fixture(scope="session")
def role() -> bundled.Role:
    """A character whose voice actor plays in other games too."""
    return next(role for role in bundled.cast() if role.clips() and _elsewhere(role))


@pytest.fixture(scope="session")
def clip(role: bundled.Role) -> Path:
    return role.clips()[0]


@pytest.fixture(scope="session")
def elsewhere(role: bundled.Role) -> set[str]:
    """The characters that its voice actor plays in other games."""
    return _elsewhere(role)


def _elsewhere(role: bundled.Role) -> set[str]:
    group = next((group for group in bundled.recurring() if role.address in group), frozenset())
    return set(group - {role.address})
