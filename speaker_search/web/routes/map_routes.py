"""Maps of voices."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Id
from speaker_search.web.serving.side_by_side import Turns


def map_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes of one library's maps. Their answers are long, so they are written as JSON in the thread, too."""
    routes = APIRouter()

    @routes.get("/map", response_model=documents.CharacterMap)
    async def get_character_map() -> Response:
        """Every character as a point on a map, those that sound alike near each other."""
        found = await turns.run(lambda: library.character_map().model_dump_json(), "map")
        return Response(found, media_type="application/json")

    @routes.get("/games/{game_id}/map", response_model=documents.ClipMap)
    async def get_clip_map(game_id: Id) -> Response:
        """A game's clips as points on a map; evenly chosen where there are over 20,000."""
        found = await turns.run(lambda: library.clip_map(game_id).model_dump_json(), "clip map")
        return Response(found, media_type="application/json")

    return routes
