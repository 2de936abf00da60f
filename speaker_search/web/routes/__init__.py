"""The routes below /v1, a file for each resource."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.web.ingests import Ingests
from speaker_search.web.routes.catalog_routes import catalog_routes
from speaker_search.web.routes.edit_routes import edit_routes
from speaker_search.web.routes.ingest_routes import ingest_routes
from speaker_search.web.routes.search_routes import search_routes
from speaker_search.web.routes.verdict_routes import verdict_routes
from speaker_search.web.routes.voice_routes import voice_routes

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": documents.Problem} for status in (400, 401, 404, 413, 422, 503)
}


def routes(library: Library, ingests: Ingests) -> APIRouter:
    """Every route below /v1 for one library."""
    all_routes = APIRouter(responses=FAILURES)
    for part in (
        search_routes(library),
        catalog_routes(library),
        voice_routes(library),
        verdict_routes(library),
        edit_routes(library),
        ingest_routes(ingests),
    ):
        all_routes.include_router(part)
    return all_routes
