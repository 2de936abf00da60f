"""Makers, games and characters: by id, by name, in pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from itertools import combinations, pairwise
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, exists, func, select

from speaker_search.catalog.mending.standing import characters_called, game_called, standing
from speaker_search.catalog.rows import among, chunks, read_by_id
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, embeddings, games, makers
from speaker_search.documents import MAX_ID
from speaker_search.entities import Character, Game, Maker, fold, shown
from speaker_search.errors import NotFoundError, UsageError

MOST_LISTED = 10  # characters of one name, in an error
LIST = "See `spksearch catalog list`."


def makers_of_games(connection: Connection) -> list[tuple[int, int]]:
    """The ids of every game and its maker."""
    return [(row[0], row[1]) for row in connection.execute(select(games.c.id, games.c.maker_id))]


def games_of_makers(connection: Connection, ids: Iterable[int]) -> set[int]:
    """The ids of these makers' games."""
    found: set[int] = set()
    for some in chunks(ids):
        found.update(connection.execute(select(games.c.id).where(among(connection, games.c.maker_id, some))).scalars())
    return found


def keys_of(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The folded names of these characters, by id."""
    found: dict[int, str] = {}
    for some in chunks(ids):
        query = select(characters.c.id, characters.c.key).where(among(connection, characters.c.id, some))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def list_characters(
    connection: Connection,
    space: Space | None,
    *,
    maker: str | None = None,
    game: str | None = None,
    name: str | None = None,
    within: Collection[int] | None = None,
    contains: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Character]:
    """Characters by id from `after` on, with their clips in a space; maker, game and name compare folded.

    `within` are the ids of games; `contains` is a part of the name. What people have renamed or merged is found by its
    former names too, unless something else is called so now.
    """
    query = _characters().where(is_live(characters), characters.c.id > after)
    if within is not None:
        query = query.where(among(connection, games.c.id, within))
    if contains is not None:
        query = query.where(named_with(characters, contains))
    if game is not None:
        query = query.where(games.c.id.in_(standing_games(connection, maker, game)))
    elif maker is not None:
        query = query.where(makers.c.id.in_(called(connection, makers, maker)))
    if name is not None:
        query = query.where(characters.c.id.in_(_characters_called(connection, maker, game, name)))
    rows = connection.execute(query.order_by(characters.c.id).limit(limit)).all()
    return _with_counts(connection, space, rows)


def characters_by_id(connection: Connection, space: Space | None, ids: Iterable[int]) -> dict[int, Character]:
    """The characters with these ids; for the id of a merged one, the character that stands for it."""
    wanted = set(ids)
    rows = list(read_by_id(connection, _live_characters, characters.c.id, sorted(wanted)))
    found = {one.id: one for one in _with_counts(connection, space, rows)}
    if merged := wanted - found.keys():
        now = {id_: other for id_, other in standing(connection, merged).items() if other != id_}
        others = characters_by_id(connection, space, now.values()) if now else {}
        found.update((id_, others[other]) for id_, other in now.items() if other in others)
    return found


def ids_by_names(connection: Connection, wanted: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    """The ids of the characters with these names of maker, game and character, former names too, where they exist."""
    by_game: dict[tuple[str, str], list[str]] = {}
    for maker, title, name in wanted:
        by_game.setdefault((maker, title), []).append(name)
    found: dict[tuple[str, str, str], int] = {}
    for (maker, title), names in by_game.items():
        game_id = game_called(connection, maker, title)
        cast = {} if game_id is None else characters_called(connection, game_id)
        found.update(((maker, title, name), cast[fold(name)]) for name in names if fold(name) in cast)
    return found


def find_character(connection: Connection, space: Space | None, wanted: str) -> Character:
    """The character with an id, or called `maker/game/name`, `game/name` or only `name` where that is unique.

    Raises NotFoundError, and UsageError when several are called so.
    """
    found: list[Character] = []
    if wanted.isascii() and wanted.isdecimal():
        id_ = int(wanted) if len(wanted) < 20 else MAX_ID
        found = list(characters_by_id(connection, space, [min(id_, MAX_ID)]).values())
    found = found or _called(connection, space, wanted)
    if not found:
        parts = min(2, wanted.count("/"))  # suggested is as much of an address as was given
        columns = (makers.c.name, games.c.title, characters.c.name)[2 - parts :]
        named = select(*columns).select_from(characters.join(games).join(makers)).where(is_live(characters))
        rows = connection.execute(named)
        raise not_found("character", wanted, ("/".join(row) for row in rows))
    if len(found) > 1:
        listed = ", ".join(f"{one.address} (id {one.id})" for one in found[:MOST_LISTED])
        more = ", and more" if len(found) > MOST_LISTED else ""
        raise UsageError(f"Several characters are called {wanted}: {listed}{more}.", "Give the id of one.")
    return found[0]


def games_called(connection: Connection, titles: Sequence[str]) -> set[int]:
    """The ids of the games with these titles, which several makers may use. Raises NotFoundError."""
    return _called_so(connection, "game", games, games.c.title, titles)


def makers_called(connection: Connection, names: Sequence[str]) -> set[int]:
    """The ids of the makers with these names. Raises NotFoundError."""
    return _called_so(connection, "maker", makers, makers.c.name, names)


def find_maker(connection: Connection, wanted: str) -> int:
    """The maker with an id or a name. Raises NotFoundError."""
    by_id = row_with_id(connection, makers, wanted)
    return by_id or makers_called(connection, [wanted]).pop()


def find_game(connection: Connection, wanted: str) -> int:
    """The game with an id, or called `maker/title`, or only `title` where that is unique.

    Raises NotFoundError, and UsageError when several are called so.
    """
    if by_id := row_with_id(connection, games, wanted):
        return by_id
    pieces = wanted.split("/")
    ways = [("/".join(pieces[:cut]), "/".join(pieces[cut:])) for cut in range(1, len(pieces))]
    found = {id_ for maker, title in ways for id_ in standing_games(connection, maker, title)}
    found = found or standing_games(connection, None, wanted)
    names = select(games.c.id, makers.c.name, games.c.title).select_from(games.join(makers)).where(is_live(games))
    if not found:
        rows = connection.execute(names).all()
        raise not_found("game", wanted, ("/".join(row[1:]) if ways else row.title for row in rows))
    if len(found) > 1:
        rows = connection.execute(names.where(games.c.id.in_(found)).order_by(games.c.id)).all()
        listed = ", ".join(f"{row.name}/{row.title} (id {row.id})" for row in rows[:MOST_LISTED])
        raise UsageError(f"Several games are called {wanted}: {listed}.", "Give the id of one.")
    return found.pop()


def row_with_id(connection: Connection, table: Table, wanted: str) -> int | None:
    """The row that stands for the one with this id, if `wanted` is the id of one."""
    if not (wanted.isascii() and wanted.isdecimal()):
        return None
    id_ = min(int(wanted) if len(wanted) < 20 else MAX_ID, MAX_ID)
    there = connection.execute(select(table.c.id).where(table.c.id == id_)).scalar()
    return None if there is None else standing(connection, [id_], table)[id_]


def _called_so(connection: Connection, noun: str, table: Table, name: Column[str], wanted: Sequence[str]) -> set[int]:
    keys = {_key(each): each for each in wanted}
    found: set[int] = set()
    live: set[str] = set()
    for some in chunks(keys):
        query = select(table.c.id, table.c.key).where(among(connection, table.c.key, some), is_live(table))
        rows = connection.execute(query).all()
        found.update(row.id for row in rows)
        live.update(row.key for row in rows)
    for each in (each for key, each in keys.items() if key not in live):  # names that they had before
        ids = called(connection, table, each)
        if not ids:
            raise not_found(noun, each, connection.execute(select(name).where(is_live(table))).scalars())
        found |= ids
    return found


def called(connection: Connection, table: Table, name: str) -> set[int]:
    """The rows with this name; if there are none, those that stand for rows which had it."""
    rows = connection.execute(select(table.c.id, table.c.merged_into_id).where(table.c.key == _key(name))).all()
    live = {row.id for row in rows if row.merged_into_id is None}
    return live or set(standing(connection, [row.id for row in rows], table).values())


def _games_named(connection: Connection, maker: str | None, title: str) -> list[int]:
    """The rows of games called so, now or before, as `game_called` finds them."""
    if maker is not None:
        found = game_called(connection, shown(maker), shown(title))
        return [] if found is None else [found]
    rows = connection.execute(select(games.c.id, games.c.merged_into_id).where(games.c.key == _key(title))).all()
    live = [row.id for row in rows if row.merged_into_id is None]
    return live or [row.id for row in rows]


def standing_games(connection: Connection, maker: str | None, title: str) -> set[int]:
    """The games called so now, or else before; with a maker, what that maker's game of this title has become."""
    return set(standing(connection, _games_named(connection, maker, title), games).values())


def _characters_called(connection: Connection, maker: str | None, game: str | None, name: str) -> set[int]:
    if game is None:
        return called(connection, characters, name)
    casts = [characters_called(connection, id_) for id_ in _games_named(connection, maker, game)]
    return {cast[key] for cast in casts if (key := _key(name)) in cast}


def named_with(table: Table, part: str) -> ColumnElement[bool]:
    """Whether rows have a part in their folded names."""
    return table.c.key.contains(_key(part), autoescape=True)


def is_live(table: Table) -> ColumnElement[bool]:
    """Whether rows stand for themselves: nothing else is listed."""
    return table.c.merged_into_id.is_(None)


def not_found(noun: str, wanted: str, names: Iterable[str], *, which: str = "") -> NotFoundError:
    """The error for a name that nothing has. It suggests those of `names` that contain it or are spelt nearly like it.

    `which` says what kind of thing was looked for, such as " with embedded clips".
    """
    seen = wanted if wanted.strip() else repr(wanted)  # in quotes where there would be nothing to see
    return NotFoundError(f"There is no {noun} {seen}{which}.", _near(wanted, names))


def _near(wanted: str, names: Iterable[str]) -> str:
    key, known = _key(wanted), {fold(name): name for name in names}
    meant = sorted((other for other in known if key and key in other), key=len)
    meant = (meant or get_close_matches(key, known))[:3]
    if not meant:
        return LIST
    return f"Did you mean {' or '.join(known[other] for other in meant)}? `spksearch catalog list` lists all."


def _called(connection: Connection, space: Space | None, wanted: str) -> list[Character]:
    """The characters called so by maker, game and name, or else by game and name, or else by name.

    Names may contain slashes themselves, so every way to cut the parts is tried.
    """
    pieces = wanted.split("/")
    for parts in (3, 2, 1):
        found: list[Character] = []
        for cuts in combinations(range(1, len(pieces)), parts - 1):
            named = ["/".join(pieces[start:end]) for start, end in pairwise((0, *cuts, len(pieces)))]
            maker, game, name = (None, None, *named)[-3:]
            found += list_characters(connection, space, maker=maker, game=game, name=name)
        if found:
            return found
    return []


def _key(name: str) -> str:
    """How the catalog has a name, whoever gives it: text that it cannot store was escaped before it was stored."""
    return fold(shown(name))


def _characters() -> Select[Any]:
    columns = (characters.c.id, characters.c.name, games.c.id, games.c.title, makers.c.id, makers.c.name)
    return select(*columns).join_from(characters, games).join(makers)


def _live_characters() -> Select[Any]:
    return _characters().where(is_live(characters))


def _with_counts(connection: Connection, space: Space | None, rows: Sequence[Any]) -> list[Character]:
    counts: dict[int, int] = {}
    if space is not None:
        # Not a join: without statistics SQLite would start it at every embedding of the space.
        held = exists().where(embeddings.c.encoder_id == space.id, embeddings.c.clip_id == clips.c.id)
        for ids in chunks(row[0] for row in rows):
            query = select(clips.c.character_id, func.count()).where(clips.c.character_id.in_(ids), held)
            counts.update((id_, count) for id_, count in connection.execute(query.group_by(clips.c.character_id)))
    return [
        Character(id_, name, Game(game_id, title, Maker(maker_id, maker)), counts.get(id_, 0))
        for id_, name, game_id, title, maker_id, maker in rows
    ]
