"""Recurring voices, and the casts of games."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import AnId, Cursor, Id, Limit, Name
from speaker_search.web.serving.side_by_side import Turns


def voice_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes of one library's voices."""
    routes = APIRouter()

    @routes.get("/voices")
    async def list_voices(
        maker: Name = None,
        game: Name = None,
        game_id: AnId = None,
        character_id: AnId = None,
        voice_actor: Name = None,
        min_characters: Annotated[int, Query(ge=2, le=documents.MAX_ID)] = 2,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Voices:
        """Recurring voices by id, each with its characters. They can be filtered by maker, game, character, credited
        voice actor and number of characters.
        """
        wanted = partial(
            library.voices,
            maker=maker,
            game=game,
            game_id=game_id,
            character_id=character_id,
            voice_actor=voice_actor,
            min_characters=min_characters,
            limit=limit,
            cursor=cursor,
        )
        return await turns.run(wanted, "voices")

    @routes.get("/voices/changes")
    async def list_voice_changes(limit: Limit = 100) -> documents.VoiceChanges:
        """What became of voices as the catalog grew, the latest first: at least `limit` events."""
        return await turns.run(lambda: library.cast_changes(limit=limit), "changes")

    @routes.get("/voices/{voice_id}")
    async def get_voice(voice_id: Id) -> documents.ShownVoice:
        """A recurring voice; for one that has ended, a 404 says what became of it."""
        return await turns.run(lambda: library.voice(voice_id), "voice")

    @routes.get("/characters/{character_id}/styles")
    async def get_styles(character_id: Id) -> documents.CharacterStyles:
        """A character's clips in up to four groups that sound alike, each with its most typical clips."""
        return await turns.run(lambda: library.character_styles(character_id), "styles")

    @routes.get("/games/{game_id}/cast")
    async def get_cast(game_id: Id) -> documents.CastSheet:
        """A game's cast sheet: each character with its likeliest voices, its other roles and the lines to hear."""
        return await turns.run(lambda: library.cast_sheet(game_id), "cast")

    @routes.get("/games/{game_id}/unknown")
    async def list_unknown_lines(game_id: Id, limit: Limit = 100, cursor: Cursor = None) -> documents.UnknownPage:
        """A game's lines without a known speaker, and who may speak them."""
        return await turns.run(lambda: library.unknown_page(game_id, limit=limit, cursor=cursor), "unknown")

    return routes
