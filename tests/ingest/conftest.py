"""A library on either database, and a few voices to take in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest.taking import CAST
from standin import StandInEncoder, write_dump

from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    return write_dump(tmp_path / "voices", CAST)
