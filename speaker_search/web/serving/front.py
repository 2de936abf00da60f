"""The guards that a request passes before it reaches a route, and the routes that say how the server is.

From the outside in: the request's id, counting, plain errors as problems, host and origin, CORS, keys, bodies,
conditional requests.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, Response

from speaker_search import documents
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web import problems
from speaker_search.web.conditional import Conditional
from speaker_search.web.serving.api_keys import Keys, keys_of, rate_of
from speaker_search.web.serving.bodies import Bodies
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.figures import CONTENT_TYPE, Metrics
from speaker_search.web.serving.origins import LOOPBACK, Origins
from speaker_search.web.serving.readiness import Readiness
from speaker_search.web.serving.request_ids import HEADER, with_ids
from speaker_search.web.serving.sessions import Sessions
from speaker_search.web.serving.side_by_side import SearchTurns

RETRY_AFTER_S = 1.0  # while the server starts


def check_exposure(settings: Settings, host: str) -> None:
    """Raise UsageError for an address that others can reach when there are no keys."""
    if host not in LOOPBACK and not settings.keys:
        raise UsageError(
            f"Anyone who reaches {host} could use the server, and change the catalog.",
            "Set SPKSEARCH_API_KEYS, or listen on 127.0.0.1.",
        )


def guard(app: FastAPI, library: Library, host: str, patience: Patience, metrics: Metrics) -> Sessions | None:
    """Put the guards before an app; the sessions of its keys, None without keys.

    Raises UsageError for settings that cannot be read.
    """
    settings = library.settings
    hosts = [*settings.host_names, *LOOPBACK] if settings.host_names or host in LOOPBACK else []
    keys, rate = keys_of(settings.keys), rate_of(settings.rate_limit)
    sessions = Sessions(keys, settings.home / "sessions") if keys else None
    problems.install(app)
    app.add_middleware(Conditional)
    app.add_middleware(Bodies, patience=patience)
    if sessions is not None:
        app.add_middleware(Keys, keys=keys, sessions=sessions, rate=rate)
    if settings.page_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.page_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key"],
            expose_headers=["ETag", "Retry-After", HEADER],
        )
    app.add_middleware(Origins, hosts=hosts, origins=settings.page_origins)
    app.add_middleware(problems.PlainErrors)
    app.add_middleware(metrics.counting)
    app.add_middleware(with_ids)
    return sessions


def add_routes(
    app: FastAPI, library: Library, readiness: Readiness, turns: SearchTurns, patience: Patience, metrics: Metrics
) -> None:
    """The routes that say how the server is."""
    library.stages.listener = metrics.stage
    metrics.watch(library, turns, patience, readiness.ready)

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the server answers at all."""
        return {"status": "ok"}

    @app.get(
        "/readyz",
        tags=["server"],
        response_model=documents.Readiness,
        responses={503: {"model": documents.Problem}},
    )
    async def readyz() -> documents.Readiness | Response:
        """Whether searches are answered: the index is open and up to date, and the encoder is loaded."""
        ready = readiness.document()
        if ready is None:
            return problems.problem("starting", "The server is still starting.", retry_after_s=RETRY_AFTER_S)
        return ready

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    def figures() -> Response:
        """Figures for Prometheus: requests, stages of searches, the index, what waits, and refusals."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)
