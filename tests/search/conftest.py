"""Libraries for the stand-in encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standin import StandInEncoder

from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    """A new one for each test, which may write to it."""
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def module_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """One for all tests of a module that only read: all that they ask of the catalog, others ask of PostgreSQL too."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened
