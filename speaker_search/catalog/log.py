"""The change log of a space: numbered changes to its clips, which everything derived from the catalog follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import Connection, select, update

from speaker_search.catalog.rows import among, chunks, insert_all, stream
from speaker_search.catalog.tables import changes, clips, embeddings, encoders
from speaker_search.entities import Ids

#: embedded: the space now has a vector of the clip; removed: it no longer has one (the clip was forgotten or merged, or
#: is pending again); relabelled: the clip now belongs to another character or game.
Action = Literal["embedded", "removed", "relabelled"]


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of a space's log. A character is None where the speaker is unknown or the clip is not in the space."""

    space_id: int
    action: Action
    clip_id: int
    old_character_id: int | None
    new_character_id: int | None


def append(connection: Connection, entries: Iterable[Change]) -> None:
    """Number changes and insert them: the last step of a transaction.

    Other transactions that reach this step wait for the commit; none waits before it.
    """
    by_space: defaultdict[int, list[Change]] = defaultdict(list)
    for entry in entries:
        by_space[entry.space_id].append(entry)
    for space_id, of_space in sorted(by_space.items()):  # always in the same order, to avoid deadlocks
        raised = update(encoders).where(encoders.c.id == space_id).values(changes=encoders.c.changes + len(of_space))
        last = int(connection.execute(raised.returning(encoders.c.changes)).scalar_one())
        rows = [
            {
                "encoder_id": space_id,
                "number": number,
                "action": one.action,
                "clip_id": one.clip_id,
                "old_character_id": one.old_character_id,
                "new_character_id": one.new_character_id,
            }
            for number, one in enumerate(of_space, last - len(of_space) + 1)
        ]
        insert_all(connection, changes, rows)


def lock_all(connection: Connection) -> None:
    """Block other transactions from appending until this one commits: the last step before `append`."""
    connection.execute(select(encoders.c.id).order_by(encoders.c.id).with_for_update(key_share=True)).all()


def relabelled(connection: Connection, labels: Sequence[tuple[int, int | None, int | None]]) -> list[Change]:
    """Entries for clips that changed character, given as (clip, old, new), in every space that holds them."""
    known = {clip_id: (old, new) for clip_id, old, new in labels}
    entries = []
    for space_id, clip_id in _holders(connection, list(known)):
        entries.append(Change(space_id, "relabelled", clip_id, *known[clip_id]))
    return entries


def removals(connection: Connection, clip_ids: Sequence[int]) -> list[Change]:
    """Entries for clips whose embeddings are about to be deleted, in every space that holds them."""
    owners: dict[int, int | None] = {}
    for some in chunks(clip_ids):
        query = select(clips.c.id, clips.c.character_id).where(among(connection, clips.c.id, some))
        rows = connection.execute(query)
        owners.update((row[0], row[1]) for row in rows)
    return [
        Change(space_id, "removed", clip_id, owners.get(clip_id), None)
        for space_id, clip_id in _holders(connection, clip_ids)
    ]


def touched_between(connection: Connection, space_id: int, after: int, until: int) -> Ids | None:
    """The clips in a range of the log, each once, by id; None when the log lacks part of the range."""
    c = changes.c
    query = select(c.clip_id).where(c.encoder_id == space_id, c.number > after, c.number <= until)
    found = np.fromiter((row[0] for part in stream(connection, query) for row in part), np.int64)
    return np.unique(found) if len(found) == until - after else None


def only_embedded(connection: Connection, space_id: int, after: int, until: int) -> bool:
    """Whether all that happened in a range of the log is that clips were embedded which the space did not hold."""
    c = changes.c
    other = select(c.number).where(c.encoder_id == space_id, c.number > after, c.number <= until)
    return connection.execute(other.where(c.action != "embedded").limit(1)).first() is None


def _holders(connection: Connection, clip_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Space and clip of every embedding of these clips."""
    c = embeddings.c
    found: list[tuple[int, int]] = []
    for some in chunks(clip_ids):
        query = select(c.encoder_id, c.clip_id).where(among(connection, c.clip_id, some))
        query = query.order_by(c.encoder_id, c.clip_id)
        found += [(row[0], row[1]) for row in connection.execute(query)]
    return found
