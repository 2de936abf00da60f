"""What a stretch of the change log did to a space's clips: which are out, which are in, and with which labels."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from speaker_search.catalog import embeddings, log
from speaker_search.catalog.spaces import Space, position
from speaker_search.entities import Ids
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns

FEW = 10_000  # with more clips touched, and over half of all, a view is made anew instead


@dataclass(frozen=True, slots=True)
class Delta:
    """The step of the views from one position of the log to another. A relabelled clip is in both columns."""

    position: int  #: reached by it
    removed: Columns  #: as the views hold them
    added: Columns  #: as the catalog holds them


@dataclass(frozen=True, slots=True)
class Touched:
    """The clips that a stretch of the log is about, and what the catalog holds of them at its end."""

    position: int
    ids: Ids  # (n,)
    now: Columns  #: those that are embedded


def read(connection: Connection, uuid: str, space: Space, after: int, clips: int) -> Touched | None:
    """What has happened since position `after` to a view of so many clips, in the catalog of that uuid.

    None when the view is to be made anew: the log does not reach back so far, or the catalog was put back from a copy
    (so the log ends before `after`), or most of it has changed.
    """
    reached = position(connection, space, uuid)
    if reached == after:
        nothing = columns.none(space.dim)
        return Touched(reached, nothing.ids, nothing)
    if reached < after or reached - after > max(FEW, 4 * clips):
        return None
    ids = log.touched_between(connection, space.id, after, reached)
    if ids is None or len(ids) > max(FEW, clips // 2):
        return None
    return Touched(reached, ids, columns.gather(embeddings.embedded(connection, space, ids), space.dim))


def read_all(connection: Connection, uuid: str, space: Space) -> tuple[int, Columns]:
    """The position of a space's log, and every clip that it holds there."""
    reached = position(connection, space, uuid)
    return reached, columns.gather(embeddings.all_embedded(connection, space), space.dim)
