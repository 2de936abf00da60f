"""Putting clips into the queue of an encoder, and refused ones back into it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, exists, literal, select, true, update

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import insert_or_keep
from speaker_search.catalog.tables import clips, embeddings, queue
from speaker_search.entities import Refusal

ROWS_PER_TRANSACTION = 10_000
MISSING_DETAIL = "A row of the index names this clip, but there is no such file."


def enqueue(connection: Connection, space_id: int, which: ColumnElement[bool]) -> None:
    """Queue the clips that the encoder has not embedded, refused or queued yet; missing ones are refused directly.

    The caller must have locked the clips: otherwise a worker may embed one of them while it is being queued.
    """
    missing = clips.c.size < 0
    rows = select(
        literal(space_id),
        clips.c.id,
        case((missing, "refused"), else_="pending"),
        literal(0),
        case((missing, str(Refusal.MISSING))),
        case((missing, MISSING_DETAIL)),
    ).where(which, _unknown_to(space_id))
    names = ["encoder_id", "clip_id", "status", "kills", "reason", "detail"]
    connection.execute(insert_or_keep(connection, queue).from_select(names, rows))


def enqueue_all(catalog: Catalog, space_id: int, which: ColumnElement[bool]) -> None:
    """`enqueue` for many clips, which it locks, in transactions of 10,000 of them."""
    reached = 0

    def enqueue_some(connection: Connection) -> int:
        wanted = select(clips.c.id).where(which, clips.c.id > reached, _unknown_to(space_id))
        wanted = wanted.order_by(clips.c.id).limit(ROWS_PER_TRANSACTION)
        ids = connection.execute(wanted.with_for_update(key_share=True, of=clips)).scalars().all()
        if ids:
            # A separate statement, so that it sees what was committed while the lock was waited for.
            enqueue(connection, space_id, and_(which, clips.c.id.between(ids[0], ids[-1])))
        return ids[-1] if ids else 0

    while reached := catalog.transact(enqueue_some):
        pass


def requeue_refused(
    connection: Connection, space_id: int, root_id: int, game_id: int, reasons: Sequence[Refusal] | None
) -> None:
    """Requeue refused clips whose file exists: those refused for these reasons, or all."""
    with_file = select(clips.c.id).where(clips.c.root_id == root_id, clips.c.game_id == game_id, clips.c.size >= 0)
    connection.execute(
        update(queue)
        .where(
            and_(queue.c.encoder_id == space_id, queue.c.status == "refused"),
            queue.c.clip_id.in_(with_file),
            true() if reasons is None else queue.c.reason.in_([str(reason) for reason in reasons]),
        )
        .values(status="pending", kills=0, reason=None, detail=None)
    )


def _unknown_to(space_id: int) -> ColumnElement[bool]:
    """Clips that the encoder has neither embedded nor refused, and that are not in the queue."""
    held = exists().where(embeddings.c.encoder_id == space_id, embeddings.c.clip_id == clips.c.id)
    listed = exists().where(queue.c.encoder_id == space_id, queue.c.clip_id == clips.c.id)
    return and_(~held, ~listed)
