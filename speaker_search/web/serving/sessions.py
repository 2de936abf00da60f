"""Who has signed in with a key: the browser holds a random token in a cookie, the server only the token's hash."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from speaker_search.web.serving.api_keys import Key, key_for

COOKIE = "spksearch_session"
LIFETIME_S = 14 * 24 * 3600
MAX_SESSIONS = 10_000  # the oldest end first
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    key: Key
    until: float  #: on the monotonic clock


class Sessions:
    """Sessions in memory: signing out, LIFETIME_S and a restart of the server end them. One thread may use it."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys
        self._sessions: dict[bytes, Session] = {}  # by the hash of the token, the oldest first

    def begin(self, key: str) -> str | None:
        """The token of a new session; None unless the key is one of the server's."""
        found = key_for(key.strip().encode("utf-8", "surrogateescape"), self._keys)
        if found is None:
            return None
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions[_hash(token)] = Session(found, time.monotonic() + LIFETIME_S)
        return token

    def of_request(self, headers: Headers) -> Key | None:
        """The key that the session of a request began with; None without a session."""
        cookies = cookie_parser(headers.get("cookie", ""))
        session = self._sessions.get(_hash(cookies.get(COOKIE, "")))
        if session is None or time.monotonic() >= session.until:
            return None
        return session.key

    def end(self, token: str) -> None:
        """End the session, where there is one."""
        self._sessions.pop(_hash(token), None)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
