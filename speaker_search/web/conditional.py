"""HEAD, entity tags and conditional requests (RFC 9110, sections 8.8, 9.3.2 and 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search.web import problems

HEAD = "spksearch.head"  # in the scope of a GET that stands for a HEAD
JSON = b"application/json"
ASK_AGAIN = "private, no-cache"  # only the client may keep it, and asks each time whether it has changed
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Conditional:
    """Answer HEAD as GET without its body, and give JSON answers an entity tag, so that a known one is a 304.

    The tag is the answer's hash: it changes exactly when the answer does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        begun: Message | None = None  # an answer whose tag is not known yet

        async def passed_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _is_json(message):
                begun = message
                return
            if begun is not None and message["type"] == "http.response.body":
                start, begun = begun, None
                if not message.get("more_body"):  # all of it
                    try:
                        tagged(start, message, Headers(scope=scope))
                    except HTTPException as error:
                        await problems.of_status(error.status_code, "")({**scope, "method": "GET"}, receive, passed_on)
                        return
                await send(start)
            if head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # The server below goes on knowing that it was HEAD, and sends no body whatever the Content-Length says.
        await self.app({**scope, "method": "GET", HEAD: True} if head else scope, receive, passed_on)


def is_head(scope: Scope) -> bool:
    """Whether a GET stands for a HEAD, so that no body has to be made."""
    return bool(scope.get(HEAD))


def tagged(start: Message, body: Message, asked: Mapping[str, str]) -> None:
    """Give an answer its tag; where the client has it already, turn it into a 304. Raises HTTPException (412)."""
    headers = MutableHeaders(raw=start["headers"])
    etag = f'"{hashlib.blake2b(body["body"], digest_size=16).hexdigest()}"'
    headers.setdefault("Cache-Control", ASK_AGAIN)
    headers["ETag"] = etag
    if unchanged(asked, etag, None):
        start["status"], body["body"] = 304, b""
        del headers["Content-Length"], headers["Content-Type"]
    start["headers"] = headers.raw


def unchanged(asked: Mapping[str, str], etag: str, modified: float | None) -> bool:
    """Whether the client has this version, by the conditions of its request. Raises HTTPException (412) if they fail.

    `modified` is in seconds since 1970.
    """
    if (wanted := asked.get("if-match")) is not None:
        if wanted.strip() != "*" and etag not in _strong(wanted):
            raise HTTPException(412)
    elif (since := _seconds(asked.get("if-unmodified-since"))) is not None and modified and int(modified) > since:
        raise HTTPException(412)
    if (known := asked.get("if-none-match")) is not None:
        return known.strip() == "*" or etag in _TAG.findall(known)
    since = _seconds(asked.get("if-modified-since"))
    return since is not None and modified is not None and int(modified) <= since


def range_applies(asked: Mapping[str, str], etag: str, modified: str | None) -> bool:
    """Whether a range applies to this version: If-Range is absent, or names it by a strong tag or its date."""
    version = asked.get("if-range")
    return version is None or version.strip() in (etag, modified)


def _strong(tags: str) -> list[str]:
    return [match.group() for match in _TAG.finditer(tags) if not match.group().startswith("W/")]


def _seconds(date: str | None) -> float | None:
    """A date of a header in seconds since 1970; None without one, or when it is not valid."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _is_json(start: Message) -> bool:
    found = (value for name, value in start["headers"] if name == b"content-type")
    return start["status"] == 200 and any(value.startswith(JSON) for value in found)
