"""Verdicts of people on which characters are one voice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.catalog.knowledge.kept_verdicts import any_merged, kept_verdicts, page_of_verdicts, verdicts_state
from speaker_search.documents import MAX_NOTE
from speaker_search.documents.paging import cursor_after, id_after
from speaker_search.entities import Character, Verdict, shown
from speaker_search.errors import UsageError
from speaker_search.library.holdings import check_limit
from speaker_search.library.mending import author_of
from speaker_search.library.voices.sheets import Sheets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from speaker_search.cast.constraints import Constraints
    from speaker_search.cast.verdicts import Known
    from speaker_search.search.live import Ready


class Judging(Sheets):
    """An open catalog that keeps verdicts. They are about characters, so they outlive spaces, clips and voices."""

    _latest: tuple[tuple[int, ...], Known] | None = None  #: what verdicts say, and in which state of them

    def judge(
        self, one: str | int, other: str | int, *, same: bool, note: str = "", author: str | None = None
    ) -> documents.JudgedVerdict:
        """Keep the verdict that two characters (`maker/game/name` or id) are one voice, or two.

        `author` is the login name unless given. Giving the same verdict again changes nothing. Raises
        ContradictionError, with the chain of verdicts, when it contradicts those that stand.
        """
        from speaker_search.cast.verdicts import give

        if len(note) > MAX_NOTE:
            raise UsageError(f"The note has {len(note):,} characters.", f"Keep it within {MAX_NOTE:,}.")
        verdict, new = give(
            self.catalog, str(one), str(other), same=same, author=author_of(author), note=shown(note.strip())
        )
        return documents.JudgedVerdict.of(verdict, self._people([verdict]), new=new)

    def undo_verdict(self, id_: int, *, author: str | None = None) -> documents.JudgedVerdict:
        """Undo a verdict, which stays in the history. `author` is who undoes it. Undoing it again changes nothing.

        Raises NotFoundError.
        """
        from speaker_search.cast.verdicts import undo

        verdict, new = undo(self.catalog, id_, author=author_of(author))
        return documents.JudgedVerdict.of(verdict, self._people([verdict]), new=new)

    def verdicts(
        self,
        character: str | int | None = None,
        *,
        history: bool = False,
        same: bool | None = None,
        author: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Verdicts:
        """A page of the verdicts that stand, the newest first: those on one character, of one kind or by one author;
        with `history` those undone as well.
        """
        check_limit(limit)
        before = id_after(cursor, "verdicts") or None
        with self.catalog.read() as connection:
            of = None if character is None else people.find_character(connection, None, str(character)).id
            wanted = page_of_verdicts(
                connection,
                history=history,
                character_id=of,
                same=same,
                author=None if author is None else shown(author.strip()),
                before=before,
                limit=limit + 1,
            )
            contradicted = self._known(connection).contradicted if any_merged(connection) else ()
        page, named = wanted[:limit], self._people(wanted[:limit])
        return documents.Verdicts(
            verdicts=[documents.Verdict.of(v, named, contradicted=v.id in contradicted) for v in page],
            next=cursor_after("verdicts", page[-1].id) if len(wanted) > limit else None,
        )

    def listening_queue(self, *, limit: int = 10) -> documents.ListeningQueue:
        """The pairs of characters whose answer would change the cast most, for the time it takes, with lines to hear.

        What is judged already, directly or through others, is not in it.
        """
        from speaker_search.cast.listening import to_hear

        check_limit(limit)
        cast, known = self.cast(), self._constraints().groups()
        return to_hear(self.catalog, self._informed(self.ready), cast, known, limit)

    def _constraints(self, ready: Ready | None = None) -> Constraints:
        ids = (ready or self.ready).profiles.character_ids
        with self.catalog.read() as connection:
            return self._known(connection).constraints(ids)

    def _known(self, connection: Connection) -> Known:
        """What the verdicts that stand say together. Tens of thousands take long to read: once per state of them."""
        from speaker_search.cast.verdicts import Known

        state = verdicts_state(connection)
        if self._latest is None or self._latest[0] != state:
            self._latest = state, Known(kept_verdicts(connection))
        return self._latest[1]

    def _people(self, verdicts: list[Verdict]) -> dict[int, Character]:
        """The characters of verdicts, by id."""
        with self.catalog.read() as connection:
            ids = {id_ for verdict in verdicts for id_ in (verdict.one_id, verdict.other_id)}
            return people.characters_by_id(connection, None, ids)
