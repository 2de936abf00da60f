"""Undoing renames and merges, and the history of both."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, or_, select, update

from speaker_search.catalog import log
from speaker_search.catalog.mending.rename_and_merge import (
    ABOVE,
    NAMES,
    NO_KEY,
    PARENTS,
    TABLES,
    key_of,
    locked_clips,
    parent_of,
    parents,
    relabel,
    row_of,
    swap_keys,
)
from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.rows import chunks
from speaker_search.catalog.tables import clips, edits, games, moved_rows
from speaker_search.documents import MAX_ID, Noun
from speaker_search.entities import shown
from speaker_search.errors import NotFoundError, UsageError

CLIPS = ("clip", "clip_game")  # nouns in moved_rows
LIST = "`spksearch catalog edits` lists them."


@dataclass(frozen=True, slots=True)
class _Written:
    """The rows that an edit wrote."""

    rows: set[tuple[Noun, int]]  #: all but clips
    inside: dict[Noun, dict[int, int]]  #: games and characters within what was merged: the parents before, by id
    former: dict[int, int]  #: former names of games, as rows that were moved: the makers before, by id
    into: set[tuple[Noun, int]]  #: what others were merged into
    swapped: bool  #: a rename found the name taken by a former name of what is renamed

    @property
    def moved(self) -> set[tuple[Noun, int]]:
        return {(noun, id_) for noun, ids in self.inside.items() for id_ in ids}


def list_edits(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[Row[Any]]:
    """Edits, the latest first; those with lower ids than `before`, if given."""
    query = select(edits).order_by(edits.c.id.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(edits.c.id < before)).all())


def edit_of(connection: Connection, edit_id: int) -> Row[Any]:
    """An edit. Raises NotFoundError."""
    found = connection.execute(select(edits).where(edits.c.id == min(edit_id, MAX_ID))).first()
    if found is None:
        raise NotFoundError(f"There is no edit {edit_id}.", LIST)
    return found


def undo(connection: Connection, edit_id: int, *, author: str) -> int | None:
    """Undo an edit, and return how many clips that relabelled; None when it had been undone before.

    The caller holds `lock_names`.

    Clips that were added since under a name that was merged away belong to what it was merged into: they stay there
    until their folder is ingested again. Raises NotFoundError, and UsageError when a later edit builds on this one.
    """
    edit = edit_of(connection, edit_id)
    if edit.undone_at is not None:
        return None
    own = _written(connection, edit)
    for other in connection.execute(_later(edit_id)).all():
        theirs = _written(connection, other)
        if own.rows & theirs.rows or own.moved & theirs.into:
            raise _built_on(edit_id, other.id)
    relabelled, entries = 0, list[log.Change]()
    if edit.kind == "rename":
        _rename_back(connection, edit, swapped=own.swapped)
    else:
        relabelled, entries = _take_apart(connection, edit, own)
    undone = {"undone_at": time.time(), "undone_by": shown(author)}
    connection.execute(update(edits).where(edits.c.id == edit_id).values(undone))
    log.append(connection, entries)
    return relabelled


def _later(edit_id: int) -> Select[Any]:
    """The edits after this one that stand, the latest first."""
    return select(edits).where(edits.c.id > edit_id, edits.c.undone_at.is_(None)).order_by(edits.c.id.desc())


def _built_on(edit_id: int, later: int) -> UsageError:
    return UsageError(f"Edit {later} builds on edit {edit_id}.", f"Run `spksearch catalog undo {later}` first.")


def _written(connection: Connection, edit: Row[Any]) -> _Written:
    m = moved_rows.c
    query = select(m.noun, m.row_id, m.before_id).where(m.edit_id == edit.id, m.noun.not_in(CLIPS))
    noted = connection.execute(query).all()
    rows: set[tuple[Noun, int]] = set() if edit.other_id is None else {(edit.noun, edit.other_id)}
    if edit.kind == "rename":
        return _Written(rows | {(edit.noun, edit.row_id)}, {}, {}, set(), swapped=bool(noted))
    nouns: tuple[Noun, ...] = ("game", "character")
    inside = {noun: {row.row_id: row.before_id for row in noted if row.noun == noun} for noun in nouns}
    former = {row.row_id: row.before_id for row in noted if row.noun == "game_name"}
    into: set[tuple[Noun, int]] = {(edit.noun, edit.row_id)}
    rows |= {("game", id_) for id_ in former}
    for noun, ids in inside.items():
        rows |= {(noun, id_) for id_ in ids}
        c = TABLES[noun].c
        for some in chunks(ids):
            merged = select(c.merged_into_id).where(c.id.in_(some), c.merged_into_id.is_not(None))
            into |= {(noun, id_) for id_ in connection.execute(merged).scalars()}
    return _Written(rows, inside, former, into, swapped=False)


def _rename_back(connection: Connection, edit: Row[Any], *, swapped: bool) -> None:
    noun, table = edit.noun, TABLES[edit.noun]
    values = {NAMES[noun].name: edit.before}
    if swapped:
        swap_keys(connection, noun, edit.row_id, edit.other_id)
    elif edit.other_id is not None:
        values["key"] = row_of(connection, noun, edit.other_id).key
        connection.execute(delete(table).where(table.c.id == edit.other_id))
    connection.execute(update(table).where(table.c.id == edit.row_id).values(values))


def _take_apart(connection: Connection, edit: Row[Any], own: _Written) -> tuple[int, list[log.Change]]:
    """Undo a merge; returns how many clips were relabelled, and the log's entries."""
    m = moved_rows.c
    noted = select(m.row_id, m.before_id).where(m.edit_id == edit.id)
    speakers: dict[int, int] = dict(connection.execute(noted.where(m.noun == "clip")).all())
    games_of_clips: dict[int, int] = dict(connection.execute(noted.where(m.noun == "clip_game")).all())
    # Where things are now that nothing but edits has moved.
    who = standing(connection, speakers.values())
    where = standing(connection, games_of_clips.values(), games)
    back = _rows_back(connection, edit, own)
    of_edit = select(m.row_id).where(m.edit_id == edit.id, m.noun.in_(CLIPS))
    locked = locked_clips(connection, or_(clips.c.id.in_(of_edit), clips.c.character_id.in_(back)))
    of_character = parents(connection, "character", {*speakers.values(), *back})
    labels: dict[int, tuple[int, int | None]] = {}
    for id_, clip in locked.items():
        game, now = clip.game_id, clip.character_id
        before = speakers.get(id_)
        if before is not None and now == who[before]:
            now = before
            game = of_character[now]
        elif now in back:
            game = of_character[now]
        elif now is None and id_ in games_of_clips and game == where[games_of_clips[id_]]:
            game = games_of_clips[id_]
        labels[id_] = (game, now)
    return relabel(connection, locked, labels)


