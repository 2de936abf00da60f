"""Signing in with a key, and out: `<audio>`, images and links cannot send a key, a cookie can."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from speaker_search.web.pages.page_table import Page
from speaker_search.web.pages.rendering import rendered
from speaker_search.web.serving.sessions import COOKIE, LIFETIME_S, Sessions

SIGN_IN = Page("sign_in", "/sign-in")
SEE_OTHER = 303


def sign_in_routes(sessions: Sessions) -> APIRouter:
    """The routes of a server that has keys."""
    routes = APIRouter()

    @routes.get(SIGN_IN.path)
    async def ask_for_key(request: Request, next: str = "/") -> Response:
        return rendered(request, SIGN_IN, keys=False, next=own_page(next), wrong=False)

    @routes.post(SIGN_IN.path)
    async def sign_in(
        request: Request, key: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/"
    ) -> Response:
        token = sessions.begin(key)
        if token is None:
            return rendered(request, SIGN_IN, keys=False, status=401, next=own_page(next), wrong=True)
        answer = RedirectResponse(own_page(next), SEE_OTHER)
        # A proxy may speak TLS for the server: what the browser sees is in its Origin.
        secure = request.headers.get("origin", "").startswith("https://") or request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, LIFETIME_S, httponly=True, samesite="strict", secure=secure, path="/")
        return answer

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(SIGN_IN.path, SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
        return answer

    return routes


def own_page(path: str) -> str:
    """A path of this server to go on to; "/" for anything that a browser could read as another server."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else "/"
