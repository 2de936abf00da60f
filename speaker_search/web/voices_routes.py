"""The routes of recurring voices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from speaker_search import documents
from speaker_search.documents import MAX_ID, MAX_LIMIT
from speaker_search.library import Library

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def voice_routes(library: Library) -> APIRouter:
    routes = APIRouter()

    @routes.get("/voices")
    def voices(limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100, cursor: str | None = None) -> documents.Voices:
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
