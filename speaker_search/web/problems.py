"""Errors as application/problem+json (RFC 9457): one table from our errors to HTTP."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search import errors
from speaker_search.documents import Failure, Problem
from speaker_search.entities import shown
from speaker_search.web.ways_out import over_http

PREFIX = "urn:spksearch:problem:"
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A stable `type` of problems, without its prefix."""

    status: int
    means: str
    example: str  #: a `detail`


#: Every type of problem. Types are never renamed; the README lists them.
KINDS: dict[str, Kind] = {
    "request": Kind(400, "The request is malformed.", "Maximum number of files is 32."),
    "host": Kind(
        400, "The `Host` header is not a name of this server.", "The server does not answer to this host name."
    ),
    "unauthorised": Kind(
        401,
        "The key is missing or wrong.",
        "Send one of the server's keys as `Authorization: Bearer KEY` or `X-API-Key`.",
    ),
    "forbidden": Kind(403, "The key has the scope read.", "This key may only read. Send one with the scope edit."),
    "origin": Kind(403, "A page of another site sent the request.", "Pages of this origin may not use the server."),
    "not-found": Kind(
        404,
        "The path does not exist, or the catalog has nothing with that name or id.",
        "There is no character 999. See `GET /v1/characters`.",
    ),
    "method": Kind(405, "The path has other methods: see `Allow`.", "Method Not Allowed"),
    "not-acceptable": Kind(
        406,
        "The `Accept` header leaves out the answer's media type.",
        "The answer is application/json. Accept that type, or leave the Accept header out.",
    ),
    "slow": Kind(408, "The request came too slowly.", "The body of the request came too slowly. Send it again."),
    "contradiction": Kind(
        409,
        "A verdict contradicts those that stand.",
        "Kumo/Hare/Aoi (id 1) = Kumo/Yuki/Beni (id 7) contradicts earlier verdicts: Kumo/Hare/Aoi (id 1) ≠ "
        "Kumo/Yuki/Beni (id 7) by verdict 3. If one of them is wrong, undo it first: `DELETE /v1/verdicts/3`.",
    ),
    "precondition": Kind(
        412, "`If-Match` or `If-Unmodified-Since` does not match the current version.", "Precondition Failed"
    ),
    "too-large": Kind(
        413, "The body is over the limit.", "A request may be up to 64 MiB. Send fewer or shorter clips."
    ),
    "media-type": Kind(
        415, "The route does not accept this media type.", "The body is text/plain. Send application/json."
    ),
    "range": Kind(416, "The range begins beyond the end of the sound.", "Range Not Satisfiable"),
    "usage": Kind(
        422,
        "A parameter or a field has an invalid value.",
        "query.limit: Input should be less than or equal to 1000.",
    ),
    "audio": Kind(422, "An uploaded sound cannot be used.", "The clip is 0.10 s long; at least 0.3 s are needed."),
    "source": Kind(422, "A path to ingest holds no voices.", "/voices/new holds no sounds."),
    "rate": Kind(429, "The key has made too many requests: see `Retry-After`.", "Too many requests with this key."),
    "error": Kind(500, "The server failed.", "The server failed; its log says why."),
    "catalog": Kind(
        503,
        "The catalog is empty or cannot be used.",
        "The catalog holds no voices yet. Ingest some first: `POST /v1/ingest`.",
    ),
    "starting": Kind(503, "The server is still starting: see `Retry-After`.", "The server is still starting."),
    "overloaded": Kind(503, "The server has too much to do: see `Retry-After`.", "Too many searches are waiting."),
    "index": Kind(
        503, "The index cannot be used.", "The index cannot be used at the moment. The server's log says why."
    ),
    "encoder": Kind(
        503, "The encoder cannot be used.", "The encoder cannot be used at the moment. The server's log says why."
    ),
    "decoder": Kind(
        503, "Sounds cannot be decoded.", "Sounds cannot be decoded at the moment. The server's log says why."
    ),
}
#: The type of each error of ours; the first class that fits counts.
OF_ERRORS: dict[type[errors.SpeakerSearchError], str] = {
    errors.NotFoundError: "not-found",
    errors.TooLargeError: "too-large",
    errors.OverloadedError: "overloaded",
    errors.ContradictionError: "contradiction",
    errors.UsageError: "usage",
    errors.AudioError: "audio",
    errors.SourceError: "source",
    errors.CatalogError: "catalog",
    errors.IndexUnusableError: "index",
    errors.EncoderError: "encoder",
    errors.DecoderError: "decoder",
    errors.SpeakerSearchError: "error",
}
#: The type of errors that the web framework or a check of the request raises; of any other status, "request".
OF_STATUS = {
    status: next(name for name, kind in KINDS.items() if kind.status == status)
    for status in (401, 403, 404, 405, 406, 408, 412, 413, 415, 416, 429)
}
#: What clients are told instead of an error that may name folders, users and addresses of the server.
OUTSIDE: dict[type[errors.SpeakerSearchError], str] = {
    errors.CatalogError: "The catalog cannot be used at the moment.",
    errors.IndexUnusableError: "The index cannot be used at the moment.",
    errors.EncoderError: "The encoder cannot be used at the moment.",
    errors.DecoderError: "Sounds cannot be decoded at the moment.",
}
RETRY_AFTER_S = 5  # where nothing better is known
LOG = logging.getLogger(__name__)
#: The phrases of RFC 9110 where Python 3.11 still has those of older RFCs.
PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def document(kind: str, detail: str, status: int | None = None) -> Problem:
    """A problem of one of the KINDS; `status` is its own unless given."""
    status = status or KINDS[kind].status
    return Problem(type=PREFIX + kind, title=phrase(status), status=status, detail=detail)


