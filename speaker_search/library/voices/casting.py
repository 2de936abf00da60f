"""The recurring voices of a catalog."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.catalog import pages
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.paging import cursor_after, id_after
from speaker_search.encoders import Encoder
from speaker_search.entities import fold
from speaker_search.library.holdings import check_limit
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
        self._cast: tuple[Profiles, tuple[object, ...], Cast] | None = None  # the latest, and what it follows from

    def cast(
        self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None, afresh: bool = False
    ) -> Cast:
        """The recurring voices of the whole catalog, or those of one game.

        Linked at the default probability, voices are stored, and keep their ids while the catalog grows. What has not
        changed is not linked again. All is linked anew when a tenth of the characters has changed, when nothing has
        changed in the ten minutes since the latest linking, and with `afresh`. At another probability, all are linked,
        and have the ids of the stored voices that they are most like.
        """
        from speaker_search.cast.voices import of_game

        found = self._whole_cast(self.ready, min_probability, afresh=afresh)
        return found if game is None else of_game(found, game)

    def voices(
        self,
        *,
        maker: str | None = None,
        game: str | None = None,
        game_id: int | None = None,
        character_id: int | None = None,
        voice_actor: str | None = None,
        min_characters: int = 2,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Voices:
        """A page of the recurring voices, by id, filtered by maker, game, character, credited actor and number of
        characters.

        Names compare without regard to case and width. Raises NotFoundError for those that the catalog does not know.
        """
        check_limit(limit)
        after = id_after(cursor, "voices")
        with self.catalog.read() as connection:
            games = pages.games_within(connection, maker=maker, game=game, game_id=game_id)
            one = None if character_id is None else pages.standing_id(connection, "character", character_id)
        found = self.cast()
        rest = [
            voice
            for voice in found.voices
            if voice.id > after
            and len(voice.members) >= min_characters
            and (voice_actor is None or fold(voice.voice_actor or "") == fold(voice_actor))
            and (games is None or any(who.game.id in games for who, _ in voice.members))
            and (one is None or any(who.id == one for who, _ in voice.members))
        ]
        return documents.Voices(
            encoder=found.encoder,
            voices=[documents.Voice.of(voice) for voice in rest[:limit]],
            next=cursor_after("voices", rest[limit - 1].id) if len(rest) > limit else None,
            warnings=list(found.warnings),
        )

    def voice(self, voice_id: int) -> documents.ShownVoice:
        """A recurring voice. Raises NotFoundError, which says what became of it."""
        from speaker_search.cast.history import gone

        found = self.cast()
        for voice in found.voices:
            if voice.id == voice_id:
                shown = documents.Voice.of(voice)
                return documents.ShownVoice(encoder=found.encoder, voice=shown, warnings=list(found.warnings))
        raise gone(self.catalog, self.space, voice_id)

    def cast_changes(self, *, limit: int = 100, afresh: bool = False) -> documents.VoiceChanges:
        """What became of the stored voices, newest first: at least the latest `limit` events."""
        from speaker_search.cast.history import changes

        check_limit(limit)
        self.cast(afresh=afresh)  # what has changed since the last linking counts too
        return changes(self.catalog, self.space, limit=limit)

    def _constraints(self, ready: Ready | None = None) -> Constraints:  # noqa: ARG002 - nobody has said anything yet
        """What people and credits say of the characters of a space, by default of the one being searched."""
        from speaker_search.cast.constraints import none

        return none()

    def _informed(self, ready: Ready) -> Ready:
        """The same with scores calibrated on what credits say, too."""
        return ready

    def _whole_cast(self, ready: Ready, min_probability: float = DEFAULT_PROBABILITY, *, afresh: bool = False) -> Cast:
        """The voices of the whole catalog, linked once per state of it."""
        from speaker_search.cast import keeping, relinking
        from speaker_search.cast.voices import find_voices

        ready = self._informed(ready)
        if min_probability != DEFAULT_PROBABILITY:
            plan = relinking.plan(self.catalog, ready)
            found = find_voices(self.catalog, ready, min_probability=min_probability, constraints=self._constraints())
            return keeping.with_ids(found, plan)
        with self._linking:
            version, constraints = keeping.version(self.catalog, ready), self._constraints()
            told = (ready.warnings(calibrated=True), constraints.pairs)
            before = self._cast
            if afresh or before is None or before[0] is not ready.profiles or before[1] != (*told, version):
                plan = relinking.plan(self.catalog, ready, afresh=afresh)
                found = find_voices(self.catalog, ready, constraints=self._constraints(), held=plan.held)
                stored = keeping.store(self.catalog, ready, found, plan)
                before = self._cast = (ready.profiles, (*told, keeping.version(self.catalog, ready)), stored)
            return before[2]

    def _voices(self, ready: Ready) -> dict[int, int]:
        """The voice of each linked character, by id."""
        return {one.id: voice.id for voice in self._whole_cast(ready).voices for one, _ in voice.members}
