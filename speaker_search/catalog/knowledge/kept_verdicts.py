"""People's verdicts on two characters: given, undone, and kept for good."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from speaker_search.catalog.mending.standing import line_of, standing
from speaker_search.catalog.rows import among
from speaker_search.catalog.tables import characters, edits, verdicts
from speaker_search.documents import MAX_ID
from speaker_search.entities import Verdict
from speaker_search.errors import NotFoundError

VERDICTS_LOCK = 0x5350_4B56  # an arbitrary number for PostgreSQL's advisory lock


def lock_verdicts(connection: Connection) -> None:
    """Keep the verdicts as they are until the commit, so that what is checked against them still holds then.

    The first step of a transaction that gives or undoes one. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(VERDICTS_LOCK)))


def kept_verdicts(connection: Connection, *, history: bool = False) -> list[Verdict]:
    """All verdicts by id, about the characters that stand for theirs today; with `history` the undone ones too."""
    query = select(verdicts).order_by(verdicts.c.id)
    rows = connection.execute(query if history else query.where(verdicts.c.undone_at.is_(None))).all()
    now = standing(connection, {id_ for row in rows for id_ in (row.one_id, row.other_id)})
    return [_verdict(row, now) for row in rows]


def page_of_verdicts(
    connection: Connection,
    *,
    history: bool = False,
    character_id: int | None = None,
    same: bool | None = None,
    author: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Verdict]:
    """Verdicts, the newest first: those that fit all of this, with ids below `before`."""
    c = verdicts.c
    query = select(verdicts).order_by(c.id.desc()).limit(limit)
    if not history:
        query = query.where(c.undone_at.is_(None))
    if before is not None:
        query = query.where(c.id < before)
    if same is not None:
        query = query.where(c.same == same)
    if author is not None:
        query = query.where(c.author == author)
    if character_id is not None:
        ids = line_of(connection, characters, character_id)  # and those merged into it
        query = query.where(or_(among(connection, c.one_id, ids), among(connection, c.other_id, ids)))
    rows = connection.execute(query).all()
    now = standing(connection, {id_ for row in rows for id_ in (row.one_id, row.other_id)})
    return [_verdict(row, now) for row in rows]


def any_merged(connection: Connection) -> bool:
    """Whether any character stands for another: only then can verdicts that stand contradict each other."""
    merged = select(characters.c.id).where(characters.c.merged_into_id.is_not(None)).limit(1)
    return connection.execute(merged).first() is not None


def verdicts_state(connection: Connection) -> tuple[int, ...]:
    """Numbers that change whenever a verdict is given or undone, or characters are merged."""
    v, e = verdicts.c, edits.c
    given = connection.execute(select(func.coalesce(func.max(v.id), 0), func.count(v.undone_at))).one()
    edited = connection.execute(select(func.coalesce(func.max(e.id), 0), func.count(e.undone_at))).one()
    return (*given, *edited)


def _verdict(row: Row[Any], now: Mapping[int, int]) -> Verdict:
    return Verdict(**{**row._mapping, "one_id": now[row.one_id], "other_id": now[row.other_id]})


def find_verdict(connection: Connection, id_: int) -> Verdict:
    """The verdict with an id. Raises NotFoundError."""
    row = connection.execute(select(verdicts).where(verdicts.c.id == min(id_, MAX_ID))).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no verdict {id_}.", "`spksearch verdict list --history` lists all.")
    return _verdict(row, standing(connection, {row.one_id, row.other_id}))


def keep_verdict(connection: Connection, one: int, other: int, *, same: bool, author: str, note: str) -> Verdict:
    """Store a verdict on two characters, by id."""
    low, high = sorted((one, other))
    row = {"one_id": low, "other_id": high, "same": same, "author": author, "note": note, "at": time.time()}
    id_ = connection.execute(insert(verdicts).values(row).returning(verdicts.c.id)).scalar_one()
    return find_verdict(connection, id_)


def mark_undone(connection: Connection, id_: int, author: str) -> Verdict:
    """Note that a verdict no longer counts, and who said so."""
    undone = {"undone_at": time.time(), "undone_by": author}
    connection.execute(update(verdicts).where(verdicts.c.id == id_).values(undone))
    return find_verdict(connection, id_)
