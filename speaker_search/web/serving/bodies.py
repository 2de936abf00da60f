"""Bodies of requests: how large they may be, how long they may take, and how much of them is held in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search.documents import MAX_UPLOAD_BYTES
from speaker_search.errors import OverloadedError, TooLargeError
from speaker_search.web import problems

if TYPE_CHECKING:
    from speaker_search.web.serving.connections import Patience

MAX_JSON_BYTES = 4 * 2**20  # of a request without sounds; parsing more would hold up others
MAX_HELD_BYTES = 4 * MAX_UPLOAD_BYTES  # of all requests being received or answered
MAX_EPILOGUE_BYTES = 64  # after the last boundary
RETRY_AFTER_S = 5.0


class Bodies:
    """Refuse a request whose body is too large or too slow, or does not fit into memory beside those of others."""

    def __init__(self, app: ASGIApp, *, patience: Patience) -> None:
        self.app = app
        self.held = 0  #: bytes
        self._patience = patience
        # Bodies are within limits, so they stay in memory: every part in a temporary file would take a descriptor.
        MultiPartParser.spool_max_size = MAX_UPLOAD_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if len(headers.getlist("content-type")) > 1:
            await problems.problem("request", "The request has several Content-Type headers.")(scope, receive, send)
            return
        kind = headers.get("content-type", "")
        upload = scope["method"] == "POST" and kind.lower().startswith("multipart/form-data")
        most = MAX_UPLOAD_BYTES if upload else MAX_JSON_BYTES
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > most:
            await problems.of(_too_large(most))(scope, receive, send)
            return
        received, whole, began = 0, False, asyncio.get_running_loop().time()
        end = _end_of_parts(kind.encode("latin-1")) if upload else b""
        tail = b""

        async def counted() -> Message:
            nonlocal received, whole, tail
            if whole:  # from here on the app only learns that the client has left
                return await receive()
            left_s = began + self._patience.body_s - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(min(self._patience.stalled_s, left_s)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "The body of the request came too slowly. Send it again.") from None
            body = message.get("body", b"")
            whole = not message.get("more_body", False)
            received += len(body)
            self.held += len(body)
            tail = (tail + body)[-len(end) - MAX_EPILOGUE_BYTES :]
            if received > most:
                raise _too_large(most)
            if self.held > MAX_HELD_BYTES:
                raise OverloadedError("Too many uploads are being processed.", retry_after_s=RETRY_AFTER_S)
            if whole and message["type"] == "http.request" and received and end not in tail:
                raise MultiPartException("The upload ends early, or is not multipart: its last boundary is missing.")
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.held -= received


def _end_of_parts(content_type: bytes) -> bytes:
    """The last boundary of an upload; b"" where its header names none, which the parser refuses."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    return b"--" + boundary + b"--" if boundary else b""


def _too_large(most: int) -> TooLargeError:
    limit = f"{most // 2**20} MiB"
    if most == MAX_UPLOAD_BYTES:
        return TooLargeError(f"An upload may be up to {limit}.", "Send fewer or shorter clips.")
    return TooLargeError(f"A request without uploads may be up to {limit}.", "Send sounds as multipart/form-data.")
