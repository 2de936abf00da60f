"""A space of the catalog followed: its views opened when first needed, kept up to date, and saved."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from speaker_search.catalog.spaces import Space
from speaker_search.library.holdings import Holdings
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.live import Live, Ready


class Following(Holdings):
    """An open catalog with the views of the space that questions are about."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = threading.RLock()
        self._live: Live | None = None

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
        super().close()

    @property
    def ready(self) -> Ready:
        """The space asked about as a snapshot that others' commits reach within about a second."""
        return self._followed().ready

    def refresh(self) -> None:
        """Take in what others have committed now, and calibrate scores again where that is due."""
        self._followed().refresh()

    def prepare(self) -> str:
        """Open the index now instead of for the first question; the space that questions are about."""
        return self.ready.space.name

    def _followed(self, space: Space | None = None, *, anew: bool = False) -> Live:
        """The space asked about, or the one given, following its change log."""
        from speaker_search.search.live import Live
        from speaker_search.views.storage import folder_of

        with self._lock:
            if self._live is None or anew or space not in (None, self._live.ready.space):
                space = space or self.space
                live = Live(self.catalog, space, folder_of(self.settings.home, self.catalog.uuid, space), anew=anew)
                if self._live is not None:
                    self._live.close()
                self._live = live
                live.start()
            return self._live

    def _save_index(self, space: Space, *, anew: bool = False) -> None:
        live = self._followed(space, anew=anew)
        live.refresh()
        live.save()
