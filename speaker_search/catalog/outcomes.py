"""Writing down what became of claimed clips."""

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
    file: tuple[int, int] | None = None  #: that of the claimed clip: nothing is stored if it is another one by now
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing did."""

    kept: list[Outcome]  #: of clips that still waited
    merged: int  #: of these, clips that turned out to be an older clip of their game


def store(catalog: Catalog, space_id: int, outcomes: Sequence[Outcome]) -> Stored:
    """Write down what became of claimed clips, in one transaction.

    A clip that another worker has finished in the meantime is left as that worker left it, and one whose file a scan
    has found changed still waits. One with the audio of an older clip of its game becomes another place of that clip.

    Workers store side by side: each locks the clips it touches, in order of their ids, and only the numbering at the
    end, which lasts until the commit, is one at a time.
    """
    if not outcomes:
        return Stored([], 0)
    return catalog.transact(lambda connection: _store(connection, space_id, outcomes))


def _store(connection: Connection, space_id: int, outcomes: Sequence[Outcome]) -> Stored:
    locked = _lock(connection, outcomes)
    kept = _take_off_queue(connection, space_id, locked, outcomes)
    _describe(connection, kept)
    heard = {outcome.clip_id: outcome for outcome in kept if outcome.vector is not None}
    with_fingerprint = [id_ for id_, outcome in heard.items() if outcome.fingerprint]
    elders = duplicates.pairs(connection, with_fingerprint)
    if not set(elders.values()) <= locked.keys():  # heard by another worker since the lock was taken
        raise CatalogConflictError("Another worker has just heard the same audio.", "Store again.")
    merged, entries = duplicates.merge(connection, elders)
    made = _vectors_by_clip(connection, space_id, heard, merged)
    insert_all(
        connection,
        embeddings,
        [{"encoder_id": space_id, "clip_id": id_, "vector": vector} for id_, vector in made.items()],
    )
    characters = {id_: clip.character_id for id_, clip in locked.items()} | _characters(connection, merged.values())
    entries += [Change(space_id, "embedded", id_, None, characters[id_]) for id_ in made]
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
            if outcome.refusal is not None and outcome.clip_id not in made  # another place of it had a vector
        ],
    )
    if entries:
        log.lock_all(connection)
        rest = [id_ for id_ in with_fingerprint if id_ not in merged]
        if not set(duplicates.pairs(connection, rest).values()) <= locked.keys():
            raise CatalogConflictError("Another worker has just stored the same audio.", "Store again.")
        log.append(connection, entries)
    return Stored(kept, len(merged))


def _lock(connection: Connection, outcomes: Sequence[Outcome]) -> dict[int, Row[Any]]:
    """Lock the clips, and those of the same audio that they may be merged with; in order of their ids."""
    wanted: set[int] = set()
    for some in chunks(outcomes):
        same = clips.c.fingerprint.in_([outcome.fingerprint for outcome in some if outcome.fingerprint])
        wanted.update(connection.execute(select(clips.c.id).where(same)).scalars())
    return lock_clips(connection, wanted | {outcome.clip_id for outcome in outcomes})


def _take_off_queue(
    connection: Connection, space_id: int, locked: dict[int, Row[Any]], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Take clips off the queue; the outcomes of those that were still in it."""
    timely = []
    for outcome in outcomes:
        clip = locked.get(outcome.clip_id)
        if clip is not None and outcome.file in (None, (clip.size, clip.mtime_ns)):
            timely.append(outcome.clip_id)
    still: set[int] = set()
    for ids in chunks(sorted(timely)):
        mine = (queue.c.encoder_id == space_id) & queue.c.clip_id.in_(ids)
        waiting = delete(queue).where(mine, queue.c.status != "refused").returning(queue.c.clip_id)
        still.update(connection.execute(waiting).scalars())
        # A scan that began before another worker stored a clip may have queued it once more.
        held = select(embeddings.c.clip_id).where(embeddings.c.encoder_id == space_id, embeddings.c.clip_id.in_(ids))
        still.difference_update(connection.execute(held).scalars())
    return [outcome for outcome in outcomes if outcome.clip_id in still]


def _describe(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write down how long the clips are and what their audio is."""
    known = [
        {"id": outcome.clip_id, "seconds": outcome.seconds, "fingerprint": outcome.fingerprint}
        for outcome in outcomes
        if outcome.seconds is not None
    ]
    update_all(connection, clips, known)


def _vectors_by_clip(
    connection: Connection, space_id: int, heard: dict[int, Outcome], merged: dict[int, int]
) -> dict[int, bytes]:
    """Vectors as stored, by clip id: those of merged clips go to the clip they are now, if it has none."""
    made = {
        id_: stored(outcome.vector)
        for id_, outcome in heard.items()
        if id_ not in merged and outcome.vector is not None
    }
    lacking = {old: young for young, old in merged.items() if old not in made}
    for ids in chunks(lacking):
        held = select(embeddings.c.clip_id).where(embeddings.c.encoder_id == space_id, embeddings.c.clip_id.in_(ids))
        for old in set(ids) - set(connection.execute(held).scalars()):
            connection.execute(delete(queue).where(queue.c.encoder_id == space_id, queue.c.clip_id == old))
            vector = heard[lacking[old]].vector
            assert vector is not None  # noqa: S101 - heard holds no others
            made[old] = stored(vector)
    return made


def _characters(connection: Connection, clip_ids: Iterable[int]) -> dict[int, int | None]:
    """Who speaks the clips by now, by clip id."""
    found: dict[int, int | None] = {}
    for some in chunks(clip_ids):
        rows = connection.execute(select(clips.c.id, clips.c.character_id).where(clips.c.id.in_(some)))
        found.update((row[0], row[1]) for row in rows)
    return found
