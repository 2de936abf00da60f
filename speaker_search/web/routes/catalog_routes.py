"""What the catalog holds: characters, and the sounds of clips."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web import description, sounds
from speaker_search.web.routes.parameters import Id, Limit


def catalog_routes(library: Library) -> APIRouter:
    """The routes of what one library holds."""
    routes = APIRouter()

    @routes.get("/characters")
    def characters(
        maker: str | None = None,
        game: str | None = None,
        name: str | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> documents.Characters:
        """Characters by id; maker, game and name compare without regard to case and width."""
        return library.characters(maker=maker, game=game, name=name, limit=limit, cursor=cursor)

    @routes.get("/clips/{clip_id}/audio", response_class=FileResponse, responses=description.SOUNDS)
    def audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive; byte ranges are supported."""
        sound = library.sound(clip_id)
        return sounds.response(sound.source, sound.media_type, request.headers.get("range"))

    return routes
