"""Who may speak to the server through a browser: the Host and Origin headers, and Sec-Fetch-Site.

A page on the web can make its visitors' browsers send requests to servers on their own machine, under a name of its own
(DNS rebinding) or under the server's. Programs that are not browsers send no Origin, and are not affected.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from speaker_search.web import problems

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Origins:
    """Refuse requests for other host names, and those that a page of another origin had a browser send."""

    def __init__(self, app: ASGIApp, *, hosts: list[str], origins: list[str]) -> None:
        """`hosts` are the names that the server answers to (empty: all); pages of `origins` may use it."""
        self.app = app
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if self._hosts and _host_of(headers.get("host", "")) not in self._hosts:
                detail = "The server does not answer to this host name. Add it to SPKSEARCH_HOSTS to allow it."
                await problems.problem("host", detail)(scope, receive, send)
                return
            if not self._may(headers, navigates=_navigates(headers, scope["path"])):
                detail = "Pages of this origin may not use the server. Add it to SPKSEARCH_ORIGINS to allow it."
                await problems.problem("origin", detail)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _may(self, headers: Headers, *, navigates: bool) -> bool:
        origin = headers.get("origin")
        if origin is None:  # browsers leave it out of some reads, such as those of images and sounds
            return navigates or headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        if origin.lower() in self._origins:
            return True
        return _own(origin, headers)


def from_own_page(headers: Headers) -> bool:
    """Whether a browser says that a page of this very server sent the request."""
    origin = headers.get("origin")
    return headers.get("sec-fetch-site") == "same-origin" if origin is None else _own(origin, headers)


def _own(origin: str, headers: Headers) -> bool:
    # The port is part of an origin; the scheme is left aside, as a proxy may speak TLS for the server.
    return origin.lower().partition("://")[2] == headers.get("host", "").lower() != ""


def _navigates(headers: Headers, path: str) -> bool:
    """Whether somebody follows a link to one of the server's pages, which no other page can read."""
    return headers.get("sec-fetch-mode") == "navigate" and not path.startswith("/v1/")


def _host_of(header: str) -> str:
    """The name in a Host header, without the port: "[::1]:8000" is ::1."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
