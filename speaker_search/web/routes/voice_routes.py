"""Recurring voices, and the casts of games."""

from __future__ import annotations

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Id, Limit


def voice_routes(library: Library) -> APIRouter:
    """The routes of one library's voices."""
    routes = APIRouter()

    @routes.get("/voices")
    def voices(limit: Limit = 100, cursor: str | None = None) -> documents.Voices:
        """Recurring voices by id, each with its characters."""
        return library.voices(limit=limit, cursor=cursor)

    @routes.get("/voices/{voice_id}")
    def voice(voice_id: Id) -> documents.ShownVoice:
        """A recurring voice."""
        return library.voice(voice_id)

    @routes.get("/games/{game_id}/cast")
    def game_cast(game_id: Id) -> documents.Cast:
        """The voices heard in a game, and its characters that belong to none."""
        return library.game_cast(game_id)

    return routes
