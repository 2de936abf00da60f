"""Ingests in the background."""

from __future__ import annotations

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.web.ingests import Ingests


def ingest_routes(ingests: Ingests) -> APIRouter:
    """The routes of the ingests that a server runs."""
    routes = APIRouter()

    @routes.post("/ingest", status_code=202)
    def ingest(request: documents.IngestRequest) -> documents.Ingest:
        """Ingest voices in the background, from folders that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest/{ingest_id}")
    def ingest_state(ingest_id: str) -> documents.Ingest:
        """The state of an ingest requested from this server."""
        return ingests.state(ingest_id)

    return routes
