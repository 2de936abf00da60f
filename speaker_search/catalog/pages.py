"""Pages of makers, games and clips, by id, with filters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, Table, exists, func, select

from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.rows import among, chunks
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import characters, clips, embeddings, games, makers, queue
from speaker_search.entities import Character, Clip, Game, Maker
from speaker_search.errors import NotFoundError

State = Literal["embedded", "pending", "refused"]
TABLES = {"maker": makers, "game": games, "character": characters}


@dataclass(frozen=True, slots=True)
class HeldClip:
    """A clip and what it belongs to."""

    clip: Clip
    game: Game
    character: Character | None  #: None when the speaker is unknown
    state: State  #: in the space asked about
    reason: str | None  #: why it was refused


@dataclass(frozen=True, slots=True)
class NamedCounts:
    makers: int
    games: int
    characters: int


def games_within(
    connection: Connection,
    *,
    maker: str | None = None,
    game: str | None = None,
    maker_id: int | None = None,
    game_id: int | None = None,
) -> set[int] | None:
    """The ids of the games that fit all of these, by name or id; None when none is given. Raises NotFoundError."""
    wanted: list[set[int]] = []
    if game is not None:
        people.games_called(connection, [game])  # raises NotFoundError
        wanted.append(people.standing_games(connection, maker, game))
    if maker is not None:
        brands = people.makers_called(connection, [maker])
        if game is None:
            wanted.append(_games_of(connection, brands))
    if maker_id is not None:
        wanted.append(_games_of(connection, {standing_id(connection, "maker", maker_id)}))
    if game_id is not None:
        wanted.append({standing_id(connection, "game", game_id)})
    return set.intersection(*wanted) if wanted else None


def standing_id(connection: Connection, noun: Literal["maker", "game", "character"], id_: int) -> int:
    """The id of the maker, game or character that stands for the one with this id. Raises NotFoundError."""
    found = people.row_with_id(connection, TABLES[noun], str(id_))
    if found is None:
        raise NotFoundError(f"There is no {noun} {id_}.", people.LIST)
    return found


def count_named(connection: Connection) -> NamedCounts:
    """How many makers, games and characters there are. Merged ones do not count."""
    live = (select(func.count()).select_from(table).where(people.is_live(table)) for table in TABLES.values())
    return NamedCounts(*(connection.execute(count).scalar_one() for count in live))


def list_makers(
    connection: Connection, *, name: str | None = None, contains: str | None = None, after: int = 0, limit: int
) -> list[tuple[Maker, int]]:
    """Makers by id from `after` on, each with its number of games."""
    query = _named(select(makers.c.id, makers.c.name), connection, makers, name, contains, after)
    rows = connection.execute(query.limit(limit)).all()
    counts = _counts(connection, games, "maker_id", [row.id for row in rows])
    return [(Maker(row.id, row.name), counts.get(row.id, 0)) for row in rows]


def list_games(
    connection: Connection,
    *,
    within: Collection[int] | None = None,
    contains: str | None = None,
    after: int = 0,
    limit: int,
) -> list[tuple[Game, int]]:
    """Games by id from `after` on, each with its number of characters; `within` are ids."""
    query = _named(_games(), connection, games, None, contains, after)
    if within is not None:
        query = query.where(among(connection, games.c.id, within))
    rows = connection.execute(query.limit(limit)).all()
    counts = _counts(connection, characters, "game_id", [row[0] for row in rows])
    return [(_game(row), counts.get(row[0], 0)) for row in rows]


def list_clips(
    connection: Connection,
    space: Space,
    *,
    within: Collection[int] | None = None,
    character_id: int | None = None,
    unknown: bool = False,
    state: State | None = None,
    after: int = 0,
    limit: int,
) -> list[HeldClip]:
    """Clips by id from `after` on; `within` are ids of games, `unknown` selects those without a known speaker."""
    c, q = clips.c, queue.c
    query = select(c.id).where(c.id > after)
    if within is not None:
        query = query.where(among(connection, c.game_id, within))
    if character_id is not None:
        query = query.where(c.character_id == character_id)
    if unknown:
        query = query.where(c.character_id.is_(None))
    if state == "embedded":
        query = query.where(exists().where(embeddings.c.encoder_id == space.id, embeddings.c.clip_id == c.id))
    elif state is not None:
        statuses = ("refused",) if state == "refused" else ("pending", "claimed")
        query = query.join(queue, q.clip_id == c.id).where(q.encoder_id == space.id, q.status.in_(statuses))
    return held_clips(connection, space, list(connection.execute(query.order_by(c.id).limit(limit)).scalars()))


def held_clips(connection: Connection, space: Space, ids: Collection[int]) -> list[HeldClip]:
    """The clips with these ids that the catalog holds, by id."""
    found = clips_by_id(connection, list(ids))
    speakers = people.characters_by_id(connection, None, {c.character_id for c in found.values() if c.character_id})
    of_games: dict[int, Game] = {}
    for some in chunks({clip.game_id for clip in found.values()}):
        rows = connection.execute(_games().where(among(connection, games.c.id, some)))
        of_games.update((row[0], _game(row)) for row in rows)
    states = _states(connection, space, found)
    return [
        HeldClip(
            clip,
            of_games[clip.game_id],
            None if clip.character_id is None else speakers.get(clip.character_id),
            *states[id_],
        )
        for id_, clip in sorted(found.items())
    ]


def _states(connection: Connection, space: Space, ids: Collection[int]) -> dict[int, tuple[State, str | None]]:
    """The state of each of these clips in a space, and why it was refused."""
    states: dict[int, tuple[State, str | None]] = dict.fromkeys(ids, ("pending", None))
    e, q = embeddings.c, queue.c
    for some in chunks(ids):
        held = select(e.clip_id).where(e.encoder_id == space.id, among(connection, e.clip_id, some))
        states.update((id_, ("embedded", None)) for id_ in connection.execute(held).scalars())
        refused = select(q.clip_id, q.reason).where(q.encoder_id == space.id, q.status == "refused")
        rows = connection.execute(refused.where(among(connection, q.clip_id, some)))
        states.update((row[0], ("refused", row[1])) for row in rows)
    return states


def _games() -> Select[Any]:
    return select(games.c.id, games.c.title, makers.c.id, makers.c.name).join_from(games, makers)


def _game(row: Sequence[Any]) -> Game:
    return Game(row[0], row[1], Maker(row[2], row[3]))


def _games_of(connection: Connection, brands: Collection[int]) -> set[int]:
    query = select(games.c.id).where(people.is_live(games), among(connection, games.c.maker_id, brands))
    return set(connection.execute(query).scalars())


def _named(
    query: Select[Any], connection: Connection, table: Table, name: str | None, contains: str | None, after: int
) -> Select[Any]:
    query = query.where(people.is_live(table), table.c.id > after).order_by(table.c.id)
    if name is not None:
        query = query.where(table.c.id.in_(people.called(connection, table, name)))
    return query if contains is None else query.where(people.named_with(table, contains))


def _counts(connection: Connection, table: Table, parent: str, ids: Collection[int]) -> dict[int, int]:
    """How many rows of a table that stand for themselves each parent has."""
    counts: dict[int, int] = {}
    of = table.c[parent]
    for some in chunks(ids):
        query = select(of, func.count()).where(people.is_live(table), among(connection, of, some)).group_by(of)
        counts.update((row[0], row[1]) for row in connection.execute(query))
    return counts
