"""Known voice actors."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, UploadFile

from speaker_search import documents
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.errors import TooLargeError
from speaker_search.library import Library
from speaker_search.web.routes.parameters import AnId, Cursor, Limit, Name
from speaker_search.web.serving.side_by_side import Turns

MAX_CSV_BYTES = 16 * 2**20  # about 200,000 credits


def credit_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes of one library's credits."""
    routes = APIRouter()

    @routes.get("/credits")
    def list_credits(
        maker: Name = None,
        game: Name = None,
        game_id: AnId = None,
        character_id: AnId = None,
        voice_actor: Name = None,
        spoilers: Annotated[bool, Query(description="Also list credits that are marked as spoilers.")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Credits:
        """Who is known to speak whom, by character; an actor is found by every name that they are credited under."""
        return library.credits(
            maker=maker,
            game=game,
            game_id=game_id,
            character_id=character_id,
            voice_actor=voice_actor,
            spoilers=spoilers,
            limit=limit,
            cursor=cursor,
        )

    @routes.post("/credits")
    async def import_credits(
        file: UploadFile,
        dry_run: Annotated[bool, Query(description="Only say what the import would do.")] = False,
        spoilers: Annotated[bool, Query(description="Also import rows that are marked as spoilers.")] = False,
    ) -> documents.ImportedCredits:
        """Import known voice actors from a CSV file with the columns `maker,game,character,voice_actor`.

        All of it or nothing; importing it again changes nothing. A column `sex`, f or m, may say that of the actors.
        """
        content = await file.read(MAX_CSV_BYTES + 1)
        if len(content) > MAX_CSV_BYTES:
            raise TooLargeError(
                f"A list of credits may be up to {MAX_CSV_BYTES // 2**20} MiB.", "Split it into smaller files."
            )
        name = file.filename or "credits.csv"
        work = partial(library.import_credits, name, content, dry_run=dry_run, spoilers=spoilers)
        return await turns.run(work, "import")

    @routes.get("/credits/audit")
    async def audit_credits(limit: Limit = 50) -> documents.CreditAudit:
        """Credits that the voices disagree with, the surest first, and actors who sound like one person."""
        return await turns.run(lambda: library.audit_credits(limit=limit), "audit")

    @routes.get("/credits/likely")
    async def list_likely_actors(
        min_probability: Annotated[float, Query(gt=0, lt=1)] = DEFAULT_PROBABILITY,
    ) -> documents.LikelyActors:
        """Who uncredited characters are probably spoken by: the actor that the credits of their voice agree on."""
        return await turns.run(lambda: library.likely_actors(min_probability=min_probability), "likely")

    return routes
