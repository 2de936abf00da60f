"""What the catalog holds: makers, games, characters and clips."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import AnId, Cursor, Id, Limit, Name, Part


def catalog_routes(library: Library) -> APIRouter:
    """The routes of what one library holds."""
    routes = APIRouter()

    @routes.get("/makers")
    def list_makers(
        name: Name = None, contains: Part = None, limit: Limit = 100, cursor: Cursor = None
    ) -> documents.Makers:
        """Makers by id."""
        return library.makers(name=name, contains=contains, limit=limit, cursor=cursor)

    @routes.get("/makers/{maker_id}")
    def get_maker(maker_id: Id) -> documents.ListedMaker:
        """A maker; for one that was merged into another, that one."""
        return library.maker(maker_id)

    @routes.get("/games")
    def list_games(
        maker: Name = None,
        maker_id: AnId = None,
        title: Name = None,
        contains: Part = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Games:
        """Games by id."""
        return library.games(maker=maker, maker_id=maker_id, title=title, contains=contains, limit=limit, cursor=cursor)

    @routes.get("/games/{game_id}")
    def get_game(game_id: Id) -> documents.ListedGame:
        """A game; for one that was merged into another, that one."""
        return library.game(game_id)

    @routes.get("/characters")
    def list_characters(
        maker: Name = None,
        maker_id: AnId = None,
        game: Name = None,
        game_id: AnId = None,
        name: Name = None,
        contains: Part = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Characters:
        """Characters by id."""
        return library.characters(
            maker=maker,
            maker_id=maker_id,
            game=game,
            game_id=game_id,
            name=name,
            contains=contains,
            limit=limit,
            cursor=cursor,
        )

    @routes.get("/characters/{character_id}")
    def get_character(character_id: Id) -> documents.Character:
        """A character; for one that was merged into another, that one."""
        return library.character_of(character_id)

    @routes.get("/clips")
    def list_clips(
        maker: Name = None,
        maker_id: AnId = None,
        game: Name = None,
        game_id: AnId = None,
        character_id: AnId = None,
        unknown: bool = False,
        state: Literal["embedded", "pending", "refused"] | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Clips:
        """Clips by id. `unknown` selects those without a known speaker, `state` those that are embedded, pending or
        refused in the space being searched.
        """
        return library.clip_list(
            maker=maker,
            maker_id=maker_id,
            game=game,
            game_id=game_id,
            character_id=character_id,
            unknown=unknown,
            state=state,
            limit=limit,
            cursor=cursor,
        )

    @routes.get("/clips/{clip_id}")
    def get_clip(clip_id: Id) -> documents.HeldClip:
        """A clip, whose it is, and whether it can be found."""
        return library.clip(clip_id)

    return routes
