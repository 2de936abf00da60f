"""Errors as application/problem+json: one table from our errors to HTTP."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search import errors

#: The status and the stable `type` of each error; the first class that fits counts.
PROBLEMS: dict[type[errors.SpeakerSearchError], tuple[int, str]] = {
    errors.NotFoundError: (404, "not-found"),
    errors.TooLargeError: (413, "too-large"),
    errors.UsageError: (422, "usage"),
    errors.AudioError: (422, "audio"),
    errors.SourceError: (422, "source"),
    errors.CatalogError: (503, "catalog"),
    errors.IndexUnusableError: (503, "index"),
    errors.EncoderError: (503, "encoder"),
    errors.DecoderError: (503, "decoder"),
    errors.SpeakerSearchError: (500, "error"),
}
PROBLEM_TYPE = "application/problem+json"
#: The title and the stable `type` of errors that the web framework finds by itself.
STATUSES = {
    401: ("A key is needed.", "unauthorised"),
    404: ("There is nothing here.", "not-found"),
    405: ("Not to be asked this way.", "method"),
    416: ("The sound has no such part.", "range"),
}


def problem(status: int, kind: str, title: str, detail: str) -> JSONResponse:
    """A problem document; its type is a name below urn:spksearch:problem, which never changes."""
    document = {"type": f"urn:spksearch:problem:{kind}", "title": title, "status": status, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(document, status, headers, PROBLEM_TYPE)


def of_status(status: int, detail: str) -> JSONResponse:
    title, kind = STATUSES.get(status, ("The request cannot be answered.", "request"))
    return problem(status, kind, title, detail)


def of(error: errors.SpeakerSearchError) -> JSONResponse:
    status, kind = next(known for cls, known in PROBLEMS.items() if isinstance(error, cls))
    return problem(status, kind, error.title, str(error))


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(errors.SpeakerSearchError)
    async def ours(_: Request, error: errors.SpeakerSearchError) -> JSONResponse:
        return of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "usage", str(errors.UsageError.__doc__), f"{where}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        answer = of_status(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})  # such as the methods allowed
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        # Starlette logs the traceback at the server; the client learns only that it is our fault.
        return problem(500, "error", "Something went wrong.", "The server made a mistake; its log says which.")


class PlainErrors:
    """Make problems of the errors that Starlette answers in plain text: a strange host name, a part no sound has."""

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
                status: int = refused["status"]
                answer = of_status(status, message["body"].decode() or f"{HTTPStatus(status).phrase}.")
                answer.raw_headers += [header for header in refused["headers"] if header[0] == b"content-range"]
                await answer(scope, receive, send)

        await self.app(scope, receive, made)


def _plain(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in start["headers"])
