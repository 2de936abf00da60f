"""The routes of renames and merges."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from speaker_search import documents
from speaker_search.documents import MAX_ID, MAX_LIMIT
from speaker_search.library import Library


def routes(library: Library) -> APIRouter:
    """The routes for renames and merges in one library."""
    router = APIRouter()

    @router.get("/edits")
    def edits(limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100, cursor: str | None = None) -> documents.Edits:
        """Renames and merges, the latest first."""
        return library.edits(limit=limit, cursor=cursor)

    @router.post("/edits", status_code=201)
    def edit(request: documents.EditRequest) -> documents.Mended:
        """Rename a maker, game or character, or merge it into another one."""
        work = library.rename if request.kind == "rename" else library.merge
        return work(request.noun, request.what, request.to, author=request.author)

    @router.delete("/edits/{edit_id}")
    def undo(edit_id: Annotated[int, Path(ge=1, le=MAX_ID)], author: str | None = None) -> documents.Mended:
        """Undo a rename or a merge; it stays in the list."""
        return library.undo_edit(edit_id, author=author)

    return router
