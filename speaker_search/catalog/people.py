"""Makers, games and characters: by id, by name, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import combinations, pairwise
from typing import Any

from sqlalchemy import Column, Connection, Select, exists, func, select

from speaker_search.catalog.rows import chunks
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, embeddings, games, makers
from speaker_search.documents import MAX_ID
from speaker_search.entities import Character, Game, Maker, fold, shown
from speaker_search.errors import NotFoundError, UsageError

MOST_LISTED = 10  # characters of one name, in an error


def makers_of_games(connection: Connection) -> list[tuple[int, int]]:
    """The ids of every game and its maker."""
    return [(row[0], row[1]) for row in connection.execute(select(games.c.id, games.c.maker_id))]


def list_characters(
    connection: Connection,
    space: Space | None,
    *,
    maker: str | None = None,
    game: str | None = None,
    name: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Character]:
    """Characters by id from `after` on, with their clips in a space; maker, game and name compare folded."""
    query = _characters().where(characters.c.id > after).order_by(characters.c.id).limit(limit)
    for column, wanted in ((makers.c.key, maker), (games.c.key, game), (characters.c.key, name)):
        if wanted is not None:
            query = query.where(column == _key(wanted))
    return _with_counts(connection, space, connection.execute(query).all())


def characters_by_id(connection: Connection, space: Space | None, ids: Iterable[int]) -> dict[int, Character]:
    found: dict[int, Character] = {}
    for some in chunks(ids):
        rows = connection.execute(_characters().where(characters.c.id.in_(some))).all()
        found.update((character.id, character) for character in _with_counts(connection, space, rows))
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
        rows = connection.execute(select(*columns).select_from(characters.join(games).join(makers)))
        raise not_found("character", wanted, ("/".join(row) for row in rows))
    if len(found) > 1:
        listed = ", ".join(f"{one.address} (id {one.id})" for one in found[:MOST_LISTED])
        more = ", and more" if len(found) > MOST_LISTED else ""
        raise UsageError(f"Several characters are called {wanted}: {listed}{more}.", "Give the id of one.")
    return found[0]


def games_called(connection: Connection, titles: Sequence[str]) -> set[int]:
    """The ids of the games with these titles, which several makers may use. Raises NotFoundError."""
    return _called_so(connection, "game", games.c.id, games.c.title, games.c.key, titles)


def makers_called(connection: Connection, names: Sequence[str]) -> set[int]:
    """The ids of the makers with these names. Raises NotFoundError."""
    return _called_so(connection, "maker", makers.c.id, makers.c.name, makers.c.key, names)


def _called_so(
    connection: Connection, noun: str, id_: Column[int], name: Column[str], key: Column[str], wanted: Sequence[str]
) -> set[int]:
    keys = {_key(each): each for each in wanted}
    found: set[int] = set()
    known: set[str] = set()
    for some in chunks(keys):
        for row in connection.execute(select(id_, key).where(key.in_(some))):
            found.add(row[0])
            known.add(row[1])
    for unknown in (each for folded, each in keys.items() if folded not in known):
        names = connection.execute(select(name)).scalars()
        raise not_found(noun, unknown, names)
    return found


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
        return "See `spksearch catalog list`."
    return f"Did you mean {' or '.join(known[other] for other in meant)}? `spksearch catalog list` lists all."


def count_characters(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(characters)).scalar_one())


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
