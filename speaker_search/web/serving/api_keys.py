"""The keys that requests must carry: what each may do, and how often."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from speaker_search.documents import MAX_AUTHOR
from speaker_search.errors import UsageError
from speaker_search.web import problems
from speaker_search.web.serving.origins import from_own_page

if TYPE_CHECKING:
    from speaker_search.web.serving.sessions import Sessions

Scopes = Literal["read", "edit"]
HASHED = "sha256:"  # before the hash of a key that is given hashed
READING = ("GET", "HEAD", "OPTIONS")
#: How OpenAPI names the two headers that may carry a key.
SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of the server's keys, where it has any."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same in a header of its own."},
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key's name, scope and hash. The key itself is not kept."""

    name: str
    scope: Scopes
    sha256: bytes


def keys_of(entries: Sequence[str]) -> list[Key]:
    """The keys of SPKSEARCH_API_KEYS: each NAME:SCOPE:KEY, or a key alone, which may edit. Raises UsageError.

    In place of a key there may be its hash, as sha256:HEX.
    """
    keys = [_key_of(entry, number) for number, entry in enumerate(entries, start=1)]
    if len({key.name for key in keys}) < len(keys):
        raise UsageError("Two keys of SPKSEARCH_API_KEYS have one name.", "Give each its own name.")
    return keys


def _key_of(entry: str, number: int) -> Key:
    name, scope, secret = f"key {number}", "edit", entry
    if ":" in entry and not entry.startswith(HASHED):
        name, _, rest = entry.partition(":")
        scope, _, secret = rest.partition(":")
        if scope not in ("read", "edit") or not name or not secret:  # the entry is not shown: it may hold a key
            raise UsageError(
                f"Entry {number} of SPKSEARCH_API_KEYS cannot be read.",
                "Write NAME:SCOPE:KEY with the scope read or edit, or a key without colons.",
            )
    if not secret.startswith(HASHED):
        return Key(name, cast(Scopes, scope), hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest())
    try:
        digest = bytes.fromhex(secret.removeprefix(HASHED))
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise UsageError(f"The hash in entry {number} of SPKSEARCH_API_KEYS is not 64 hex digits.")
    return Key(name, cast(Scopes, scope), digest)


def key_for(sent: bytes, keys: Sequence[Key]) -> Key | None:
    """The key that somebody has sent; None when it is none of these."""
    digest = hashlib.sha256(sent).digest()
    # Every key is compared, in constant time: how long it takes must not give a key away.
    found = [key for key in keys if hmac.compare_digest(digest, key.sha256)]
    return found[0] if found else None


def rate_of(text: str) -> RateLimitItem:
    """A rate such as "600/minute". Raises UsageError when it cannot be read."""
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"SPKSEARCH_RATE_LIMIT cannot be {text!r}.", "Write it as 600/minute.") from error


class Keys:
    """Require a key, or a session that began with one, under /v1 and at /metrics; hold it to its scope and its rate."""

    def __init__(self, app: ASGIApp, *, keys: Sequence[Key], sessions: Sessions, rate: RateLimitItem) -> None:
        """`rate` limits the requests of each key."""
        self.app = app
        self._keys = keys
        self._sessions = sessions
        self._rate = rate
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            refused = self._refused(scope)
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        carried = "authorization" in headers or "x-api-key" in headers
        key = self._of(headers) if carried else self._sessions.of_request(headers)
        if key is None:
            detail = "Send one of the server's keys as `Authorization: Bearer KEY` or `X-API-Key`."
            return problems.problem("unauthorised", detail)
        if not carried and scope["method"] not in READING and not from_own_page(headers):
            return problems.problem("origin", "By a sign-in, only the server's own pages may send this. Send a key.")
        if key.scope == "read" and scope["method"] not in READING and not scope["path"].startswith("/v1/search"):
            return problems.problem("forbidden", "This key may only read. Send one with the scope edit.")
        scope.setdefault("state", {})["may_edit"] = key.scope == "edit"
        if not self._rates.hit(self._rate, key.name):
            reset = self._rates.get_window_stats(self._rate, key.name).reset_time
            detail = f"This key has reached its limit of {self._rate}. Try again later."
            return problems.problem("rate", detail, retry_after_s=reset - time.time())
        scope.setdefault("state", {})["key_name"] = key.name[:MAX_AUTHOR]  # who edits and judges, unless they say
        return None

    def _of(self, headers: Headers) -> Key | None:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return key_for(given.encode("latin-1").strip(), self._keys)  # a header is bytes, decoded as Latin-1


def describe(document: dict[str, Any], *, needed: bool) -> None:
    """Add to an OpenAPI document how a key is sent; `needed` says whether this server asks for one."""
    document["components"]["securitySchemes"] = SCHEMES
    document["security"] = [*({name: []} for name in SCHEMES), *([] if needed else [{}])]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if not path.startswith("/v1/") and path != "/metrics":
                operation["security"] = []
