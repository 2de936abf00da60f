"""Libraries on either database, for the stand-in encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from postgresql import Databases
from standin import StandInEncoder

from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    """A new one for each test, which may write to it."""
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """One for all tests of a module that only read."""
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        url = f"sqlite:///{home / 'catalog.db'}"
        if request.param == "postgresql":
            databases: Databases = request.getfixturevalue("postgres_databases")
            url = stack.enter_context(databases.catalog())
        settings = Settings(home=home, database_url=url, encoder=StandInEncoder.name)
        yield stack.enter_context(Library(settings, encoder=StandInEncoder()))
