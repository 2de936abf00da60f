"""Maps of voices."""

from __future__ import annotations

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Id


def map_routes(library: Library) -> APIRouter:
    """The routes of one library's maps."""
    routes = APIRouter()

    @routes.get("/map")
    def get_character_map() -> documents.CharacterMap:
        """Every character as a point on a map, those that sound alike near each other."""
        return library.character_map()

    @routes.get("/games/{game_id}/map")
    def get_clip_map(game_id: Id) -> documents.ClipMap:
        """A game's clips as points on a map; evenly chosen where there are over 20,000."""
        return library.clip_map(game_id)

    return routes
