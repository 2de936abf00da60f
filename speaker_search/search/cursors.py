"""Cursors: the `next` of an answer holds its search and what was given so far, so any program can continue it.

A page is the best matches that were not given yet. So pages neither repeat nor skip a match, however scores and ranks
change in between: a cursor that held a position would do both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from speaker_search.documents import By
from speaker_search.errors import UsageError
from speaker_search.search.examples import character_query
from speaker_search.search.live import Ready
from speaker_search.search.query import EVERYBODY, NOTHING, Filters, Given, Query

VERSION = 1  # of what a cursor holds: those of other versions are refused
CHECKSUM_BYTES = 16
MOST_BYTES = 64 * 1024  # of a cursor as text: servers refuse longer addresses
MOST_UNPACKED = 4 * 2**20
LENGTHS = struct.Struct("<4I")
VECTOR, DELTA = np.dtype("<f4"), np.dtype("<u8")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A search, as far as it has been answered."""

    query: Query
    filters: Filters
    by: By
    exclude_game_id: int | None = None
    given: Given = NOTHING

    def asks(self, filters: Filters, by: By) -> bool:
        """Whether these are its filters and kind of match, or are left out, which means the same."""
        return filters in (EVERYBODY, self.filters) and by in ("character", self.by)


def write(cursor: Cursor, ready: Ready, catalog: str) -> str | None:
    """A cursor as text, about 1.4 KB and then 2 bytes for each match given; None where that is over MOST_BYTES, or
    over MOST_UNPACKED before it is compressed.

    `catalog` is the catalog's uuid. A character's query is its id alone.
    """
    query = cursor.query
    header = {
        "space": ready.space.name,
        "by": cursor.by,
        "filters": {one.name: getattr(cursor.filters, one.name) for one in fields(Filters)},
        "exclude_game": cursor.exclude_game_id,
        "query": {one.name: getattr(query, one.name) for one in fields(Query) if one.name != "vector"},
    }
    vector = b"" if query.character_id is not None else np.asarray(query.vector, VECTOR).tobytes()
    parts = [json.dumps(header).encode(), vector, _packed(cursor.given.ids), _packed(cursor.given.voices)]
    whole = LENGTHS.pack(*map(len, parts)) + b"".join(parts)
    if len(whole) > MOST_UNPACKED:
        return None
    # Vectors hardly compress. So the best level and a large window, which zlib has to clear first, repay their time
    # only where there are many ids.
    body = zlib.compress(whole, *(9, 15) if len(cursor.given.ids) > len(query.vector) else (1, 12))
    text = base64.urlsafe_b64encode(_checksum(body, catalog) + body).decode().rstrip("=")
    return text if len(text) <= MOST_BYTES else None


def read(text: str, ready: Ready, catalog: str) -> Cursor:
    """A cursor that `write` gave. Raises UsageError for any other text, and when another space is searched now."""
    body = _checked(text, catalog)
    lengths = LENGTHS.unpack_from(body)
    parts, start = [], LENGTHS.size
    for length in lengths:
        parts.append(body[start : start + length])
        start += length
    header, vector, ids, voices = json.loads(parts[0]), *parts[1:]
    if header["space"] != ready.space.name:
        raise UsageError(
            f"This cursor is of a search in {header['space']}, and {ready.space.name} is searched now.",
            "Search again from the first page.",
        )
    asked = _tuples(header["query"])
    if asked["character_id"] is not None:
        query = character_query(ready, asked["character_id"])
    else:
        query = Query(vector=np.frombuffer(vector, VECTOR).astype(np.float32), **asked)
    given = Given(_unpacked(ids), _unpacked(voices))
    return Cursor(query, Filters(**_tuples(header["filters"])), header["by"], header["exclude_game"], given)


def asked(like: Iterable[str | bytes], unlike: Iterable[str | bytes]) -> str:
    """What identifies a query: the same sounds, ids and vectors in any order."""
    named = [sorted(part if isinstance(part, str) else part.hex() for part in {*side}) for side in (like, unlike)]
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=12).hexdigest()


def another() -> UsageError:
    """The error for a cursor that is given together with another search."""
    return UsageError(
        "This cursor belongs to another search.", "Give it with what that search was asked with, or alone."
    )


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields read from JSON, which has lists for tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _checked(text: str, catalog: str) -> bytes:
    """The body of a cursor of this catalog. Raises UsageError."""
    shown = repr(text) if len(text) <= 40 else f"{text[:40]!r}…"
    error = UsageError(f"{shown} is not a cursor of this catalog.", "Give the `next` of an earlier answer, unchanged.")
    if not text.isascii() or len(text) > MOST_BYTES:
        raise error
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise error from None
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise error
    checksum, body = raw[:CHECKSUM_BYTES], raw[CHECKSUM_BYTES:]
    if not hmac.compare_digest(checksum, _checksum(body, catalog)):
        raise error
    return zlib.decompressobj().decompress(body, MOST_UNPACKED)


def _checksum(body: bytes, catalog: str) -> bytes:
    """A hash of the body, keyed by the catalog. It detects mistakes, not forgery: a cursor allows nothing that a
    search does not.
    """
    return hashlib.blake2b(body, digest_size=CHECKSUM_BYTES, key=f"{VERSION}:{catalog}".encode()).digest()


def _packed(ids: Collection[int]) -> bytes:
    """Ids as the differences between them, all first bytes first, then all second ones: mostly zeros, for zlib."""
    if not ids:
        return b""
    ordered = np.sort(np.fromiter(ids, np.int64))
    deltas = np.diff(ordered, prepend=0).astype(DELTA)
    return np.ascontiguousarray(deltas.view(np.uint8).reshape(-1, DELTA.itemsize).T).tobytes()


def _unpacked(packed: bytes) -> tuple[int, ...]:
    planes = np.frombuffer(packed, np.uint8).reshape(DELTA.itemsize, -1)
    deltas = np.ascontiguousarray(planes.T).reshape(-1).view(DELTA)
    return tuple(np.cumsum(deltas.astype(np.int64)).tolist())
