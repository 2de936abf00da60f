"""The routes below /v1, a file for each resource."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from speaker_search.library import Library
from speaker_search.web.ingests import Ingests
from speaker_search.web.negotiation import check_media_types
from speaker_search.web.routes.catalog_routes import catalog_routes
from speaker_search.web.routes.credit_routes import credit_routes
from speaker_search.web.routes.edit_routes import edit_routes
from speaker_search.web.routes.ingest_routes import ingest_routes
from speaker_search.web.routes.map_routes import map_routes
from speaker_search.web.routes.search_routes import search_routes
from speaker_search.web.routes.sound_routes import sound_routes
from speaker_search.web.routes.state_routes import state_routes
from speaker_search.web.routes.verdict_routes import verdict_routes
from speaker_search.web.routes.voice_routes import voice_routes
from speaker_search.web.serving.side_by_side import SearchTurns


def add_routes(app: FastAPI, library: Library, ingests: Ingests, turns: SearchTurns) -> None:
    """Add every route below /v1 for one library."""
    # Each part is included by the app itself, searches first: FastAPI goes through nested ones several times a request.
    for tag, part in (
        ("search", search_routes(library, turns)),
        ("catalog", catalog_routes(library)),
        ("voices", voice_routes(library, turns.cast)),
        ("voices", map_routes(library, turns.cast)),
        ("verdicts", verdict_routes(library, turns.cast)),
        ("credits", credit_routes(library, turns.cast)),
        ("edits", edit_routes(library)),
        ("ingest", ingest_routes(ingests)),
        ("server", state_routes(library)),
    ):
        app.include_router(part, prefix="/v1", tags=[tag], dependencies=[Depends(check_media_types)])
    app.include_router(sound_routes(library, turns.sound), prefix="/v1", tags=["catalog"])
