"""The recurring voices of a catalog."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.encoders import Encoder
from speaker_search.library.mending import Mending
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.cast.constraints import Constraints
    from speaker_search.cast.voices import Cast
    from speaker_search.search.live import Ready
    from speaker_search.search.profiles.profiles import Profiles


class Casting(Mending):
    """An open catalog whose characters are linked into voices."""

    def __init__(self, settings: Settings, *, encoder: Encoder | None = None) -> None:
        super().__init__(settings, encoder=encoder)
        self._linking = threading.Lock()  # characters are linked once for all searches by voice
        self._cast: tuple[Profiles, tuple[bytes, bytes], Cast] | None = None

    def cast(self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None) -> Cast:
        """The recurring voices of the whole catalog, or those of one game."""
        from speaker_search.cast.voices import find_voices, of_game

        found = find_voices(self.catalog, self.ready, min_probability=min_probability, constraints=self._constraints())
        return found if game is None else of_game(found, game)

    def cast_document(
        self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None, export_to: Path | None = None
    ) -> documents.Cast:
        """What `cast` answers, as a document; also exported to `export_to` in the format of its suffix."""
        from speaker_search.cast.export import export

        found = self.cast(min_probability=min_probability, game=game)
        document = found.document()
        if export_to is not None:
            export(found, document.model_dump_json(indent=1), export_to)
        return document

    def _voices(self, ready: Ready) -> dict[int, int]:
        """The voice of each linked character, by id; linked once per state of the catalog."""
        from speaker_search.cast.voices import find_voices

        with self._linking:
            constraints = self._constraints()
            told = constraints.together.tobytes(), constraints.apart.tobytes()
            if self._cast is None or self._cast[0] is not ready.profiles or self._cast[1] != told:
                self._cast = (ready.profiles, told, find_voices(self.catalog, ready, constraints=constraints))
            return {character.id: voice.id for voice in self._cast[2].voices for character, _ in voice.members}

    def _constraints(self) -> Constraints:
        """What people and credits say of characters."""
        from speaker_search.cast.constraints import none

        return none()
