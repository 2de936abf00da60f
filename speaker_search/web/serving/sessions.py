"""Who has signed in with a key: the browser holds a random token in a cookie, the server only the token's hash."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """Sessions: signing out, LIFETIME_S and a restart of the server end them. One thread may use it."""

    def __init__(self, keys: Sequence[Key], folder: Path | None = None) -> None:
        """They are in memory, or in a folder that server processes share."""
        self._keys = keys
        self._sessions: MutableMapping[str, Session] = {} if folder is None else _InFolder(folder, keys)

    def begin(self, key: str) -> str | None:
        """The token of a new session; None unless the key is one of the server's."""
        found = key_for(key.strip().encode("utf-8", "surrogateescape"), self._keys)
        if found is None:
            return None
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)), None)
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


class _InFolder(MutableMapping[str, Session]):
    """Sessions by the hash of their tokens, each a file with the name of its key and its end. The oldest come first."""

    def __init__(self, folder: Path, keys: Sequence[Key]) -> None:
        self._folder = folder / "sessions"
        self._folder.mkdir(exist_ok=True)
        self._keys = {key.name: key for key in keys}

    def __getitem__(self, token: str) -> Session:
        try:
            name, until = (self._folder / token).read_text("utf-8").rsplit("\n", 1)
        except OSError:
            raise KeyError(token) from None
        return Session(self._keys[name], float(until))

    def __setitem__(self, token: str, session: Session) -> None:
        # Written at once: nobody knows the token yet.
        (self._folder / token).write_text(f"{session.key.name}\n{session.until}", "utf-8")

    def __delitem__(self, token: str) -> None:
        try:
            (self._folder / token).unlink()
        except FileNotFoundError:
            raise KeyError(token) from None

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime))

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
