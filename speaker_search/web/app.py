"""The HTTP API over one library, and the pages that ask it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from speaker_search import logs
from speaker_search.errors import SpeakerSearchError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web import description
from speaker_search.web.ingests import Ingests
from speaker_search.web.pages.page_routes import add_missing_page, page_routes
from speaker_search.web.routes import add_routes
from speaker_search.web.serving import api_keys, front
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.figures import Metrics
from speaker_search.web.serving.readiness import Readiness
from speaker_search.web.serving.server import end_at_sigterm, run
from speaker_search.web.serving.several import Handed
from speaker_search.web.serving.side_by_side import of_searches


def create_app(
    library: Library,
    *,
    host: str = "127.0.0.1",
    patience: Patience | None = None,
    when_ready: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The app for a server bound to `host`; on loopback it answers to loopback names only (DNS rebinding).

    `when_ready` is called once searches are answered. Raises UsageError for settings that cannot be read.
    """
    patience = patience or Patience()
    ingests, metrics, turns = Ingests(library), Metrics(), of_searches()
    readiness = Readiness(library, when_ready, lambda: app.openapi())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        readiness.start()
        ingests.start()
        yield
        await run_in_threadpool(ingests.close)
        await run_in_threadpool(readiness.close)

    app = FastAPI(
        lifespan=lifespan,
        title="speaker_search",
        description="Who else sounds like this, in other games?",
        version="1",
        openapi_tags=description.TAGS,
        generate_unique_id_function=description.operation_id,
        docs_url=None,  # FastAPI's pages load scripts from other people's servers; web/pages has one that does not
        redoc_url=None,
    )
    sessions = front.guard(app, library, host, patience, metrics)
    front.add_routes(app, library, readiness, turns, patience, metrics)
    add_routes(app, library, ingests, turns)
    app.include_router(page_routes(sessions))
    add_missing_page(app, keys=sessions is not None)
    keyed = bool(library.settings.keys)
    description.complete_when_asked(app, lambda document: api_keys.describe(document, needed=keyed))
    return app


def serve_one_of_several(settings: Settings, host: str, log_format: logs.Format, handed: Handed) -> None:
    """What each of several processes runs."""
    logs.to_stderr(log_format)
    end_at_sigterm()
    try:
        with Library(settings) as library:
            if not library.empty:
                library.prepare()
            patience = Patience()
            run(create_app(library, host=host, patience=patience, when_ready=handed.ready), handed, patience)
    except SpeakerSearchError as error:
        if log_format == "json":
            logs.ended(error)
            sys.exit(1)
        sys.exit(str(error))
