"""Putting clips into the queue of an encoder, and refused ones back into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import ColumnElement, Connection, and_, exists, select, true, update

from speaker_search.catalog.clips import IMPORTED, lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import among, chunks, insert_all, stream
from speaker_search.catalog.tables import clips, embeddings, queue, roots
from speaker_search.entities import Refusal

ROWS_PER_TRANSACTION = 10_000
MISSING_DETAIL = "A row of the index names this clip, but there is no such file."
TRANSIENT = (Refusal.MISSING, Refusal.UNREADABLE)  # worth another try: the file may be there by now


def enqueue(connection: Connection, space_id: int, clip_ids: Sequence[int]) -> None:
    """Queue the clips that the encoder has not embedded, refused or queued yet; missing ones are refused directly.

    The caller must have locked the clips: otherwise a worker may embed one of them while it is being queued.
    """
    for some in chunks(clip_ids):
        unknown = _unknown(connection, space_id, among(connection, clips.c.id, some))
        sizes = select(clips.c.id, clips.c.size).where(among(connection, clips.c.id, unknown))
        enqueue_new(connection, space_id, dict(connection.execute(sizes).all()))


def enqueue_new(connection: Connection, space_id: int, sizes: Mapping[int, int]) -> None:
    """The same for clips that the encoder is known not to have met, given as the size of each by id."""
    pending = {"encoder_id": space_id, "status": "pending", "kills": 0, "reason": None, "detail": None}
    missing = pending | {"status": "refused", "reason": str(Refusal.MISSING), "detail": MISSING_DETAIL}
    rows = [(missing if size < 0 else pending) | {"clip_id": id_} for id_, size in sizes.items()]
    insert_all(connection, queue, rows)


def enqueue_all(catalog: Catalog, space_id: int, which: ColumnElement[bool]) -> None:
    """`enqueue` for many clips, which it locks, in transactions of 10,000 of them."""
    with catalog.read() as connection:
        unknown = _unknown(connection, space_id, which)

    def enqueue_some(connection: Connection, ids: Sequence[int]) -> None:
        enqueue(connection, space_id, list(lock_clips(connection, set(ids))))

    for ids in chunks(unknown, ROWS_PER_TRANSACTION):
        catalog.transact(partial(enqueue_some, ids=ids))


def requeue_refused(
    connection: Connection, space_id: int, which: ColumnElement[bool], reasons: Sequence[Refusal] | None
) -> None:
    """Requeue refused clips whose file exists: of `which`, those refused for these reasons, or all."""
    with_file = select(clips.c.id).where(which, clips.c.size >= 0)
    connection.execute(
        update(queue)
        .where(
            and_(queue.c.encoder_id == space_id, queue.c.status == "refused"),
            queue.c.clip_id.in_(with_file),
            true() if reasons is None else queue.c.reason.in_([str(reason) for reason in reasons]),
        )
        .values(status="pending", kills=0, reason=None, detail=None)
    )


def enqueue_everything(catalog: Catalog, space_id: int, *, retry_refused: bool) -> None:
    """`enqueue` for every clip that did not come without its audio, and for those that could not be read last time.

    With `retry_refused` all refused clips are queued again.
    """
    with_audio = clips.c.root_id.in_(select(roots.c.id).where(~roots.c.path.startswith(IMPORTED)))
    enqueue_all(catalog, space_id, with_audio)
    again = None if retry_refused else TRANSIENT
    catalog.transact(lambda connection: requeue_refused(connection, space_id, with_audio, again))


def _unknown(connection: Connection, space_id: int, which: ColumnElement[bool]) -> list[int]:
    """The clips that the encoder has neither embedded nor refused, and that are not in the queue, by id."""
    wanted = select(clips.c.id).where(which)
    if connection.dialect.name == "sqlite":
        for c in (embeddings.c, queue.c):
            wanted = wanted.where(~exists().where(c.encoder_id == space_id, c.clip_id == clips.c.id))
        return sorted(row.id for part in stream(connection, wanted) for row in part)
    # PostgreSQL would join the tables. Its statistics are a minute old, and while a queue fills up that was empty a
    # minute ago, they make it read the whole queue for each clip.
    found: list[int] = []
    for part in stream(connection, wanted):
        unknown = {row.id for row in part}
        for c in (embeddings.c, queue.c):
            held = select(c.clip_id).where(c.encoder_id == space_id, among(connection, c.clip_id, unknown))
            unknown.difference_update(connection.execute(held).scalars())
        found += unknown
    return sorted(found)
