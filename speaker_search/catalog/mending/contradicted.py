"""Verdicts that forbid a merge: they call characters different that would become one."""

from __future__ import annotations

from sqlalchemy import Connection, select

from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.tables import characters, games, makers, verdicts
from speaker_search.errors import UsageError


def check_verdicts(connection: Connection) -> None:
    """Raise UsageError when a verdict calls characters different that are merged, or one voice by other verdicts."""
    v = verdicts.c
    said = connection.execute(select(v.id, v.one_id, v.other_id, v.same).where(v.undone_at.is_(None)).order_by(v.id))
    rows = said.all()
    leader = standing(connection, {id_ for row in rows for id_ in (row.one_id, row.other_id)})

    def group(id_: int) -> int:
        now = leader[id_]
        while leader.setdefault(now, now) != now:
            now = leader[now]
        return now

    for row in rows:
        if row.same:
            leader[group(row.one_id)] = group(row.other_id)
    for row in rows:
        if not row.same and group(row.one_id) == group(row.other_id):
            names = select(makers.c.name, games.c.title, characters.c.name).select_from(
                characters.join(games).join(makers)
            )
            one, other = (
                "/".join(connection.execute(names.where(characters.c.id == id_)).one())
                for id_ in (row.one_id, row.other_id)
            )
            raise UsageError(
                f"Verdict {row.id} calls {one} and {other} different, and this merge would make them one voice.",
                f"If they are the same voice, run `spksearch verdict undo {row.id}` first.",
            )
