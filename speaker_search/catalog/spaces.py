"""Embedding spaces: which there are, and how far the change log of each reaches."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, select

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import ensure
from speaker_search.catalog.tables import catalog, embeddings, encoders, queue
from speaker_search.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space of the catalog."""

    id: int
    name: str  #: such as "anime-va@41d5ad6b5c75"
    encoder: str  #: the encoder's name
    dim: int


@dataclass(frozen=True, slots=True)
class ClipCounts:
    """How many clips of a space are embedded, pending and refused."""

    embedded: int
    pending: int  #: whether or not a worker has claimed them
    refused: int


def spaces(connection: Connection) -> list[Space]:
    """The spaces that hold or await clips, or ever have, oldest first.

    A space begins with its first clip: a program that has only asked for one, with `ensure_space`, fixes nothing.
    """
    c = encoders.c
    begun = (c.changes > 0) | exists().where(queue.c.encoder_id == c.id)
    return [Space(*row) for row in connection.execute(select(c.id, c.space, c.name, c.dim).where(begun).order_by(c.id))]


def filled_spaces(connection: Connection) -> list[Space]:
    """The spaces that hold clips, oldest first."""
    c = encoders.c
    held = exists().where(embeddings.c.encoder_id == c.id)
    return [Space(*row) for row in connection.execute(select(c.id, c.space, c.name, c.dim).where(held).order_by(c.id))]


def ensure_space(catalog: Catalog, *, space: str, name: str, dim: int) -> Space:
    """The space with that name, created if it is new. It is not among `spaces` before its first clip."""
    with catalog.write() as connection:
        id_ = ensure(connection, encoders, {"space": space}, {"name": name, "dim": dim, "changes": 0})
    return Space(id_, space, name, dim)


def check_space(loaded: str, space: str) -> None:
    """Raise CatalogError when the loaded weights, given as their space, are not those that `space` was made with."""
    if loaded != space:
        raise CatalogError(
            f"The catalog's embeddings are in {space}, but the loaded weights are {loaded}.",
            "Set SPKSEARCH_CHECKPOINT to the weights that made them, or unset it if the home has a copy; or embed with "
            "the loaded ones: `spksearch ingest --again --encoder NAME`.",
        )


def position(connection: Connection, space: Space, uuid: str) -> int:
    """How far a space's change log reaches. Raises CatalogError if the database now holds another catalog."""
    c = encoders.c
    which = select(catalog.c.uuid).scalar_subquery()
    row = connection.execute(select(c.changes, which).where(c.id == space.id, c.space == space.name)).first()
    if row is None or row[1] != uuid:
        raise CatalogError("The catalog was replaced by another one.", "Start again.")
    return int(row[0])


def count_clips(connection: Connection, space_id: int) -> ClipCounts:
    """How many clips of a space are embedded, pending and refused."""
    embedded = select(func.count()).select_from(embeddings).where(embeddings.c.encoder_id == space_id)
    return ClipCounts(int(connection.execute(embedded).scalar_one()), *count_queued(connection, space_id))


def count_queued(connection: Connection, space_id: int) -> tuple[int, int]:
    """How many clips of a space are pending, and how many refused: quick also where counting embeddings takes long."""
    c = queue.c
    by_status = select(c.status, func.count()).where(c.encoder_id == space_id).group_by(c.status)
    counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_status)}
    return counts.get("pending", 0) + counts.get("claimed", 0), counts.get("refused", 0)
