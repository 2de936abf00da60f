"""Verdicts, and the pairs to listen to."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from speaker_search import documents
from speaker_search.documents.models.confused_characters import Confusions
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Author, Cursor, Id, KeyName, Limit, who_says
from speaker_search.web.serving.side_by_side import Turns


def verdict_routes(library: Library, turns: Turns) -> APIRouter:
    """The routes for verdicts on one library."""
    routes = APIRouter()

    @routes.get("/verdicts")
    def list_verdicts(
        character: Annotated[str | None, Query(description="On this character: its id, or `maker/game/name`.")] = None,
        history: Annotated[bool, Query(description="Also list those that were undone.")] = False,
        same: Annotated[bool | None, Query(description="true: only those that say one voice; false: two.")] = None,
        author: Annotated[
            str | None, Query(max_length=documents.MAX_AUTHOR, description="Only those given by.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> documents.Verdicts:
        """Verdicts, the newest first."""
        return library.verdicts(character, history=history, same=same, author=author, limit=limit, cursor=cursor)

    @routes.post("/verdicts", status_code=201, responses={200: {"model": documents.JudgedVerdict}})
    def give_verdict(request: documents.VerdictRequest, response: Response, key: KeyName) -> documents.JudgedVerdict:
        """Keep a verdict on two characters: 201, or 200 when the same verdict stands already.

        One that contradicts earlier verdicts is refused with a 409, whose detail names the chain of verdicts.
        """
        author = who_says(request.author, key)
        given = library.judge(request.one, request.other, same=request.same, note=request.note, author=author)
        response.status_code = 201 if given.new else 200
        return given

    @routes.delete("/verdicts/{verdict_id}")
    def undo_verdict(verdict_id: Id, key: KeyName, author: Author = None) -> documents.JudgedVerdict:
        """Undo a verdict, which stays in the history; `author` is who undoes it.

        Undoing it again is a 200 as well, with `"new": false`, and keeps who undid it first.
        """
        return library.undo_verdict(verdict_id, author=who_says(author, key))

    @routes.get("/queue")
    async def get_queue(limit: Limit = 10) -> documents.ListeningQueue:
        """The pairs of characters whose answer would change the cast most, with their lines to hear."""
        return await turns.run(lambda: library.listening_queue(limit=limit), "queue")

    @routes.get("/confusions")
    async def list_confusions(
        min_probability: Annotated[float, Query(gt=0, lt=1)] = documents.DEFAULT_PROBABILITY,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Confusions:
        """Pairs of characters that sound like one person and that no verdict or credit answers, with lines to hear:
        those of nearly one name first, then the likeliest.
        """
        wanted = partial(library.confusions, min_probability=min_probability, limit=limit, cursor=cursor)
        return await turns.run(wanted, "confusions")

    return routes
