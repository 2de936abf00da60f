"""The routes of the pages, of their static files, of signing in, and of the API's own page; and what a wrong address
says.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from speaker_search.web import negotiation, problems
from speaker_search.web.pages import static_files
from speaker_search.web.pages.page_table import PAGES, Page
from speaker_search.web.pages.rendering import rendered
from speaker_search.web.pages.sign_in import sign_in_routes
from speaker_search.web.serving.sessions import Sessions

#: The page of the API: all of it to read, and Swagger UI for those who try a request.
DOCS = Page("docs", "/docs", "docs/page.js")
#: What browsers are shown at a wrong address.
MISSING = Page("missing", "")
#: Where answers are never pages.
NO_PAGES = ("/v1/", "/static/")


def page_routes(sessions: Sessions | None) -> APIRouter:
    """The routes of all pages. Pages contain nothing from the catalog, so they need no key. `sessions` is None if the
    server has no keys.
    """
    routes = APIRouter(include_in_schema=False)
    static_files.assets()  # now, so that no reader waits for them

    for page in PAGES:
        routes.add_api_route(page.path, _shell(page, keys=sessions is not None), methods=["GET"], name=page.name)

    @routes.get(DOCS.path)
    async def docs(request: Request) -> Response:
        return rendered(request, DOCS, keys=sessions is not None, api=request.app.openapi)

    @routes.get("/static/{version}/{path:path}")
    async def static(request: Request, version: str, path: str) -> Response:
        found = static_files.response(request, version, path)
        if found is None:
            raise HTTPException(404)
        return found

    if sessions is not None:
        routes.include_router(sign_in_routes(sessions))
    return routes


def add_missing_page(app: FastAPI, *, keys: bool) -> None:
    """Have browsers told of a wrong address by a page, and programs by a problem. `keys` is whether people sign in."""

    @app.exception_handler(404)
    async def missing(request: Request, error: HTTPException) -> Response:
        accepted = ", ".join(request.headers.getlist("accept"))
        by_browser = "text/html" in accepted and negotiation.accepts(accepted, "text/html")
        if by_browser and not request.scope["path"].startswith(NO_PAGES):
            answer: Response = rendered(request, MISSING, keys=keys, status=404)
        else:
            answer = problems.of_status(404, str(error.detail))
        answer.headers["Vary"] = ", ".join(filter(None, (answer.headers.get("Vary"), "Accept")))
        return answer


def _shell(page: Page, *, keys: bool) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def route(request: Request) -> Response:
        return rendered(request, page, keys=keys)

    return route
