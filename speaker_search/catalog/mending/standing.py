"""What stands for makers, games and characters that people have renamed or merged.

A merged row stays in its table, with the id of the row that stands for it. A renamed row's
old name stays too, as a row of its own that counts as merged into the renamed one.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, func, select

from speaker_search.catalog.rows import among, chunks, ensure
from speaker_search.catalog.tables import characters, edits, games, makers
from speaker_search.entities import fold

NAMES_LOCK = 0x5350_4B4E  # an arbitrary number for PostgreSQL's advisory lock


def lock_names(connection: Connection, *, change: bool = False) -> None:
    """Keep what names stand for as it is until the commit, or `change` it: the first step of a transaction.

    Every transaction that gives clips to games and characters by their names takes this lock. SQLite has one writer at
    a time anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if change else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(NAMES_LOCK)))


def standing(connection: Connection, ids: Iterable[int], table: Table = characters) -> dict[int, int]:
    """The id of the row that stands for each of these rows; its own for one that was not merged."""
    found = {id_: id_ for id_ in ids}
    left = set(found)
    while left:
        into: dict[int, int] = {}
        for some in chunks(sorted(left)):
            merged = table.c.merged_into_id.is_not(None)
            query = select(table.c.id, table.c.merged_into_id).where(among(connection, table.c.id, some), merged)
            into.update((row[0], row[1]) for row in connection.execute(query))
        found = {id_: into.get(now, now) for id_, now in found.items()}
        left = set(into.values())
    return found


def line_of(connection: Connection, table: Table, id_: int) -> list[int]:
    """A row, the rows that stand for it one after the other, and then all others that the last of these stands for.

    This is the order in which a name is looked for in all that a maker or game has been called.
    """
    line = [id_]
    merged = select(table.c.merged_into_id).where(table.c.id == id_)
    while (into := connection.execute(merged).scalar()) is not None:
        line.append(into)
        merged = select(table.c.merged_into_id).where(table.c.id == into)
    new = [line[-1]]
    while new:
        query = select(table.c.id).where(among(connection, table.c.merged_into_id, new)).order_by(table.c.id)
        new = list(connection.execute(query).scalars())
        line += [other for other in new if other not in line]
    return line


def game_called(connection: Connection, maker: str, title: str) -> int | None:
    """The game that a source calls so, by its row of that name: another one may stand for it. None if there is none."""
    maker_id = connection.execute(select(makers.c.id).where(makers.c.key == fold(maker))).scalar()
    if maker_id is None:
        return None
    line = line_of(connection, makers, maker_id)
    g = games.c
    rows = connection.execute(select(g.maker_id, g.id).where(g.key == fold(title), among(connection, g.maker_id, line)))
    by_maker = {row[0]: row[1] for row in rows}
    return next((by_maker[id_] for id_ in line if id_ in by_maker), None)


def ensure_game(connection: Connection, maker: str, title: str) -> int:
    """The same, inserted if there is none."""
    found = game_called(connection, maker, title)
    if found is None:
        maker_id = ensure(connection, makers, {"key": fold(maker)}, {"name": maker})
        maker_id = standing(connection, [maker_id], makers)[maker_id]
        found = ensure(connection, games, {"maker_id": maker_id, "key": fold(title)}, {"title": title})
    return found


def is_merged(connection: Connection, game_id: int) -> bool:
    """Whether another game was merged into this one."""
    e = edits.c
    renamed = select(e.other_id).where(e.noun == "game", e.kind == "rename", e.undone_at.is_(None))
    others = line_of(connection, games, game_id)[1:]
    return not set(others) <= set(connection.execute(renamed.where(e.other_id.in_(others))).scalars())


def characters_called(connection: Connection, game_id: int) -> dict[str, int]:
    """The characters of a game by all their folded names, former ones too; `game_id` is the row of the game's name.

    Where a merged game and the one that stands for it use a name differently, it means what it means in `game_id`.
    """
    line = line_of(connection, games, game_id)
    c = characters.c
    rows = connection.execute(select(c.game_id, c.key, c.id).where(among(connection, c.game_id, line))).all()
    place = {id_: number for number, id_ in enumerate(line)}
    named = {row.key: row.id for row in sorted(rows, key=lambda row: -place[row.game_id])}
    now = standing(connection, named.values())
    return {key: now[id_] for key, id_ in named.items()}