def _rows_back(connection: Connection, edit: Row[Any], own: _Written) -> set[int]:
    """Put back what a merge moved, except what a scan has moved on; returns the characters that change game by it."""
    unmerged: list[tuple[Noun, int]] = [(edit.noun, edit.other_id)]
    back: set[int] = set()
    keys = {id_: key_of(connection, "game", id_) for id_ in own.former}
    for id_ in keys:  # out of the way of those with which they changed places
        connection.execute(update(games).where(games.c.id == id_).values(key=f"{NO_KEY}{id_}"))
    for noun, before in own.inside.items():
        table, parent = TABLES[noun], PARENTS[noun]
        now = standing(connection, before.values(), TABLES[ABOVE[noun]])
        for id_, former in before.items():
            row = row_of(connection, noun, id_)
            if row.merged_into_id is not None:
                unmerged.append((noun, id_))
            elif parent_of(noun, row) == now[former]:
                connection.execute(update(table).where(table.c.id == id_).values({parent.name: former}))
                back |= {id_} if noun == "character" else set()
    for id_, maker_id in own.former.items():
        connection.execute(update(games).where(games.c.id == id_).values(maker_id=maker_id, key=keys[id_]))
    for noun, id_ in unmerged:
        connection.execute(update(TABLES[noun]).where(TABLES[noun].c.id == id_).values(merged_into_id=None))
    for noun, id_ in unmerged:
        _check_parent(connection, edit.id, noun, id_)
    return back


def _check_parent(connection: Connection, edit_id: int, noun: Noun, id_: int) -> None:
    """Raise UsageError when what is no longer merged would be in a game or of a maker that has been merged since."""
    parent = parent_of(noun, row_of(connection, noun, id_))
    if parent is None or row_of(connection, ABOVE[noun], parent).merged_into_id is None:
        return
    for later in connection.execute(_later(edit_id)).all():
        if (ABOVE[noun], parent) in _written(connection, later).rows:
            raise _built_on(edit_id, later.id)
    raise AssertionError(f"{ABOVE[noun]} {parent} was merged by no edit.")
