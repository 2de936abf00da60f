"""Errors as application/problem+json (RFC 9457): one table from our errors to HTTP."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search import errors
from speaker_search.documents import Problem
from speaker_search.entities import shown

#: The status and the stable `type` of each error; the first class that fits counts.
PROBLEMS: dict[type[errors.SpeakerSearchError], tuple[int, str]] = {
    errors.NotFoundError: (404, "not-found"),
    errors.TooLargeError: (413, "too-large"),
    errors.OverloadedError: (503, "overloaded"),
    errors.ContradictionError: (409, "contradiction"),
    errors.UsageError: (422, "usage"),
    errors.AudioError: (422, "audio"),
    errors.SourceError: (422, "source"),
    errors.EmptyCatalogError: (503, "catalog"),
    errors.CatalogError: (503, "catalog"),
    errors.IndexUnusableError: (503, "index"),
    errors.EncoderError: (503, "encoder"),
    errors.DecoderError: (503, "decoder"),
    errors.SpeakerSearchError: (500, "error"),
}
PROBLEM_TYPE = "application/problem+json"
#: What clients are told instead of an error that may name folders, users and addresses of the server.
OUTSIDE: dict[type[errors.SpeakerSearchError], str] = {
    errors.CatalogError: "The catalog cannot be used at the moment.",
    errors.IndexUnusableError: "The index cannot be used at the moment.",
    errors.EncoderError: "The encoder cannot be used at the moment.",
    errors.DecoderError: "Sounds cannot be decoded at the moment.",
}
EMPTY = "The catalog holds no voices yet. Ingest some first: POST /v1/ingest."
RETRY_AFTER_S = 5  # where nothing better is known
#: The stable `type` of errors that the web framework raises itself; any other is a "request".
KINDS = {401: "unauthorised", 404: "not-found", 405: "method", 408: "slow", 413: "too-large", 416: "range"}
LOG = logging.getLogger("uvicorn.error")
#: The phrases of RFC 9110 where Python 3.11 still has those of older RFCs.
PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def document(status: int, kind: str, detail: str) -> Problem:
    """A problem document; its type is a name below urn:spksearch:problem, which never changes."""
    return Problem(type=f"urn:spksearch:problem:{kind}", title=_phrase(status), status=status, detail=detail)


def problem(status: int, kind: str, detail: str, *, retry_after_s: float | None = None) -> JSONResponse:
    """The response with a problem document."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    return JSONResponse(document(status, kind, detail).model_dump(), status, headers, PROBLEM_TYPE)


def of_status(status: int, detail: str) -> JSONResponse:
    """The problem of an error that the web framework found."""
    if detail in ("", HTTPStatus(status).phrase):  # it had nothing to add
        detail = _phrase(status)
    return problem(status, KINDS.get(status, "request"), detail)


def of(error: errors.SpeakerSearchError) -> JSONResponse:
    """The problem of one of our errors."""
    status, kind = next(known for cls, known in PROBLEMS.items() if isinstance(error, cls))
    wait_s = error.retry_after_s if isinstance(error, errors.OverloadedError) else RETRY_AFTER_S
    return problem(status, kind, told(error), retry_after_s=wait_s if status == 503 else None)


def told(error: errors.SpeakerSearchError) -> str:
    """What a client is told. What only whoever runs the server should read goes to its log instead."""
    if isinstance(error, errors.EmptyCatalogError):
        return EMPTY
    for cls, sentence in OUTSIDE.items():
        if isinstance(error, cls):
            LOG.warning("%s", error)
            return f"{sentence} The server's log says why."
    return str(error)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(errors.SpeakerSearchError)
    async def ours(_: Request, error: errors.SpeakerSearchError) -> JSONResponse:
        return of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "usage", f"{where}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, errors.SpeakerSearchError):  # met by FastAPI while it read a body
            return of(error.__cause__)
        if isinstance(error.__cause__, ClientDisconnect):
            return await left(request, error.__cause__)
        answer = of_status(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})  # such as the methods allowed
        return answer

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, _: Exception) -> Response:
        LOG.warning("A client left before its request was complete: %s %s", request.method, shown(request.url.path))
        return Response(status_code=400)  # nobody reads it

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        # Starlette logs the traceback on the server; the client learns only that it is our fault.
        return problem(500, "error", "The server failed; its log says why.")


class PlainErrors:
    """Turn what Starlette answers in plain text into problems: a foreign host name, a range beyond the end."""

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


def _phrase(status: int) -> str:
    return PHRASES.get(status) or HTTPStatus(status).phrase


def _plain(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in start["headers"])
