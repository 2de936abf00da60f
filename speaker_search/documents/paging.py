"""Cursors of lists: they hold where a page ended, so the next page neither repeats nor skips rows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from speaker_search.documents.searches.questions import MAX_ID
from speaker_search.errors import UsageError

CHECK_BYTES = 6  # an altered cursor passes once in 2^48
MAX_CURSOR = 100  # characters


def cursor_after(listed: str, *key: float) -> str:
    """The cursor of what comes after the row with this sort key, in the list of this name."""
    content = json.dumps(key).encode()
    check = hashlib.blake2b(listed.encode() + content, digest_size=CHECK_BYTES).digest()
    return base64.urlsafe_b64encode(check + content).rstrip(b"=").decode()


def key_of(cursor: str | None, listed: str, width: int = 1) -> tuple[float, ...] | None:
    """The sort key, of `width` numbers, that a cursor of this list stands for; None without a cursor.

    Raises UsageError for anything that `cursor_after` did not return for this list.
    """
    if cursor is None:
        return None
    if len(cursor) <= MAX_CURSOR:
        try:
            content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)[CHECK_BYTES:]
            key = json.loads(content)
        except (binascii.Error, ValueError):  # no base64, no JSON
            key = None
        numbers = isinstance(key, list) and len(key) == width and all(map(_is_number, key))
        if numbers and cursor_after(listed, *key) == cursor:
            return tuple(key)
    raise UsageError(f"{cursor!r} is not a cursor of this list.", "Give the `next` of an earlier answer.")


def id_after(cursor: str | None, listed: str) -> int:
    """The same of a list sorted by id: 0 without a cursor."""
    key = key_of(cursor, listed)
    return 0 if key is None else int(key[0])


def _is_number(value: object) -> bool:
    """Whether a database can compare with it. A client could compute the checksum itself, so this is checked, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_ID
