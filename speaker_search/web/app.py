"""The HTTP API over one library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

from speaker_search import documents
from speaker_search.documents import MAX_ID, MAX_LIMIT
from speaker_search.library import Library
from speaker_search.web import description, edits, problems, sounds
from speaker_search.web.guards import BodyLimit, key_check
from speaker_search.web.ingests import Ingests
from speaker_search.web.judging_routes import judging_routes
from speaker_search.web.search_routes import search_routes
from speaker_search.web.voices_routes import voice_routes

LOOPBACK = ("127.0.0.1", "localhost", "::1")
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Id = Annotated[int, InPath(ge=1, le=MAX_ID)]


def create_app(library: Library, *, host: str = "127.0.0.1") -> FastAPI:
    """The app for a server bound to `host`; on loopback it answers to loopback names only (DNS rebinding)."""
    ingests = Ingests(library)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(ingests.close)

    app = FastAPI(
        lifespan=lifespan,
        title="speaker_search",
        description="Who else sounds like this, in other games?",
        version="1",
        docs_url=None,  # FastAPI's pages load scripts from other people's servers
        redoc_url=None,
    )
    keys = library.settings.keys
    guards = [Depends(key_check(keys))] if keys else []
    problems.install(app)
    app.add_middleware(BodyLimit)
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(problems.PlainErrors)

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server answers at all."""
        return {"status": "ok"}

    app.include_router(_routes(library, ingests), prefix="/v1", dependencies=guards)
    description.complete(app)
    return app


def _routes(library: Library, ingests: Ingests) -> APIRouter:
    failures: dict[int | str, dict[str, Any]] = {
        status: {"model": documents.Problem} for status in (400, 401, 404, 413, 422, 503)
    }
    routes = APIRouter(responses=failures)

    @routes.get("/characters")
    def characters(
        maker: str | None = None,
        game: str | None = None,
        name: str | None = None,
        limit: Limit = 100,
        cursor: str | None = None,
    ) -> documents.Characters:
        """Characters by id; maker, game and name compare without regard to case and width."""
        return library.characters(maker=maker, game=game, name=name, limit=limit, cursor=cursor)

    @routes.get("/clips/{clip_id}/audio", response_class=FileResponse, responses=description.SOUNDS)
    def audio(clip_id: Id, request: Request) -> Response:
        """A clip's sound file as stored on disk or in its archive; byte ranges are supported."""
        sound = library.sound(clip_id)
        return sounds.response(sound.source, sound.media_type, request.headers.get("range"))

    routes.include_router(search_routes(library))
    routes.include_router(judging_routes(library))

    @routes.post("/ingest", status_code=202)
    def ingest(request: documents.IngestRequest) -> documents.Ingest:
        """Ingest voices in the background, from folders that the server's settings allow."""
        return ingests.begin(request)

    @routes.get("/ingest/{ingest_id}")
    def ingest_state(ingest_id: str) -> documents.Ingest:
        """The state of an ingest requested from this server."""
        return ingests.state(ingest_id)

    routes.include_router(edits.routes(library))
    routes.include_router(voice_routes(library))
    return routes
