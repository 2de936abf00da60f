"""People's verdicts on two characters: given, undone, and kept for good."""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, insert, select, update

from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.tables import verdicts
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
    return [Verdict(**{**row._mapping, "one_id": now[row.one_id], "other_id": now[row.other_id]}) for row in rows]


def find_verdict(connection: Connection, id_: int) -> Verdict:
    """The verdict with an id. Raises NotFoundError."""
    row = connection.execute(select(verdicts).where(verdicts.c.id == min(id_, MAX_ID))).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no verdict {id_}.", "`spksearch verdict list --history` lists all.")
    now = standing(connection, {row.one_id, row.other_id})
    return Verdict(**{**row._mapping, "one_id": now[row.one_id], "other_id": now[row.other_id]})


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
