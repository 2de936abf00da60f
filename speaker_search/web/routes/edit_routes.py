"""Renames and merges."""

from __future__ import annotations

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.routes.parameters import Author, Cursor, Id, KeyName, Limit, who_says


def edit_routes(library: Library) -> APIRouter:
    """The routes for renames and merges in one library."""
    routes = APIRouter()

    @routes.get("/edits")
    def list_edits(limit: Limit = 100, cursor: Cursor = None) -> documents.Edits:
        """Renames and merges, the latest first."""
        return library.edits(limit=limit, cursor=cursor)

    @routes.post("/edits", status_code=201)
    def make_edit(request: documents.EditRequest, key: KeyName) -> documents.Mended:
        """Rename a maker, game or character, or merge it into another one."""
        work = library.rename if request.kind == "rename" else library.merge
        return work(request.noun, request.what, request.to, author=who_says(request.author, key))

    @routes.delete("/edits/{edit_id}")
    def undo_edit(edit_id: Id, key: KeyName, author: Author = None) -> documents.Mended:
        """Undo a rename or a merge; it stays in the list. Undoing it again is a 200 as well, with `"new": false`."""
        return library.undo_edit(edit_id, author=who_says(author, key))

    return routes
