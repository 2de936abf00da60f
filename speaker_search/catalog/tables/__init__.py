"""The catalog's tables. migrations/ builds the same; a test compares the two.

`embeddings.vector` holds a unit vector as `dim` little-endian float32. `changes` is the change log of every space.
A transaction that alters an answer takes its numbers last, by raising `encoders.changes`. That row stays locked until
the commit, so numbers become visible in their order: a reader that has seen number n has seen everything before it, on
SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from speaker_search.catalog.tables.keys import RowId, key_to_lasting, metadata
from speaker_search.catalog.tables.said import (
    actors,
    adoptions,
    credits,
    edits,
    linkings,
    moved_rows,
    pen_names,
    verdicts,
    voice_events,
    voice_members,
    voices,
)
from speaker_search.catalog.tables.voiced import (
    catalog,
    changes,
    characters,
    clips,
    copies,
    embeddings,
    encoders,
    games,
    makers,
    queue,
    roots,
    workers,
)

__all__ = [
    "RowId",
    "actors",
    "adoptions",
    "catalog",
    "changes",
    "characters",
    "clips",
    "copies",
    "credits",
    "edits",
    "embeddings",
    "encoders",
    "games",
    "key_to_lasting",
    "linkings",
    "makers",
    "metadata",
    "moved_rows",
    "pen_names",
    "queue",
    "roots",
    "verdicts",
    "voice_events",
    "voice_members",
    "voices",
    "workers",
]
