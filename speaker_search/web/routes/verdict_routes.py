"""Verdicts, and the queue of pairs to listen to."""

from __future__ import annotations

from fastapi import APIRouter, Response

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Id, Limit


def verdict_routes(library: Library) -> APIRouter:
    """The routes for verdicts on one library."""
    routes = APIRouter()

    @routes.post("/verdicts", status_code=201, responses={409: {"model": documents.Problem}})
    def judge(request: documents.VerdictRequest, response: Response) -> documents.JudgedVerdict:
        """Keep a verdict on two characters: 201, or 200 when the same verdict stands already.

        One that contradicts those that stand is a 409, whose detail names the chain of verdicts.
        """
        given = library.judge(request.one, request.other, same=request.same, note=request.note, author=request.author)
        response.status_code = 201 if given.new else 200
        return given

    @routes.get("/verdicts")
    def verdicts(
        character: str | None = None, history: bool = False, limit: Limit = 100, cursor: str | None = None
    ) -> documents.Verdicts:
        """Verdicts, the newest first; with `history` those that were undone, too."""
        return library.verdicts(character, history=history, limit=limit, cursor=cursor)

    @routes.delete("/verdicts/{verdict_id}")
    def undo(verdict_id: Id, author: str | None = None) -> documents.JudgedVerdict:
        """Undo a verdict, which stays in the history; `author` is who undoes it."""
        return library.undo_verdict(verdict_id, author=author)

    @routes.get("/queue")
    def queue(limit: Limit = 10) -> documents.ListeningQueue:
        """The pairs of characters whose answer would change the cast most, with their lines to hear."""
        return library.listening_queue(limit=limit)

    return routes
