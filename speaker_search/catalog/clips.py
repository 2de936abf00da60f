"""Clips: by id, where their audio is, those of a character, and those that were refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, case, func, literal, select

from speaker_search.catalog.rows import among, chunks, read_by_id, stream
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import clips, copies, embeddings, queue, roots
from speaker_search.entities import Clip, Place, place_at
from speaker_search.errors import NotFoundError

IMPORTED = "imported:"  # how the paths of roots begin whose clips came without audio; all others are absolute


@dataclass(frozen=True, slots=True)
class RefusedClip:
    """A clip that an encoder did not embed, and why."""

    id: int
    path: Place
    reason: str
    detail: str
    name: str  #: of its file, below the folder or in the archive that was ingested


@dataclass(frozen=True, slots=True)
class HeldClips:
    """Some clips of a character, or of a game's unknown speakers."""

    game_id: int
    character_id: int | None
    embedded: int
    pending: int
    refused: int
    seconds: float  #: of those that are embedded


def clips_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Clip]:
    """The clips with these ids that the catalog holds, by id."""
    return {row[0]: Clip(*row) for row in read_by_id(connection, _clips, clips.c.id, ids)}


def _clips() -> Select[Any]:
    c = clips.c
    columns = (c.id, roots.c.path, c.path, c.text, c.seconds, c.character_id, c.game_id, c.fingerprint)
    return select(*columns).join_from(clips, roots)


def clips_of(connection: Connection, character_id: int, *, limit: int) -> list[Clip]:
    """The first clips of a character, by id."""
    query = select(clips.c.id).where(clips.c.character_id == character_id).order_by(clips.c.id).limit(limit)
    return sorted(clips_by_id(connection, list(connection.execute(query).scalars())).values(), key=lambda clip: clip.id)


def texts(connection: Connection) -> Iterator[tuple[int, str]]:
    """The texts of all clips that have one."""
    query = select(clips.c.id, clips.c.text).where(clips.c.text != "")
    return ((id_, text) for rows in stream(connection, query) for id_, text in rows)


def places(connection: Connection, clip_id: int) -> list[tuple[Place, str]]:
    """Where a clip's audio is: folders or archives, and names in them, its own path first. Raises NotFoundError."""
    found: list[tuple[Place, str]] = []
    for table, key in ((clips, clips.c.id), (copies, copies.c.clip_id)):
        query = select(roots.c.path, table.c.path).join_from(table, roots).where(key == clip_id)
        found += [(place_at(root), name) for root, name in connection.execute(query)]
    if not found:
        raise NotFoundError(f"There is no clip {clip_id}.")
    return found


def is_imported(root: str | Place) -> bool:
    """Whether a root's clips came without their audio."""
    return str(root).startswith(IMPORTED)


def is_root(connection: Connection, path: str) -> bool:
    """Whether a folder or archive of this path has been registered."""
    return connection.execute(select(roots.c.id).where(roots.c.path == path)).first() is not None


def held_by_character(connection: Connection, space: Space) -> list[HeldClips]:
    """How many clips of each character, and of unknown speakers of each game, a space has embedded or not."""
    c, e, q = clips.c, embeddings.c, queue.c
    refused = func.sum(case((q.status == "refused", 1), else_=0))
    done = select(c.game_id, c.character_id, func.count(), literal(0), literal(0), func.sum(c.seconds))
    done = done.join_from(embeddings, clips, e.clip_id == c.id).where(e.encoder_id == space.id)
    waiting = select(c.game_id, c.character_id, literal(0), func.count() - refused, refused, literal(0.0))
    waiting = waiting.join_from(queue, clips, q.clip_id == c.id).where(q.encoder_id == space.id)
    rows = [row for query in (done, waiting) for row in connection.execute(query.group_by(c.game_id, c.character_id))]
    return [HeldClips(game, who, int(n), int(m), int(k), float(s or 0)) for game, who, n, m, k, s in rows]


def refused_clips(
    connection: Connection, space: Space, *, reason: str | None = None, after: int = 0, limit: int | None = None
) -> list[RefusedClip]:
    """The clips that a space's encoder refused, by id from `after` on, with their reasons."""
    c = queue.c
    query = (
        select(clips.c.id, roots.c.path, clips.c.path, c.reason, c.detail)
        .join_from(queue, clips, c.clip_id == clips.c.id)
        .join(roots, roots.c.id == clips.c.root_id)
        .where(c.encoder_id == space.id, c.status == "refused", c.clip_id > after)
        .order_by(c.clip_id)
        .limit(limit)
    )
    if reason is not None:
        query = query.where(c.reason == reason)
    rows = connection.execute(query)
    return [RefusedClip(id_, place_at(root) / path, why, detail or "", path) for id_, root, path, why, detail in rows]


def count_refused(connection: Connection, space: Space) -> dict[str, int]:
    """How many clips a space's encoder refused for each reason, the most frequent first."""
    c, count = queue.c, func.count()
    query = select(c.reason, count).where(c.encoder_id == space.id, c.status == "refused").group_by(c.reason)
    return {row[0]: row[1] for row in connection.execute(query.order_by(count.desc(), c.reason))}


def lock_clips(connection: Connection, clip_ids: set[int]) -> dict[int, Row[Any]]:
    """Lock clips until the commit, in id order, and return their current rows by id.

    Every transaction that changes clips, their embeddings or their queue entries calls this first. All lock in the same
    order, so they cannot deadlock.
    """
    found: dict[int, Row[Any]] = {}
    for some in chunks(sorted(clip_ids)):
        c = clips.c
        columns: list[Column[Any]] = [c.id, c.game_id, c.character_id, c.size, c.mtime_ns, c.seconds, c.gone]
        locked = select(*columns).where(among(connection, c.id, some)).order_by(c.id).with_for_update(key_share=True)
        for row in connection.execute(locked):
            found[row.id] = row
    return found
