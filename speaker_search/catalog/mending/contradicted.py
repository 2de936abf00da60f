"""Verdicts that forbid a merge: they call characters different that would become one."""

from __future__ import annotations

from sqlalchemy import Connection, select

from speaker_search.catalog.knowledge.kept_verdicts import kept_verdicts
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.catalog.tables import characters, games, makers, verdicts
from speaker_search.errors import UsageError


def check_verdicts(connection: Connection) -> None:
    """Raise UsageError when a verdict calls characters different that are merged, or one voice by other verdicts."""
    said = kept_verdicts(connection)
    known = Groups(verdict for verdict in said if verdict.same)
    for verdict in said:
        if not verdict.same and known.same(verdict.one_id, verdict.other_id):
            names = select(makers.c.name, games.c.title, characters.c.name).select_from(
                characters.join(games).join(makers)
            )
            v = verdicts.c  # as it was given: the two may be one by now
            ids = connection.execute(select(v.one_id, v.other_id).where(v.id == verdict.id)).one()
            one, other = ("/".join(connection.execute(names.where(characters.c.id == id_)).one()) for id_ in ids)
            raise UsageError(
                f"Verdict {verdict.id} calls {one} and {other} different, and this merge would make them one voice.",
                f"If they are the same voice, run `spksearch verdict undo {verdict.id}` first.",
            )
