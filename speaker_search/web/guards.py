"""Checks before the routes: the size of uploads, and keys."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search.documents import MAX_UPLOAD_BYTES
from speaker_search.errors import TooLargeError
from speaker_search.web import problems


class BodyLimit:
    """Refuse a request whose body is over the limit: by its header, or as soon as that much has arrived."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        error = TooLargeError(
            f"A request may be up to {MAX_UPLOAD_BYTES // 2**20} MiB.", "Send fewer or shorter clips."
        )
        if announced.isdigit() and int(announced) > MAX_UPLOAD_BYTES:
            await problems.of(error)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_UPLOAD_BYTES:
                raise error
            return message

        await self.app(scope, counted, send)


def key_check(keys: list[str]) -> Callable[[Request], None]:
    """A dependency that lets a request pass with one of the keys, as `Authorization: Bearer` or `X-API-Key`."""
    known = [key.encode("utf-8", "surrogateescape") for key in keys]

    def check(request: Request) -> None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        sent = given.encode("latin-1").strip()  # a header is bytes, which Starlette decodes as Latin-1
        # Every key is compared, in constant time: how long it takes must not give a key away.
        matches = [hmac.compare_digest(sent, key) for key in known]
        if not any(matches):
            raise HTTPException(401, "Send one of the server's keys as `Authorization: Bearer KEY` or `X-API-Key`.")

    return check
