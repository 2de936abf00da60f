"""Ingests in the background."""

from __future__ import annotations

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.web.ingests import Ingests
from speaker_search.web.routes.parameters import Limit


def ingest_routes(ingests: Ingests) -> APIRouter:
    """The routes for the ingests of one server."""
    routes = APIRouter()

    @routes.post("/ingest", status_code=202)
    def ingest(request: documents.IngestRequest) -> documents.Ingest:
        """Ingest voices in the background, from folders that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest")
    def list_ingests(limit: Limit = 100, cursor: str | None = None) -> documents.Ingests:
        """Requested ingests, the newest first."""
        return ingests.listed(limit=limit, cursor=cursor)

    @routes.get("/ingest/{ingest_id}")
    def get_ingest(ingest_id: str) -> documents.Ingest:
        """A requested ingest and its report so far."""
        return ingests.state(ingest_id)

    @routes.delete("/ingest/{ingest_id}")
    def cancel_ingest(ingest_id: str) -> documents.Ingest:
        """Cancel an ingest. One that runs stops within seconds and keeps what it has stored; one that has ended does
        not change.
        """
        return ingests.cancel(ingest_id)

    return routes
