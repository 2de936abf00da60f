"""The space that people chose to be searched, and what a change of spaces would leave out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, insert, select

from speaker_search.catalog.clips import IMPORTED
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import adoptions, clips, embeddings, encoders, queue, roots


@dataclass(frozen=True, slots=True)
class Adoption:
    """A choice of the space to search."""

    space: str
    before: str | None  #: the space that was searched before; None where there was no other
    author: str
    at: float  #: seconds since 1970


@dataclass(frozen=True, slots=True)
class Lacking:
    """Of the clips that one space holds, those that another does not hold."""

    unembedded: int  #: neither embedded nor refused
    imported: int  #: of these, those that came without audio
    refused: dict[str, int]  #: by reason, the most frequent first


def latest_adoption(connection: Connection) -> Adoption | None:
    """The choice that counts; None before the first one."""
    a, before = adoptions.c, encoders.alias("before")
    query = (
        select(encoders.c.space, before.c.space, a.author, a.at)
        .join_from(adoptions, encoders, encoders.c.id == a.encoder_id)
        .outerjoin(before, before.c.id == a.before_id)
        .order_by(a.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else Adoption(*row)


def adopted_space(connection: Connection) -> str | None:
    """The name of the space that people chose; None where nobody has."""
    latest = latest_adoption(connection)
    return None if latest is None else latest.space


def keep_adoption(connection: Connection, space: Space, before: Space | None, author: str) -> None:
    """Have a space searched from now on."""
    row = {"encoder_id": space.id, "before_id": before and before.id, "author": author, "at": time.time()}
    connection.execute(insert(adoptions).values(row))


def lacking(connection: Connection, space: Space, of: Space) -> Lacking:
    """What a space lacks of the clips that another one, `of`, holds."""
    e, q = embeddings.c, queue.c
    held = embeddings.alias("held").c
    here = exists().where(held.encoder_id == space.id, held.clip_id == e.clip_id)
    refused = (q.encoder_id == space.id) & (q.clip_id == e.clip_id) & (q.status == "refused")
    missing = select(func.count()).select_from(embeddings).where(e.encoder_id == of.id, ~here, ~exists().where(refused))
    silent = missing.join(clips, clips.c.id == e.clip_id).join(roots, roots.c.id == clips.c.root_id)
    reasons = (
        select(q.reason, func.count()).join_from(embeddings, queue, refused).where(e.encoder_id == of.id, ~here)
    ).group_by(q.reason)
    without_audio = connection.execute(silent.where(roots.c.path.startswith(IMPORTED))).scalar_one()
    return Lacking(
        connection.execute(missing).scalar_one(),
        without_audio,
        {str(reason): count for reason, count in connection.execute(reasons.order_by(func.count().desc(), q.reason))},
    )
