"""Renaming and merging makers, games and characters, with a record of what it takes to undo it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, insert, or_, select, update

from speaker_search.catalog import log
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.mending.contradicted import check_verdicts
from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.rows import chunks, insert_all, update_all
from speaker_search.catalog.tables import characters, clips, edits, games, makers, moved_rows
from speaker_search.documents import Noun
from speaker_search.entities import fold, shown
from speaker_search.errors import CatalogConflictError, UsageError

TABLES: dict[Noun, Table] = {"maker": makers, "game": games, "character": characters}
NAMES: dict[Noun, Column[str]] = {"maker": makers.c.name, "game": games.c.title, "character": characters.c.name}
PARENTS: dict[Noun, Column[int]] = {"game": games.c.maker_id, "character": characters.c.game_id}
BELOW: dict[Noun, Noun] = {"maker": "game", "game": "character"}
ABOVE: dict[Noun, Noun] = {"game": "maker", "character": "game"}
NO_KEY = " "  # begins a key for a moment; folded names never begin with a space


@dataclass(slots=True)
class Moves:
    """What an edit moves, and where from: by noun and id, the parent before.

    The nouns are game and character (moved or merged), game_name (a former name that was moved), clip (its character)
    and clip_game.
    """

    before: dict[tuple[str, int], int | None] = field(default_factory=dict)

    def note(self, noun: str, id_: int, parent: int | None) -> None:
        self.before.setdefault((noun, id_), parent)

    def store(self, connection: Connection, edit_id: int) -> None:
        rows = [
            {"edit_id": edit_id, "noun": noun, "row_id": id_, "before_id": parent}
            for (noun, id_), parent in self.before.items()
        ]
        insert_all(connection, moved_rows, rows)


def rename(connection: Connection, noun: Noun, id_: int, name: str, *, author: str) -> int:
    """Give a maker, game or character another name; returns the edit's id. Its old name still finds it.

    The caller holds `lock_names`. Raises UsageError when the name is taken.
    """
    name = shown(name).strip()
    row, table = row_of(connection, noun, id_), TABLES[noun]
    old, key = name_of(noun, row), fold(name)
    if not key:
        raise UsageError(f"A {noun} needs a name.")
    if name == old:
        raise UsageError(f"{address(connection, noun, id_)} is called that already.")
    other = None if key == row.key else _held(connection, noun, parent_of(noun, row), key)
    if other is not None and standing(connection, [other], table)[other] != id_:
        raise _taken(connection, noun, other)
    new = {NAMES[noun].name: name}
    moves = Moves()
    if key != row.key and other is None:  # the old name stays, in a row of its own
        connection.execute(update(table).where(table.c.id == id_).values(key=key, **new))
        kept = {"key": row.key, NAMES[noun].name: old, "merged_into_id": id_}
        if noun in PARENTS:
            kept[PARENTS[noun].name] = parent_of(noun, row)
        other = int(connection.execute(insert(table).values(kept).returning(table.c.id)).scalar_one())
    else:
        if other is not None:  # it was called so before, or is merged with what was
            swap_keys(connection, noun, id_, other)
            moves.note(noun, other, None)
        connection.execute(update(table).where(table.c.id == id_).values(**new))
    edit = _record(connection, noun, "rename", id_, other, old, name, author)
    moves.store(connection, edit)
    return edit


def merge(connection: Connection, noun: Noun, id_: int, into: int, *, author: str) -> tuple[int, int]:
    """Merge a maker, game or character into another one; returns the edit's id, and how many clips it relabelled.

    What is in it moves along; games and characters of equal names are merged in turn. The caller holds `lock_names`.
    Raises UsageError when they cannot be merged, or when a verdict calls two of the merged characters different.
    """
    before, after = address(connection, noun, id_), address(connection, noun, into)
    if id_ == into:
        raise UsageError(f"{before} cannot be merged into itself.")
    if noun == "character":
        games_of = {parent_of(noun, row_of(connection, noun, one)) for one in (id_, into)}
        if len(games_of) > 1:
            raise UsageError(
                f"{before} and {after} are in different games.",
                "If they have one voice, say so with `spksearch verdict same`; if the games are one, merge those.",
            )
    which = _clips_of(connection, noun, id_, into)
    locked = locked_clips(connection, which)
    moves = Moves()
    _merge(connection, noun, id_, into, moves)
    check_verdicts(connection)
    relabelled, entries = _follow(connection, locked, moves)
    edit = _record(connection, noun, "merge", into, id_, before, after, author)
    moves.store(connection, edit)
    log.append(connection, entries)
    return edit, relabelled


def _merge(connection: Connection, noun: Noun, id_: int, into: int, moves: Moves) -> None:
    table = TABLES[noun]
    connection.execute(update(table).where(table.c.id == id_).values(merged_into_id=into))
    if noun == "character":
        return
    child = BELOW[noun]
    below, parent = TABLES[child], PARENTS[child]
    rows = connection.execute(
        select(below.c.id, below.c.key).where(parent == id_, below.c.merged_into_id.is_(None)).order_by(below.c.id)
    )
    for row in rows.all():
        held = _held(connection, child, into, row.key)
        moves.note(child, row.id, id_)
        if held is None:
            connection.execute(update(below).where(below.c.id == row.id).values({parent.name: into}))
        elif (other := standing(connection, [held], below)[held]) != row.id:
            _merge(connection, child, row.id, other, moves)
        else:  # a former name of this very game, with the other maker: the two change places
            moves.note("game_name", held, into)
            connection.execute(update(below).where(below.c.id == held).values(key=f"{NO_KEY}{held}"))
            connection.execute(update(below).where(below.c.id == row.id).values({parent.name: into}))
            connection.execute(update(below).where(below.c.id == held).values({parent.name: id_, "key": row.key}))


def _follow(connection: Connection, locked: Mapping[int, Row[Any]], moves: Moves) -> tuple[int, list[log.Change]]:
    """Give clips what now stands for their characters and games; returns how many changed, and the log's entries."""
    who = standing(connection, {clip.character_id for clip in locked.values()} - {None})
    of_character = parents(connection, "character", who.values())
    of_game = standing(connection, {clip.game_id for clip in locked.values()}, games)
    labels = {}
    for id_, clip in locked.items():
        now = None if clip.character_id is None else who[clip.character_id]
        game = of_game[clip.game_id] if now is None else of_character[now]
        if now != clip.character_id:
            moves.note("clip", id_, clip.character_id)
        if game != clip.game_id:
            moves.note("clip_game", id_, clip.game_id)
        labels[id_] = (game, now)
    return relabel(connection, locked, labels)


