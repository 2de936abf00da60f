"""Stored vectors that cannot be used: they are named, and their clips queued to be embedded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete

from speaker_search.catalog import log
from speaker_search.catalog.clips import clips_by_id, lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import unusable
from speaker_search.catalog.log import Change
from speaker_search.catalog.rows import chunks
from speaker_search.catalog.scans.enqueue import enqueue
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import embeddings
from speaker_search.entities import Place


@dataclass(frozen=True, slots=True)
class UnusableVector:
    """A clip whose stored vector cannot be used: it is in no view, and in no answer."""

    id: int
    path: Place
    why: str


def unusable_vectors(
    connection: Connection, space: Space, clip_ids: Sequence[int] | None = None
) -> list[UnusableVector]:
    """The clips of a space whose vectors cannot be used, by id; of all, or of those given."""
    parts = [clip_ids] if clip_ids is None else chunks(clip_ids)
    found = {id_: why for some in parts for id_, why in unusable(connection, space, some)}
    places = clips_by_id(connection, list(found))
    return [UnusableVector(id_, places[id_].path, why) for id_, why in found.items()]


def requeue_unusable(catalog: Catalog, space: Space) -> int:
    """Delete a space's unusable vectors and queue their clips, to be embedded anew; returns how many."""
    with catalog.read() as connection:
        ids = [id_ for id_, _ in unusable(connection, space)]
    return sum(_requeued(catalog, space, some) for some in chunks(ids))


def _requeued(catalog: Catalog, space: Space, clip_ids: Sequence[int]) -> int:
    def requeue(connection: Connection) -> int:
        locked = lock_clips(connection, set(clip_ids))
        # Since they were found, some may have been queued by another program, and embedded anew.
        ids = [id_ for id_, _ in unusable(connection, space, list(locked))]
        connection.execute(delete(embeddings).where(embeddings.c.encoder_id == space.id, embeddings.c.clip_id.in_(ids)))
        enqueue(connection, space.id, ids)
        log.append(connection, [Change(space.id, "removed", id_, locked[id_].character_id, None) for id_ in ids])
        return len(ids)

    return catalog.transact(requeue)
