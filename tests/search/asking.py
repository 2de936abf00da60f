"""What tests of a catalog that changes share: games that come late, questions about them, and patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
from search.filling import around, units
from standin import DIM

from speaker_search.catalog.database import Catalog
from speaker_search.search.answering import answer
from speaker_search.search.live import Live
from speaker_search.search.query import Page, Query
from speaker_search.views import storage

PATIENCE_S = 300.0  # before a test that waits for something fails


def until(happens: Callable[[], bool]) -> None:
    """Look again and again until something is so."""
    give_up = time.monotonic() + PATIENCE_S
    pause = Event()
    while not happens():
        assert time.monotonic() < give_up, "It never happened."
        pause.wait(0.01)


def line(seed: int) -> np.ndarray:
    return units(np.random.default_rng(seed).standard_normal(DIM))


def late(seed: int = 1, clips: int = 3) -> dict[str, dict[str | None, np.ndarray]]:
    """A game that was not there before, with one character."""
    return {f"maker0/late{seed}": {f"x{seed}": around(line(seed), clips, np.random.default_rng(seed))}}


def nearest(catalog: Catalog, live: Live, seed: int) -> str:
    """The game of the clip nearest to a line."""
    found = answer(catalog, live.ready, Query(line(seed), 1, None), by="clip", page=Page(1))
    (match,) = found.matches
    return match.character.game.title if match.character else ""


def kept_position(folder: Path) -> int:
    version = storage.in_use(folder)
    assert version is not None
    return version.stamp.position