def problem(kind: str, detail: str, status: int | None = None, *, retry_after_s: float = RETRY_AFTER_S) -> JSONResponse:
    """The answer with that document; `retry_after_s` is told where asking again may help."""
    found = document(kind, detail, status)
    headers = {"Cache-Control": "no-store"}
    if found.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if found.status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    return JSONResponse(found.model_dump(), found.status, headers, PROBLEM_TYPE)


def of_status(status: int, detail: str) -> JSONResponse:
    """The problem of an error that the web framework found."""
    if detail in ("", HTTPStatus(status).phrase):  # it had nothing to add
        detail = phrase(status)
    return problem(OF_STATUS.get(status, "request"), detail, status)


def of(error: errors.SpeakerSearchError) -> JSONResponse:
    """The problem of one of our errors."""
    wait_s = error.retry_after_s if isinstance(error, errors.OverloadedError) else RETRY_AFTER_S
    return problem(_kind_of(error), told(error), retry_after_s=wait_s)


def failure(error: errors.SpeakerSearchError) -> Failure:
    """Why one search of several was not answered, in the words of its problem."""
    return Failure(type=PREFIX + _kind_of(error), detail=told(error))


def _kind_of(error: errors.SpeakerSearchError) -> str:
    return next(kind for cls, kind in OF_ERRORS.items() if isinstance(error, cls))


def told(error: errors.SpeakerSearchError) -> str:
    """What a client is told. Details that only the server's operator should read go to its log instead."""
    for cls, sentence in OUTSIDE.items():
        if isinstance(error, cls) and not isinstance(error, errors.EmptyCatalogError):
            LOG.warning("%s", error)
            return f"{sentence} The server's log says why."
    return over_http(error)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(errors.SpeakerSearchError)
    async def ours(_: Request, error: errors.SpeakerSearchError) -> JSONResponse:
        return of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem("usage", f"{where}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, errors.SpeakerSearchError):  # met by FastAPI while it read a body
            return of(error.__cause__)
        if isinstance(error.__cause__, ClientDisconnect):
            return await left(request, error.__cause__)
        answer = of_status(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})  # such as the media types taken
        if error.status_code == 405:
            answer.headers["Allow"] = ", ".join(_allowed(app, request.scope))
        return answer

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, _: Exception) -> Response:
        LOG.warning("A client left before its request was complete: %s %s", request.method, shown(request.url.path))
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        # Starlette logs the traceback on the server; the client learns only that it is our fault.
        return problem("error", "The server failed; its log says why.")


class PlainErrors:
    """Turn what Starlette answers in plain text into problems, such as a CORS preflight that it refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: Message | None = None

        async def made(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400 and _plain(message):
                refused = message
            elif refused is None:
                await send(message)
            elif not message.get("more_body"):
                answer = of_status(refused["status"], message["body"].decode())
                answer.raw_headers += [header for header in refused["headers"] if header[0] == b"content-range"]
                await answer(scope, receive, send)

        await self.app(scope, receive, made)


def _allowed(app: FastAPI, scope: Scope) -> list[str]:
    """The methods of all routes of a path; Starlette names only those of the first."""
    allowed = []
    for method in ("GET", "POST", "DELETE"):
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.router.routes):
            allowed += ["GET", "HEAD"] if method == "GET" else [method]
    return allowed


def phrase(status: int) -> str:
    """What the standard calls a status."""
    return PHRASES.get(status) or HTTPStatus(status).phrase


def _plain(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in start["headers"])
