"""Bringing a collection to where the catalog is: portion by portion from the change log, or anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import embeddings, log
from speaker_search.catalog.spaces import Space, count_clips, position
from speaker_search.views.changes import gathered
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.milvus.collection import Collection, State, outgrown, planned

UNSEALED = 4_000  # changes: of more rows without lists, Milvus searches one in eight; up to 5,000 it compares them all
PORTION = 5_000  # changes: a server that dies loses the writing of one portion, and what was written stays


def write(connection: Connection, uuid: str, collection: Collection, seen: State | None, clips: int) -> bool:
    """Write the next portion of the change log, as this transaction of the one writer sees it. Returns whether there is
    more.

    `seen` is the state before the transaction began, and `clips` are about as many as there are. The position is raised
    after the rows are written, so that a portion is written again, to the same end, if the program or the server dies.
    """
    space = collection.space
    reached = position(connection, space, uuid)
    if seen is not None and reached < seen.position:  # the database was set back to an earlier moment
        rebuild(connection, uuid, collection)
        return False
    state = collection.state()
    if state is None:
        collection.create(planned(count_clips(connection, space.id).embedded))
        state = collection.state()
    if state is None or state.position >= reached:  # more: another program has written since this transaction began
        return False
    if outgrown(state.lists, clips):
        rebuild(connection, uuid, collection)
        return False
    end = min(state.position + PORTION, reached)
    touched = log.touched_between(connection, space.id, state.position, end)
    if touched is None:  # the log does not reach back that far
        rebuild(connection, uuid, collection)
        return False
    now, _ = gathered(embeddings.embedded(connection, space, touched), space)
    collection.aim(reached)
    collection.upsert(now)
    collection.delete(np.setdiff1d(touched, now.ids))
    collection.reach(end)
    if state.lists and end == reached and end - state.flushed > UNSEALED:
        collection.seal(end)
    return end < reached


def rebuild(connection: Connection, uuid: str, collection: Collection) -> None:
    """Replace the collection by one made of all clips, as this transaction of the one writer sees them."""
    space = collection.space
    reached, clips = position(connection, space, uuid), count_clips(connection, space.id).embedded
    collection.replace(planned(clips), all_clips(connection, space), reached)


def all_clips(connection: Connection, space: Space) -> Iterator[Columns]:
    """Every clip of a space that is usable, by id, up to 10,000 at a time."""
    for part in embeddings.all_embedded(connection, space):
        yield Columns(part.ids, part.characters, part.games, part.seconds, columns.halves(part.vectors))
