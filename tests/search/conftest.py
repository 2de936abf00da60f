"""Libraries on either database, for the stand-in encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
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
    url = f"sqlite:///{home / 'catalog.db'}"
    if request.param == "postgresql":
        server: str = request.getfixturevalue("postgres")
        name = f"module_{home.name}"
        admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.replace("/postgres?", f"/{name}?", 1)
    settings = Settings(home=home, database_url=url, encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened
