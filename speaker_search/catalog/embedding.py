"""Embedding spaces, the vectors in them, and the log of changes that indexes follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.tables import catalog, embeddings, encoders, removals, unembedded
from speaker_search.entities import Floats, Ids
from speaker_search.errors import CatalogError
from speaker_search.settings import DEFAULT_ENCODER

STORED = np.dtype("<f4")  # how a vector lies in the catalog, on every machine
ROWS_PER_READ = 10_000


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space of the catalog."""

    id: int
    space: str  #: such as "anime-va@41d5ad6b5c75"
    name: str  #: of its encoder
    dim: int
    changes: int  #: how far its change log reaches


@dataclass(frozen=True, slots=True)
class ClipCounts:
    embedded: int
    pending: int  #: whether or not a worker has claimed them
    refused: int


def spaces(connection: Connection) -> list[Space]:
    """All embedding spaces, oldest first."""
    c = encoders.c
    rows = connection.execute(select(c.id, c.space, c.name, c.dim, c.changes).order_by(c.id))
    return [Space(*row) for row in rows]


def choose_space(connection: Connection, wanted: str | None) -> Space:
    """The space of an encoder's name (`anime-va`) or a space's own (`anime-va@41d5ad6b5c75`); None: the only one, or
    else the default encoder's.

    Raises CatalogError when there is no such space, or several and none is wanted.
    """
    known = spaces(connection)
    if not known:
        raise CatalogError("The catalog holds no voices yet.", "Take some in first: `spksearch ingest FOLDER`.")
    fitting = [space for space in known if wanted in (None, space.name, space.space)]
    if len(fitting) > 1 and wanted is None:
        fitting = [space for space in known if space.name == DEFAULT_ENCODER] or fitting
    names = ", ".join(space.space for space in known)
    if not fitting:
        raise CatalogError(
            f"The catalog holds no embeddings of {wanted}, only of {names}.",
            f"Ask with one of these as --encoder, or run `spksearch ingest --encoder {wanted} FOLDER`.",
        )
    if len(fitting) > 1:
        raise CatalogError(f"The catalog holds several spaces: {names}.", "Name one as --encoder or SPKSEARCH_ENCODER.")
    return fitting[0]


def check_space(at_hand: str, space: str) -> None:
    """Raise CatalogError when the weights at hand (their space) are not those that a space was made with."""
    if at_hand != space:
        raise CatalogError(
            f"The catalog's embeddings are in {space}, and the weights at hand are {at_hand}.",
            "Set SPKSEARCH_CHECKPOINT to the weights it was made with, or name their encoder to ingest with these.",
        )


def remove_embeddings(connection: Connection, clip_ids: Sequence[int]) -> None:
    """Delete clips' embeddings in every space, with a note of it in each space's change log."""
    for ids in chunks(clip_ids, IDS_PER_STATEMENT):
        held = select(embeddings.c.encoder_id, embeddings.c.clip_id).where(embeddings.c.clip_id.in_(ids))
        for encoder_id, clip_id in connection.execute(held.order_by(embeddings.c.encoder_id)).all():
            seq = advance(connection, encoder_id, 1)
            connection.execute(insert(removals).values(encoder_id=encoder_id, seq=seq, clip_id=clip_id))
        connection.execute(delete(embeddings).where(embeddings.c.clip_id.in_(ids)))


def lock_spaces(connection: Connection) -> None:
    """Take the locks of all spaces, for a transaction that changes clips which a worker may be storing.

    The worker holds its space's lock when it comes to the clips: one that takes them in another order may wait for the
    worker while the worker waits for it.
    """
    connection.execute(select(encoders.c.id).order_by(encoders.c.id).with_for_update(key_share=True)).all()


def advance(connection: Connection, encoder_id: int, by: int) -> int:
    """Take the next `by` places of a space's change log; the last of them. Holds the space's lock until commit."""
    raised = update(encoders).where(encoders.c.id == encoder_id).values(changes=encoders.c.changes + by)
    return int(connection.execute(raised.returning(encoders.c.changes)).scalar_one())


def raise_revision(connection: Connection) -> None:
    """Note that names or labels changed."""
    connection.execute(update(catalog).values(revision=catalog.c.revision + 1))


def removed_between(connection: Connection, encoder_id: int, after: int, until: int) -> Ids:
    """Clips whose embeddings were removed in a stretch of the change log, some of them embedded again since."""
    c = removals.c
    query = select(c.clip_id).where(c.encoder_id == encoder_id, c.seq > after, c.seq <= until)
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def embedded_between(connection: Connection, space: Space, after: int, until: int) -> Iterator[tuple[Ids, Floats]]:
    """Clip ids and vectors (n, dim) stored in a stretch of the change log, in its order, up to 10,000 at a time."""
    c = embeddings.c
    while True:
        rows = connection.execute(
            select(c.clip_id, c.vector, c.seq)
            .where(c.encoder_id == space.id, c.seq > after, c.seq <= until)
            .order_by(c.seq)
            .limit(ROWS_PER_READ)
        ).all()
        if not rows:
            return
        yield np.array([row[0] for row in rows], np.int64), _vectors([row[1] for row in rows], space.dim)
        after = rows[-1][2]


def vectors_of(connection: Connection, space: Space, clip_ids: Sequence[int]) -> dict[int, Floats]:
    """The vectors (dim,) of those clips that are embedded in a space, by clip id."""
    found: dict[int, Floats] = {}
    for ids in chunks(clip_ids, IDS_PER_STATEMENT):
        c = embeddings.c
        rows = connection.execute(select(c.clip_id, c.vector).where(c.encoder_id == space.id, c.clip_id.in_(ids))).all()
        if rows:
            vectors = _vectors([row[1] for row in rows], space.dim)
            found.update(zip((row[0] for row in rows), vectors, strict=True))
    return found


def count_embedded(connection: Connection, encoder_id: int, until: int) -> int:
    """How many embeddings there are up to a place in the change log."""
    c = embeddings.c
    query = select(func.count()).select_from(embeddings).where(c.encoder_id == encoder_id, c.seq <= until)
    return int(connection.execute(query).scalar_one())


def count_clips(connection: Connection, encoder_id: int) -> ClipCounts:
    """How many clips a space holds, waits for and has refused."""
    embedded = select(func.count()).select_from(embeddings).where(embeddings.c.encoder_id == encoder_id)
    c = unembedded.c
    by_status = select(c.status, func.count()).where(c.encoder_id == encoder_id).group_by(c.status)
    counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_status)}
    total = int(connection.execute(embedded).scalar_one())
    waiting = counts.get("pending", 0) + counts.get("claimed", 0)
    return ClipCounts(total, waiting, counts.get("refused", 0))


def _vectors(blobs: Sequence[bytes], dim: int) -> Floats:
    if any(len(blob) != dim * STORED.itemsize for blob in blobs):
        raise CatalogError("The catalog holds an embedding of the wrong length.", "Restore a backup of the catalog.")
    return np.frombuffer(b"".join(blobs), STORED).reshape(len(blobs), dim).astype(np.float32)
