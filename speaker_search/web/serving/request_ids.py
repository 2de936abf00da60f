"""An id for each request: the client's own or a new one, sent back and in every line of the log about the request."""

from __future__ import annotations

import random
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search import logs

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")  # a UUID, or what a proxy makes; nothing that could be a sentence


def with_ids(app: ASGIApp) -> ASGIApp:
    """The app, with an id for each of its requests."""

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(HEADER)
        # It tells requests apart and guards nothing, so it need not come from the system's source of randomness.
        own = given[0] if len(given) == 1 and SANE.fullmatch(given[0]) else f"{random.getrandbits(128):032x}"

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = own
            await send(message)

        before = logs.REQUEST.set(own)
        try:
            await app(scope, receive, signed)
        finally:
            logs.REQUEST.reset(before)

    return named
