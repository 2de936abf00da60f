"""A library answers in one space from its first answer on, and keeps following its log whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from search.asking import PATIENCE_S
from search.filling import fill, some_voices
from sqlalchemy import true
from standin import DIM, StandInEncoder, write_dump

from speaker_search.catalog.scans.enqueue import enqueue_all
from speaker_search.catalog.spaces import ensure_space
from speaker_search.library import Library
from speaker_search.search.live import Live
from speaker_search.settings import Settings
from speaker_search.views.storage import folder_of


@pytest.fixture
def library(sqlite_catalog_url: str, tmp_path: Path) -> Iterator[Library]:
    settings = Settings(home=tmp_path / "home", database_url=sqlite_catalog_url)
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, some_voices(games=2, characters=3, clips=3))
        yield opened


def test_a_library_stays_in_its_space_when_the_catalog_gets_another(library: Library, tmp_path: Path) -> None:
    """Lists and counts changed to the default encoder's space, while searches went on in the first."""
    space = library.ready.space
    before = library.show(1).character.clips
    other = ensure_space(library.catalog, space="anime-va@1", name="anime-va", dim=DIM)
    enqueue_all(library.catalog, other.id, true())
    assert library.space == space
    assert library.show(1).character.clips == before > 0
    report = library.ingest([write_dump(tmp_path / "voices", {"m/new": {"Ann": 1}})])
    assert (report.encoder, library.ready.space) == (space.name, space)
    assert library.search_like(clips=[1]).encoder == space.name


class Stumbling(Live):
    """Its first step along the log fails in a way that nobody foresaw."""

    def _step(self) -> None:
        if not self.stumbled.is_set():
            self.stumbled.set()
            raise MemoryError
        super()._step()
        self.went_on.set()


def test_an_error_that_nobody_foresaw_does_not_end_the_following(library: Library) -> None:
    """The thread died of it, and new clips were never found again."""
    space = library.space
    live = Stumbling(library.catalog, space, folder_of(library.settings.home, library.catalog.uuid, space))
    live.stumbled, live.went_on = Event(), Event()
    live.start()
    try:
        assert live.went_on.wait(PATIENCE_S)
        assert live.stumbled.is_set()
    finally:
        live.close()
