"""Makers, games and characters: by id, by name, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from speaker_search.catalog.rows import chunks
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, embeddings, games, makers
from speaker_search.documents import MAX_ID
from speaker_search.entities import Character, Game, Maker, fold
from speaker_search.errors import NotFoundError, UsageError


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
            query = query.where(column == fold(wanted))
    return _with_counts(connection, space, connection.execute(query).all())


def characters_by_id(connection: Connection, space: Space | None, ids: Iterable[int]) -> dict[int, Character]:
    found: dict[int, Character] = {}
    for some in chunks(ids):
        rows = connection.execute(_characters().where(characters.c.id.in_(some))).all()
        found.update((character.id, character) for character in _with_counts(connection, space, rows))
    return found


def find_character(connection: Connection, space: Space | None, wanted: str) -> Character:
    """The character with an id or `maker/game/name`. Raises NotFoundError, and UsageError when several match.

    Names may contain slashes themselves, so every way to cut the three parts is tried.
    """
    if wanted.isascii() and wanted.isdecimal():
        id_ = int(wanted) if len(wanted) < 20 else MAX_ID
        found = list(characters_by_id(connection, space, [min(id_, MAX_ID)]).values())
    else:
        pieces = wanted.split("/")
        if len(pieces) < 3:
            raise UsageError(f"{wanted!r} is not a character.", "Write maker/game/name, or the character's id.")
        found = []
        for first in range(1, len(pieces) - 1):
            for second in range(first + 1, len(pieces)):
                maker, game = "/".join(pieces[:first]), "/".join(pieces[first:second])
                name = "/".join(pieces[second:])
                found += list_characters(connection, space, maker=maker, game=game, name=name)
    if not found:
        raise NotFoundError(f"There is no character {wanted}.", "See `spksearch catalog list`.")
    if len(found) > 1:
        ids = ", ".join(str(character.id) for character in found)
        raise UsageError(f"{wanted} may mean several characters: {ids}.", "Give the id.")
    return found[0]


def find_games(connection: Connection, title: str) -> list[Game]:
    """The games with that title (several makers may use it). Raises NotFoundError."""
    columns = (games.c.id, games.c.title, makers.c.id, makers.c.name)
    query = select(*columns).join_from(games, makers).where(games.c.key == fold(title)).order_by(games.c.id)
    found = [Game(id_, name, Maker(maker_id, maker)) for id_, name, maker_id, maker in connection.execute(query)]
    if not found:
        raise NotFoundError(f"There is no game {title}.", "See `spksearch catalog list`.")
    return found


def find_maker(connection: Connection, name: str) -> Maker:
    """The maker with that name. Raises NotFoundError."""
    row = connection.execute(select(makers.c.id, makers.c.name).where(makers.c.key == fold(name))).first()
    if row is None:
        raise NotFoundError(f"There is no maker {name}.", "See `spksearch catalog list`.")
    return Maker(*row)


def count_characters(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(characters)).scalar_one())


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
