"""The HTTP API over one library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware

from speaker_search.library import Library
from speaker_search.web import description, problems
from speaker_search.web.conditional import Conditional
from speaker_search.web.guards import BodyLimit, key_check
from speaker_search.web.ingests import Ingests
from speaker_search.web.routes import routes

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
        openapi_tags=description.TAGS,
        generate_unique_id_function=description.operation_id,
        docs_url=None,  # FastAPI's pages load scripts from other people's servers
        redoc_url=None,
    )
    keys = library.settings.keys
    guards = [Depends(key_check(keys))] if keys else []
    problems.install(app)
    app.add_middleware(Conditional)
    app.add_middleware(BodyLimit)
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(problems.PlainErrors)

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server answers at all."""
        return {"status": "ok"}

    app.include_router(routes(library, ingests), prefix="/v1", dependencies=guards)
    description.complete(app)
    return app
