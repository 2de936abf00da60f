"""Who has signed in with a key: the browser holds a random token in a cookie, the server only the token's hash.

<home>/sessions/<hash of the token>   the hash of the key, and until when the session lasts, in seconds since 1970
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from speaker_search.errors import CatalogError
from speaker_search.web.serving.api_keys import Key, key_for

COOKIE = "spksearch_session"
LIFETIME_S = 14 * 24 * 3600
MAX_SESSIONS = 10_000  # the oldest end first
TOKEN_BYTES = 32


class Sessions:
    """Sessions as files, so that several server processes share them. Signing out and LIFETIME_S end them, and so does
    taking their key from the server.
    """

    def __init__(self, keys: Sequence[Key], folder: Path) -> None:
        self._keys = {key.sha256.hex(): key for key in keys}
        self._folder = folder

    def begin(self, key: str) -> str | None:
        """The token of a new session; None unless the key is one of the server's. Raises CatalogError when the session
        cannot be kept.
        """
        found = key_for(key.strip().encode("utf-8", "surrogateescape"), list(self._keys.values()))
        if found is None:
            return None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear()
            new = self._folder / f"{_hash(token)}.new"
            new.write_text(f"{found.sha256.hex()} {time.time() + LIFETIME_S:.0f}", encoding="ascii")
            new.replace(self._folder / _hash(token))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CatalogError(
                f"The session cannot be kept in the server's home: {reason}.", "Free disk space or its permissions."
            ) from error
        return token

    def of_request(self, headers: Headers) -> Key | None:
        """The key that the session of a request began with; None without a session."""
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if not token:
            return None
        try:
            key, _, until = (self._folder / _hash(token)).read_text(encoding="ascii").partition(" ")
            return self._keys.get(key) if time.time() < float(until) else None
        except (OSError, ValueError):
            return None

    def end(self, token: str) -> None:
        """End the session, where there is one."""
        with suppress(OSError):
            (self._folder / _hash(token)).unlink()

    def _clear(self) -> None:
        """Delete the sessions that are over, and the oldest where there are too many."""
        held = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(self._folder))
        over = time.time() - LIFETIME_S
        for place, (begun, path) in enumerate(held):
            if begun < over or place <= len(held) - MAX_SESSIONS:
                with suppress(OSError):
                    Path(path).unlink()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
