"""Ingests in the background."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from speaker_search import documents
from speaker_search.web import ingest_folders
from speaker_search.web.ingests import Ingests
from speaker_search.web.routes.parameters import Limit, MayEdit


def ingest_routes(ingests: Ingests) -> APIRouter:
    """The routes for the ingests of one server."""
    routes = APIRouter()

    def shown(ingest: documents.Ingest, may_edit: bool) -> documents.Ingest:
        return ingest if may_edit else ingest_folders.without_places(ingest, ingests.roots)

    @routes.post("/ingest", status_code=202)
    def ingest(request: documents.IngestRequest) -> documents.Ingest:
        """Ingest voices in the background, from folders and addresses that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest")
    def list_ingests(may_edit: MayEdit, limit: Limit = 100, cursor: str | None = None) -> documents.Ingests:
        """Requested ingests, the newest first. Keys that may only read are told the folders' names alone."""
        found = ingests.listed(limit=limit, cursor=cursor)
        return found.model_copy(update={"ingests": [shown(one, may_edit) for one in found.ingests]})

    @routes.get("/folders")
    def list_folders(
        may_edit: MayEdit,
        path: Annotated[str | None, Query(description="A folder to look into. Default: none, for the roots.")] = None,
    ) -> documents.Folders:
        """The folders in one that may be ingested, or the roots of all that may be. Needs a key that may edit."""
        if not may_edit:
            raise HTTPException(403, "This key may only read. Send one with the scope edit.")
        return ingest_folders.listed(path, ingests.roots)

    @routes.get("/ingest/{ingest_id}")
    def get_ingest(ingest_id: str, may_edit: MayEdit) -> documents.Ingest:
        """A requested ingest and its report so far."""
        return shown(ingests.state(ingest_id), may_edit)

    @routes.delete("/ingest/{ingest_id}")
    def cancel_ingest(ingest_id: str) -> documents.Ingest:
        """Cancel an ingest. One that runs stops within seconds and keeps what it has stored; one that has ended does
        not change.
        """
        return ingests.cancel(ingest_id)

    return routes