def relabel(
    connection: Connection, locked: Mapping[int, Row[Any]], labels: Mapping[int, tuple[int, int | None]]
) -> tuple[int, list[log.Change]]:
    """Give locked clips these games and characters; returns how many had others, and the log's entries for them."""
    changed = [id_ for id_, clip in locked.items() if labels[id_] != (clip.game_id, clip.character_id)]
    for some in chunks(changed):
        rows = [{"id": id_, "game_id": labels[id_][0], "character_id": labels[id_][1]} for id_ in some]
        update_all(connection, clips, rows)
    before = [(id_, locked[id_].character_id, labels[id_][1]) for id_ in changed]
    return len(changed), log.relabelled(connection, before)


def locked_clips(connection: Connection, which: ColumnElement[bool]) -> dict[int, Row[Any]]:
    """Lock the clips to be relabelled; a worker that stores vectors meanwhile may give a character further clips."""
    query = select(clips.c.id).where(which)
    locked = lock_clips(connection, set(connection.execute(query).scalars()))
    if not set(connection.execute(query).scalars()) <= locked.keys():
        raise CatalogConflictError("Another program has just relabelled a clip.", "Retry the transaction.")
    return locked


def _clips_of(connection: Connection, noun: Noun, id_: int, into: int) -> ColumnElement[bool]:
    """The clips that a merge relabels."""
    if noun == "character":
        return clips.c.character_id == id_
    own = [id_]
    if noun == "maker":  # games that only move to another maker keep their clips
        mine, theirs = games.alias(), games.alias()
        both = mine.join(theirs, theirs.c.key == mine.c.key)
        query = select(mine.c.id).select_from(both).where(mine.c.maker_id == id_, theirs.c.maker_id == into)
        own = list(connection.execute(query).scalars())
    speakers = select(characters.c.id).where(characters.c.game_id.in_(own))
    return or_(clips.c.game_id.in_(own), clips.c.character_id.in_(speakers))


def swap_keys(connection: Connection, noun: Noun, one: int, other: int) -> None:
    """Exchange the folded names of two rows, which must be unique at every moment."""
    table = TABLES[noun]
    keys = {id_: row_of(connection, noun, id_).key for id_ in (one, other)}
    for id_, key in ((other, f"{NO_KEY}{other}"), (one, keys[other]), (other, keys[one])):
        connection.execute(update(table).where(table.c.id == id_).values(key=key))


def parents(connection: Connection, noun: Noun, ids: Any) -> dict[int, int]:
    """The maker of each of these games, or the game of each of these characters."""
    table = TABLES[noun]
    found: dict[int, int] = {}
    for some in chunks(set(ids)):
        found.update(dict(connection.execute(select(table.c.id, PARENTS[noun]).where(table.c.id.in_(some))).all()))
    return found


def row_of(connection: Connection, noun: Noun, id_: int) -> Row[Any]:
    table = TABLES[noun]
    return connection.execute(select(table).where(table.c.id == id_)).one()


def parent_of(noun: Noun, row: Row[Any]) -> int | None:
    return None if noun == "maker" else int(getattr(row, PARENTS[noun].name))


def name_of(noun: Noun, row: Row[Any]) -> str:
    return str(getattr(row, NAMES[noun].name))


def key_of(connection: Connection, noun: Noun, id_: int) -> str:
    return str(row_of(connection, noun, id_).key)


def address(connection: Connection, noun: Noun, id_: int) -> str:
    """A name with those of its game and maker in front."""
    row = row_of(connection, noun, id_)
    parent = parent_of(noun, row)
    return name_of(noun, row) if parent is None else f"{address(connection, ABOVE[noun], parent)}/{name_of(noun, row)}"


def _held(connection: Connection, noun: Noun, parent: int | None, key: str) -> int | None:
    """The row that has a name, or had it before."""
    table = TABLES[noun]
    query = select(table.c.id).where(table.c.key == key)
    return connection.execute(query if parent is None else query.where(PARENTS[noun] == parent)).scalar()


def _taken(connection: Connection, noun: Noun, other: int) -> UsageError:
    table = TABLES[noun]
    now = standing(connection, [other], table)[other]
    what = address(connection, noun, now)
    if now == other:
        return UsageError(
            f"There is a {noun} {what} already (id {now}).", f"`spksearch catalog merge {noun}` merges them."
        )
    had = name_of(noun, row_of(connection, noun, other))
    return UsageError(f"{had} is a former name of {what} (id {now}), which still finds it.", "Choose another name.")


def _record(
    connection: Connection, noun: Noun, kind: str, id_: int, other: int | None, before: str, after: str, author: str
) -> int:
    made = {"noun": noun, "kind": kind, "row_id": id_, "other_id": other, "before": before, "after": after}
    new = insert(edits).values(**made, author=shown(author), at=time.time())
    return int(connection.execute(new.returning(edits.c.id)).scalar_one())
