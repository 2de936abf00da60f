"""Names mended by people: renamed, merged, and undone."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.documents import MAX_AUTHOR, Noun
from speaker_search.documents.paging import cursor_after, id_after
from speaker_search.entities import fold, shown
from speaker_search.errors import UsageError
from speaker_search.library.carrying import Carrying
from speaker_search.library.holdings import check_limit

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOBODY = "unknown"  # the author where the system knows no login name


class Mending(Carrying):
    """An open catalog whose names can be mended.

    Ingests go on finding makers, games and characters by their former names, and so does every question. Searches of an
    open library follow an edit within about a second.
    """

    def rename(self, noun: Noun, what: str | int, name: str, *, author: str | None = None) -> documents.Mended:
        """Give a maker, game or character, by name or id, another name. `author` is the login name unless given.

        Raises NotFoundError, and UsageError when the name is taken.
        """
        from speaker_search.catalog.mending.rename_and_merge import rename
        from speaker_search.sources.names import MAX_NAME_BYTES, storable

        who = author_of(author)
        if not storable(name):
            raise UsageError(f"A name has at most {MAX_NAME_BYTES:,} bytes, and no character that cannot be stored.")

        def edit(connection: Connection) -> tuple[int, int]:
            return rename(connection, noun, _find(connection, noun, str(what)), name, author=who), 0

        return self._mend(edit)

    def merge(self, noun: Noun, what: str | int, into: str | int, *, author: str | None = None) -> documents.Mended:
        """Merge a maker, game or character into another one, and in it games and characters of equal names.

        Raises NotFoundError, and UsageError when the two cannot be merged, or when a verdict calls characters different
        that would become one.
        """
        from speaker_search.catalog.mending.rename_and_merge import address, key_of, merge

        who = author_of(author)

        def edit(connection: Connection) -> tuple[int, int]:
            id_ = _find(connection, noun, str(what))
            if str(what) != str(id_) and not fold(shown(str(what))).endswith(key_of(connection, noun, id_)):
                raise UsageError(
                    f"{what} is part of {address(connection, noun, id_)} (id {id_}) already.",
                    "Merge that one, or see `spksearch catalog edits` for what to undo.",
                )
            return merge(connection, noun, id_, _find(connection, noun, str(into)), author=who)

        return self._mend(edit)

    def undo_edit(self, edit_id: int, *, author: str | None = None) -> documents.Mended:
        """Undo a rename or a merge: all is as it was before it. Undoing it again changes nothing.

        Clips that were added since under a name that was merged away stay where they are until their folder is ingested
        again. Raises NotFoundError, and UsageError when a later edit builds on this one.
        """
        from speaker_search.catalog.mending.undo import undo

        who = author_of(author)

        def edit(connection: Connection) -> tuple[int, int | None]:
            return edit_id, undo(connection, edit_id, author=who)

        return self._mend(edit)

    def edits(self, *, limit: int = 100, cursor: str | None = None) -> documents.Edits:
        """A page of edits, the latest first."""
        from speaker_search.catalog.mending.undo import list_edits

        check_limit(limit)
        before = id_after(cursor, "edits") or None
        with self.catalog.read() as connection:
            found = [_document(row) for row in list_edits(connection, before=before, limit=limit + 1)]
        page = found[:limit]
        return documents.Edits(edits=page, next=cursor_after("edits", page[-1].id) if len(found) > limit else None)

    def _mend(self, work: Callable[[Connection], tuple[int, int | None]]) -> documents.Mended:
        from speaker_search.catalog.mending.standing import lock_names
        from speaker_search.catalog.mending.undo import edit_of

        def edit(connection: Connection) -> documents.Mended:
            lock_names(connection, change=True)
            edit_id, relabelled = work(connection)
            made = _document(edit_of(connection, edit_id))
            return documents.Mended(edit=made, clips=relabelled or 0, new=relabelled is not None)

        return self.catalog.transact(edit)


def author_of(given: str | None) -> str:
    """Who edits or judges: the name given, or else the login name. Raises UsageError for an empty or long name."""
    if given is None:
        try:
            return shown(getpass.getuser())
        except (KeyError, OSError, ImportError):  # as in a container whose user has no name
            return NOBODY
    if not given.strip() or len(given) > MAX_AUTHOR:
        raise UsageError(f"An author has 1 to {MAX_AUTHOR} characters, not {len(given.strip())}.")
    return shown(" ".join(given.strip().splitlines()))


def _find(connection: Connection, noun: Noun, wanted: str) -> int:
    if noun == "character":
        return people.find_character(connection, None, wanted).id
    return (people.find_maker if noun == "maker" else people.find_game)(connection, wanted)


def _document(row: Any) -> documents.Edit:
    at = {name: _iso(getattr(row, name)) for name in ("at", "undone_at")}
    return documents.Edit.model_validate({**row._mapping, **at})


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
