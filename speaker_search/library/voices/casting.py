"""The recurring voices of a catalog."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.encoders import Encoder
from speaker_search.library.mending import Mending
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.cast.voices import Cast
    from speaker_search.search.live import Ready
    from speaker_search.search.profiles.profiles import Profiles


class Casting(Mending):
    """An open catalog whose characters are linked into voices."""

    def __init__(self, settings: Settings, *, encoder: Encoder | None = None) -> None:
        super().__init__(settings, encoder=encoder)
        self._linking = threading.Lock()  # characters are linked once for all searches by voice
        self._cast: tuple[Profiles, Cast] | None = None

    def cast(self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None) -> Cast:
        """The recurring voices of the whole catalog, or those of one game."""
        from speaker_search.cast.voices import find_voices, of_game

        found = find_voices(self.catalog, self.ready, min_probability=min_probability)
        return found if game is None else of_game(found, game)

    def _voices(self, ready: Ready) -> dict[int, int]:
        """The voice of each linked character, by id; linked once per state of the catalog."""
        from speaker_search.cast.voices import find_voices

        with self._linking:
            if self._cast is None or self._cast[0] is not ready.profiles:
                self._cast = (ready.profiles, find_voices(self.catalog, ready))
            return {character.id: voice.id for voice in self._cast[1].voices for character, _ in voice.members}
