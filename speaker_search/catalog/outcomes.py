"""Storing what became of claimed clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from speaker_search.catalog import duplicates, log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import stored
from speaker_search.catalog.log import Change
from speaker_search.catalog.rows import chunks, insert_all, update_all
from speaker_search.catalog.tables import clips, embeddings, queue
from speaker_search.entities import Floats, Refusal
from speaker_search.errors import CatalogConflictError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a clip: a vector, or a refusal with its reason."""

    clip_id: int
    seconds: float | None = None
    vector: Floats | None = None  # (dim,), unit length
    refusal: Refusal | None = None
    detail: str = ""
    file: tuple[int, int] | None = None  #: of the claimed clip: nothing is stored if the file has changed since
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing did."""

    kept: list[Outcome]  #: of clips that were still in the queue
    merged: int  #: of these, clips with the same audio as an older clip of their game


def store(catalog: Catalog, space_id: int, outcomes: Sequence[Outcome]) -> Stored:
    """Store what became of claimed clips, in one transaction.

    A clip that another worker has finished in the meantime stays as that worker left it. One whose file a scan found
    changed stays pending. One with the same audio as an older clip of its game becomes a copy of that clip.

    Workers store concurrently: each locks the clips it touches, in id order, and they only wait for each other from the
    numbering of changes at the end to the commit.
    """
    if not outcomes:
        return Stored([], 0)
    return catalog.transact(lambda connection: store_in(connection, space_id, outcomes))


def store_in(connection: Connection, space_id: int, outcomes: Sequence[Outcome]) -> Stored:
    """The same as the last step of a transaction of the caller's, to be tried again on CatalogConflictError."""
    locked = _lock(connection, outcomes)
    kept = _take_off_queue(connection, space_id, locked, outcomes)
    _describe(connection, locked, kept)
    embedded = {outcome.clip_id: outcome for outcome in kept if outcome.vector is not None}
    with_fingerprint = [id_ for id_, outcome in embedded.items() if outcome.fingerprint]
    elders = duplicates.pairs(connection, with_fingerprint)
    if not set(elders.values()) <= locked.keys():  # another worker decoded it after this one took its locks
        raise CatalogConflictError("Another worker has just decoded the same audio.", "Retry the transaction.")
    merged, entries = duplicates.merge(connection, elders)
    vectors = _vectors_by_clip(connection, space_id, embedded, merged)
    insert_all(
        connection,
        embeddings,
        [{"encoder_id": space_id, "clip_id": id_, "vector": vector} for id_, vector in vectors.items()],
    )
    characters = {id_: clip.character_id for id_, clip in locked.items()} | _characters(connection, merged.values())
    entries += [Change(space_id, "embedded", id_, None, characters[id_]) for id_ in vectors]
    insert_all(
        connection,
        queue,
        [
            {
                "encoder_id": space_id,
                "clip_id": outcome.clip_id,
                "status": "refused",
                "kills": 0,
                "reason": str(outcome.refusal),
                "detail": outcome.detail,
            }
            for outcome in kept
            if outcome.refusal is not None and outcome.clip_id not in vectors  # unless a copy of it was embedded
        ],
    )
    if entries:
        log.lock_all(connection)
        rest = [id_ for id_ in with_fingerprint if id_ not in merged]
        if not set(duplicates.pairs(connection, rest).values()) <= locked.keys():
            raise CatalogConflictError("Another worker has just stored the same audio.", "Retry the transaction.")
        log.append(connection, entries)
    return Stored(kept, len(merged))


def _lock(connection: Connection, outcomes: Sequence[Outcome]) -> dict[int, Row[Any]]:
    """Lock the clips, and those with the same audio that they may be merged with, in id order."""
    wanted: set[int] = set()
    for some in chunks(outcomes):
        same = clips.c.fingerprint.in_([outcome.fingerprint for outcome in some if outcome.fingerprint])
        wanted.update(connection.execute(select(clips.c.id).where(same)).scalars())
    return lock_clips(connection, wanted | {outcome.clip_id for outcome in outcomes})


def _take_off_queue(
    connection: Connection, space_id: int, locked: dict[int, Row[Any]], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Take clips off the queue; returns the outcomes of those that were still in it."""
    unchanged = []
    for outcome in outcomes:
        clip = locked.get(outcome.clip_id)
        if clip is not None and outcome.file in (None, (clip.size, clip.mtime_ns)):
            unchanged.append(outcome.clip_id)
    queued: set[int] = set()
    for ids in chunks(sorted(unchanged)):
        entries = (queue.c.encoder_id == space_id) & queue.c.clip_id.in_(ids)
        taken_off = delete(queue).where(entries, queue.c.status != "refused").returning(queue.c.clip_id)
        queued.update(connection.execute(taken_off).scalars())
        # A scan that began before another worker stored a clip may have queued it again.
        held = select(embeddings.c.clip_id).where(embeddings.c.encoder_id == space_id, embeddings.c.clip_id.in_(ids))
        queued.difference_update(connection.execute(held).scalars())
    return [outcome for outcome in outcomes if outcome.clip_id in queued]


def _describe(connection: Connection, locked: dict[int, Row[Any]], outcomes: Sequence[Outcome]) -> None:
    """Store the clips' lengths and fingerprints.

    A known length is kept: another space's views may hold it, and that space's change log would not tell them of a
    new one.
    """
    known = [
        {
            "id": outcome.clip_id,
            "seconds": locked[outcome.clip_id].seconds or outcome.seconds,
            "fingerprint": outcome.fingerprint,
        }
        for outcome in outcomes
        if outcome.seconds is not None
    ]
    update_all(connection, clips, known)


def _vectors_by_clip(
    connection: Connection, space_id: int, embedded: dict[int, Outcome], merged: dict[int, int]
) -> dict[int, bytes]:
    """Vectors as stored, by clip id; a merged clip's goes to the clip it was merged into, if that one has none."""
    vectors = {
        id_: stored(outcome.vector)
        for id_, outcome in embedded.items()
        if id_ not in merged and outcome.vector is not None
    }
    lacking = {old: young for young, old in merged.items() if old not in vectors}
    for ids in chunks(lacking):
        held = select(embeddings.c.clip_id).where(embeddings.c.encoder_id == space_id, embeddings.c.clip_id.in_(ids))
        for old in set(ids) - set(connection.execute(held).scalars()):
            connection.execute(delete(queue).where(queue.c.encoder_id == space_id, queue.c.clip_id == old))
            vector = embedded[lacking[old]].vector
            assert vector is not None  # noqa: S101 - all outcomes in `embedded` have one
            vectors[old] = stored(vector)
    return vectors


def _characters(connection: Connection, clip_ids: Iterable[int]) -> dict[int, int | None]:
    """The clips' current characters, by clip id."""
    found: dict[int, int | None] = {}
    for some in chunks(clip_ids):
        rows = connection.execute(select(clips.c.id, clips.c.character_id).where(clips.c.id.in_(some)))
        found.update((row[0], row[1]) for row in rows)
    return found
