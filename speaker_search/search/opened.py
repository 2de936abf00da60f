"""One space of a catalog, open for questions."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from speaker_search.catalog import embedding as embeddings
from speaker_search.catalog import reading
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import Space
from speaker_search.index.clip_index import ClipIndex
from speaker_search.index.sync import catch_up, folder_of, open_index
from speaker_search.search.profiles import Profiles, build_profiles, open_profiles

REFRESH_SHARE = 0.05  # of the time at most goes into following a catalog that keeps changing


@dataclass(slots=True)
class Opened:
    """A catalog, one of its spaces, the space's index and profiles. `lock` is held by whoever uses the index."""

    catalog: Catalog
    space: Space
    index: ClipIndex
    profiles: Profiles
    revision: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    _not_before_s: float = 0.0

    def refresh(self) -> None:
        """Follow what others have committed since: at once when that is quick, less often the longer it takes."""
        if time.monotonic() < self._not_before_s:
            return
        with self.lock:
            with self.catalog.read() as connection:
                space = next(s for s in embeddings.spaces(connection) if s.id == self.space.id)
                revision = reading.revision(connection)
            if (space.changes, revision) == (self.space.changes, self.revision):
                return
            began = time.monotonic()
            self.index = catch_up(self.catalog, space, self.index)
            self.profiles = build_profiles(self.catalog, space)
            self.space, self.revision = space, revision
            self._not_before_s = time.monotonic() + (time.monotonic() - began) / REFRESH_SHARE


def open_space(catalog: Catalog, home: Path, encoder: str | None, *, save: bool = False) -> Opened:
    """Open the space of an encoder's name; with `save`, leave its index on disk as it is now."""
    with catalog.read() as connection:
        space = embeddings.choose_space(connection, encoder)
        revision = reading.revision(connection)
    folder = folder_of(home, catalog, space)
    index = open_index(catalog, space, folder, save=save)
    return Opened(catalog, space, index, open_profiles(catalog, space, folder), revision)
