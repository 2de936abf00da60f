"""The vectors of a space: by clip, or all of them in order of their clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, delete, func, select

from speaker_search.catalog.rows import chunks
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import clips, embeddings
from speaker_search.entities import Floats, Ids
from speaker_search.errors import CatalogError

STORED = np.dtype("<f4")  # how the catalog stores a vector, on every machine
ROWS_PER_READ = 10_000
UNKNOWN = 0  # the character id of an unknown speaker: no row has this id


@dataclass(frozen=True, slots=True)
class EmbeddedClips:
    """Embedded clips (n) with their labels, by id."""

    ids: Ids  # (n,)
    characters: Ids  # (n,) UNKNOWN where the speaker is unknown
    games: Ids  # (n,)
    seconds: Floats  # (n,) of audio; 0 where the catalog does not know it
    vectors: Floats  # (n, dim)

    def __len__(self) -> int:
        return len(self.ids)


def embedded(connection: Connection, space: Space, clip_ids: Ids) -> Iterator[EmbeddedClips]:
    """The clips with these ids (in order) that the space holds, up to 1,000 at a time."""
    for some in chunks(clip_ids.tolist()):
        yield _clips(connection, space, _labelled(space).where(embeddings.c.clip_id.in_(some)))


def all_embedded(connection: Connection, space: Space) -> Iterator[EmbeddedClips]:
    """Every clip that a space holds, by id, up to 10,000 at a time."""
    after = -1
    while True:
        part = _clips(connection, space, _labelled(space).where(embeddings.c.clip_id > after).limit(ROWS_PER_READ))
        if not len(part):
            return
        yield part
        after = int(part.ids[-1])


def vectors_of(connection: Connection, space: Space, clip_ids: Sequence[int]) -> dict[int, Floats]:
    """The vectors (dim,) of those clips that are embedded in a space, by clip id."""
    found: dict[int, Floats] = {}
    c = embeddings.c
    for ids in chunks(clip_ids):
        rows = connection.execute(select(c.clip_id, c.vector).where(c.encoder_id == space.id, c.clip_id.in_(ids))).all()
        if rows:
            found.update(zip((row[0] for row in rows), _vectors([row[1] for row in rows], space.dim), strict=True))
    return found


def delete_embeddings(connection: Connection, clip_ids: Sequence[int]) -> None:
    """Delete clips' embeddings in every space; call `log.removals` first for the log's entries."""
    for ids in chunks(clip_ids):
        connection.execute(delete(embeddings).where(embeddings.c.clip_id.in_(ids)))


def stored(vector: Floats) -> bytes:
    """A vector (dim,) as the catalog stores it."""
    return np.ascontiguousarray(vector, STORED).tobytes()


def _labelled(space: Space) -> Select[Any]:
    e = embeddings.c
    character, seconds = func.coalesce(clips.c.character_id, UNKNOWN), func.coalesce(clips.c.seconds, 0.0)
    columns = (e.clip_id, character, clips.c.game_id, seconds, e.vector)
    query = select(*columns).join_from(embeddings, clips, clips.c.id == e.clip_id)
    return query.where(e.encoder_id == space.id).order_by(e.clip_id)


def _clips(connection: Connection, space: Space, query: Select[Any]) -> EmbeddedClips:
    rows = connection.execute(query).all()
    labels = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    seconds = np.array([row[3] for row in rows], np.float32)
    vectors = _vectors([row[4] for row in rows], space.dim)
    return EmbeddedClips(labels[:, 0], labels[:, 1], labels[:, 2], seconds, vectors)


def _vectors(blobs: Sequence[bytes], dim: int) -> Floats:
    if any(len(blob) != dim * STORED.itemsize for blob in blobs):
        raise CatalogError("The catalog holds an embedding of the wrong length.", "Restore a backup of the catalog.")
    return np.frombuffer(b"".join(blobs), STORED).reshape(len(blobs), dim).astype(np.float32)
