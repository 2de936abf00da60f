"""Errors as application/problem+json: one table from our errors to HTTP."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

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
    errors.SpeakerSearchError: (500, "error"),
}
STATUS_TITLES = {401: "A key is needed.", 404: "There is nothing here.", 405: "Not to be asked this way."}


def problem(status: int, kind: str, title: str, detail: str) -> JSONResponse:
    """A problem document; its type is a name below urn:spksearch:problem, which never changes."""
    document = {"type": f"urn:spksearch:problem:{kind}", "title": title, "status": status, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(document, status, headers, "application/problem+json")


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
        kind = {401: "unauthorised", 404: "not-found", 405: "method"}.get(error.status_code, "request")
        title = STATUS_TITLES.get(error.status_code, "The request cannot be answered.")
        return problem(error.status_code, kind, title, str(error.detail))

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        # Starlette logs the traceback at the server; the client learns only that it is our fault.
        return problem(500, "error", "Something went wrong.", "The server made a mistake; its log says which.")
