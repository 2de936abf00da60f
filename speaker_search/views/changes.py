"""What a range of the change log did to a space's clips: removed and added clips, with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import embeddings, log
from speaker_search.catalog.embeddings import EmbeddedClips
from speaker_search.catalog.spaces import Space, position
from speaker_search.entities import Ids
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns

FEW = 10_000  # when more clips than this, and over half of all, have changed, a view is rebuilt instead


@dataclass(frozen=True, slots=True)
class Delta:
    """The step of the views from one position of the log to another. A relabelled clip is in both columns."""

    position: int  #: reached by it
    removed: Columns  #: as the views hold them
    added: Columns  #: as the catalog holds them


@dataclass(frozen=True, slots=True)
class Touched:
    """The clips in a range of the log, and what the catalog holds of them at its end."""

    position: int
    ids: Ids  # (n,)
    now: Columns  #: those that are embedded
    unusable: Ids  # (m,) those whose vectors are unusable


def read(connection: Connection, uuid: str, space: Space, after: int, clips: int) -> Touched | None:
    """What has changed since position `after`, for a view of that many clips of the catalog with that uuid.

    None when the view must be rebuilt: the log does not reach back that far, or the catalog was restored from a backup
    (so the log ends before `after`), or most of it has changed.
    """
    reached = position(connection, space, uuid)
    if reached == after:
        nothing = columns.none(space.dim)
        return Touched(reached, nothing.ids, nothing, nothing.ids)
    if reached < after or reached - after > max(FEW, 4 * clips):
        return None
    ids = log.touched_between(connection, space.id, after, reached)
    if ids is None or len(ids) > max(FEW, clips // 2):
        return None
    return Touched(reached, ids, *gathered(embeddings.embedded(connection, space, ids), space))


def read_all(connection: Connection, uuid: str, space: Space) -> tuple[int, Columns, Ids]:
    """The position of a space's log, all its clips at that position, and those whose vectors are unusable (m,)."""
    reached = position(connection, space, uuid)
    return reached, *gathered(embeddings.all_embedded(connection, space), space)


def gathered(parts: Iterator[EmbeddedClips], space: Space) -> tuple[Columns, Ids]:
    """The clips in one, and the ids (m,) of those that are left out."""
    unusable = [columns.none(space.dim).ids]

    def usable() -> Iterator[EmbeddedClips]:
        for part in parts:
            unusable.append(part.unusable)
            yield part

    found = columns.gather(usable(), space.dim)
    return found, np.concatenate(unusable)
