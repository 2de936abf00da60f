"""Maps of voices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from speaker_search import documents
from speaker_search.documents import MAX_ID
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Id
from speaker_search.web.serving.side_by_side import Turns

MOST_CHARACTERS = 60  # whose clips are asked for at once


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

    @routes.get("/map/clips", response_model=documents.NearClips)
    async def list_near_clips(
        character_id: Annotated[
            list[Annotated[int, Query(ge=1, le=MAX_ID)]],
            Query(min_length=1, max_length=MOST_CHARACTERS, description="Whose clips; given once for each."),
        ],
    ) -> Response:
        """Up to 12 clips of each of some characters, evenly chosen, with their places around it on the map."""
        found = await turns.run(lambda: library.near_clips(character_id).model_dump_json(), "near clips")
        return Response(found, media_type="application/json")

    return routes
