"""Credits in the catalog: who is known to speak whom, and all names that games and characters have had."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, case, delete, func, select, update

from speaker_search.catalog.mending.standing import standing
from speaker_search.catalog.rows import among, chunks, ensure, existing, insert_all, stream
from speaker_search.catalog.tables import actors, characters, credits, edits, games, makers, pen_names
from speaker_search.entities import Sex, fold, sex_of

CREDITS_LOCK = 0x5350_4B43  # an arbitrary number for PostgreSQL's advisory lock
CSV = "csv"  # the source whose persons are known by their names alone


@dataclass(frozen=True, slots=True)
class RosterCharacter:
    id: int
    names: tuple[str, ...]  #: today's first, then those it had


@dataclass(frozen=True, slots=True)
class RosterGame:
    id: int
    titles: tuple[str, ...]
    makers: tuple[str, ...]
    characters: tuple[RosterCharacter, ...]


@dataclass(frozen=True, slots=True)
class NewPerson:
    source: str
    key: str
    name: str
    pen_names: tuple[str, ...]
    sex: Sex | None = None  #: None where the list does not say it: what is known stays


@dataclass(frozen=True, slots=True)
class NewCredit:
    character_id: int
    person: tuple[str, str]  #: source and key
    under: str  #: the name that was credited
    spoiler: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping credits changed."""

    new: int
    known: int
    replaced: int  #: credits of the same source that the new ones stand for


@dataclass(frozen=True, slots=True)
class Actor:
    """A person: a voice actor with all names that they are credited under."""

    id: int
    name: str
    pen_names: tuple[str, ...]
    sex: Sex | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    actor: Actor
    under: str  #: the name that was credited
    spoiler: bool


def roster(connection: Connection) -> list[RosterGame]:
    """All games and characters under all their names. Merged ones count as what they were merged into."""
    brands = _all_names(connection, makers, makers.c.name)
    titles = _all_names(connection, games, games.c.title)
    named = _all_names(connection, characters, characters.c.name)
    maker_of = _parents(connection, games, games.c.maker_id)
    game_of = _parents(connection, characters, characters.c.game_id)
    maker_now = standing(connection, maker_of.values(), makers)
    game_now = standing(connection, game_of.values(), games)
    in_game: defaultdict[int, list[RosterCharacter]] = defaultdict(list)
    for id_, names in named.items():
        in_game[game_now[game_of[id_]]].append(RosterCharacter(id_, names))
    return [
        RosterGame(id_, names, brands[maker_now[maker_of[id_]]], tuple(in_game[id_])) for id_, names in titles.items()
    ]


def _all_names(connection: Connection, table: Table, name: Any) -> dict[int, tuple[str, ...]]:
    """The names of rows that stand, by id: their own, then those of the rows merged into them."""
    query = select(table.c.id, name).order_by(table.c.merged_into_id.is_not(None), table.c.id)
    rows = connection.execute(query).all()
    now = standing(connection, [row[0] for row in rows], table)
    names: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for id_, called in rows:
        names[now[id_]][called] = None
    return {id_: tuple(called) for id_, called in names.items()}


def _parents(connection: Connection, table: Table, parent: Any) -> dict[int, int]:
    return {row[0]: row[1] for row in connection.execute(select(table.c.id, parent))}


def keep(connection: Connection, people: Mapping[tuple[str, str], NewPerson], new: Sequence[NewCredit]) -> Kept:
    """Keep credits. What a source says of a character stands for all that it said of it before.

    A person that a CSV only names is the person of another source with that name or pen name, where there is one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(CREDITS_LOCK)))
    there = existing(connection, characters, {one.character_id for one in new})
    new = [one for one in new if one.character_id in there]
    ids = {key: _ensure_person(connection, people[key]) for key in dict.fromkeys(one.person for one in new)}
    ids = _unified(connection, ids)
    sources = {key: key[0] for key in ids}
    wanted: dict[tuple[int, int], NewCredit] = {}
    for one in new:
        wanted.setdefault((one.character_id, ids[one.person]), one)
    before = _held(connection, there)
    held = {pair for pair in before if pair in wanted}
    credited_by: defaultdict[int, set[str]] = defaultdict(set)
    for one in new:
        credited_by[one.character_id].add(sources[one.person])
    outdated = [
        pair for pair, source in before.items() if pair not in wanted and source in credited_by.get(pair[0], ())
    ]
    for character, actor in outdated:
        connection.execute(
            delete(credits).where(and_(credits.c.character_id == character, credits.c.actor_id == actor))
        )
    at, rows = time.time(), []
    pens = _pen_names(connection, set(ids.values()))
    for (character, actor), one in wanted.items():
        if (character, actor) not in held:
            pen_name = pens.get((actor, one.under))
            rows.append({
                "character_id": character, "actor_id": actor, "pen_name_id": pen_name, "spoiler": one.spoiler, "at": at
            })  # fmt: skip
    insert_all(connection, credits, rows)
    return Kept(len(rows), len(held), len(outdated))


def credits_of(connection: Connection, ids: Iterable[int] | None = None) -> dict[int, tuple[Credit, ...]]:
    """Credits by character: all, or those of `ids`. A merged character's belong to the one that stands for it."""
    people = kept_actors(connection)
    now = standing(connection, connection.execute(select(credits.c.character_id).distinct()).scalars())
    pens = {row[0]: row[1] for row in connection.execute(select(pen_names.c.id, pen_names.c.name))}
    found: defaultdict[int, dict[int, Credit]] = defaultdict(dict)
    c = credits.c
    query = select(c.character_id, c.actor_id, c.pen_name_id, c.spoiler).order_by(c.character_id, c.actor_id)
    for some in stream(connection, query):
        for character, actor, pen_name, spoiler in some:
            one = people[actor]
            found[now[character]].setdefault(actor, Credit(one, pens.get(pen_name, one.name), spoiler))
    wanted = found.keys() if ids is None else found.keys() & set(ids)
    return {id_: tuple(found[id_].values()) for id_ in sorted(wanted)}


def state_of_credits(connection: Connection) -> tuple[object, ...]:
    """What differs after any change to what `credits_of` reads, and is read much faster."""
    c, e = credits.c, edits.c
    said = select(func.count(), func.max(c.at), func.sum(c.character_id), func.sum(c.actor_id), func.sum(c.pen_name_id))
    merged = select(func.count(), func.count(e.undone_at)).select_from(edits)
    a = actors.c
    persons = select(func.count(), func.max(a.id), func.count(a.sex), func.sum(case((a.sex == "f", a.id))))
    named = select(func.count()).select_from(pen_names)
    queries = (said.select_from(credits), merged, persons.select_from(actors), named)
    return tuple(value for query in queries for value in connection.execute(query).one())


def kept_actors(connection: Connection) -> dict[int, Actor]:
    """Every voice actor, by id."""
    names: defaultdict[int, list[str]] = defaultdict(list)
    for actor, name in connection.execute(select(pen_names.c.actor_id, pen_names.c.name).order_by(pen_names.c.id)):
        names[actor].append(name)
    rows = connection.execute(select(actors.c.id, actors.c.name, actors.c.sex).order_by(actors.c.id))
    return {id_: Actor(id_, name, tuple(names[id_]), sex_of(sex)) for id_, name, sex in rows}


def _ensure_person(connection: Connection, person: NewPerson) -> int:
    id_ = ensure(connection, actors, {"source": person.source, "key": person.key}, {"name": person.name})
    if person.sex is not None:
        other = and_(actors.c.id == id_, actors.c.sex.is_distinct_from(person.sex))
        connection.execute(update(actors).where(other).values(sex=person.sex))
    names = [name for name in dict.fromkeys(person.pen_names) if name != person.name]
    insert_all(connection, pen_names, [{"actor_id": id_, "name": name} for name in names])
    return id_


def _held(connection: Connection, ids: Iterable[int]) -> dict[tuple[int, int], str]:
    """The credits of these characters, with the source of each."""
    found: dict[tuple[int, int], str] = {}
    c = credits.c
    for some in chunks(sorted(ids)):
        query = select(c.character_id, c.actor_id, actors.c.source).join_from(credits, actors)
        for character, actor, source in connection.execute(query.where(among(connection, c.character_id, some))):
            found[character, actor] = source
    return found


def _pen_names(connection: Connection, ids: Iterable[int]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    p = pen_names.c
    for some in chunks(sorted(ids)):
        for id_, actor, name in connection.execute(select(p.id, p.actor_id, p.name).where(p.actor_id.in_(some))):
            found[actor, name] = id_
    return found


def _unified(connection: Connection, ids: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Give the credits of persons known only by a name to the one person of another source who has that name."""
    sources = {row[0]: row[1] for row in connection.execute(select(actors.c.id, actors.c.source))}
    called: defaultdict[str, set[int]] = defaultdict(set)
    alone: dict[str, int] = {}
    people = kept_actors(connection)
    for id_, actor in people.items():
        if sources[id_] == CSV:
            alone[fold(actor.name)] = id_
        else:
            for name in (actor.name, *actor.pen_names):
                called[fold(name)].add(id_)
    same = {id_: next(iter(called[name])) for name, id_ in alone.items() if len(called.get(name, ())) == 1}
    for before, now in same.items():
        theirs = select(credits.c.character_id).where(credits.c.actor_id == now)
        connection.execute(delete(credits).where(credits.c.actor_id == before, credits.c.character_id.in_(theirs)))
        pen_name = _pen_names(connection, [now]).get((now, people[before].name))
        moved = update(credits).where(credits.c.actor_id == before)
        connection.execute(moved.values(actor_id=now, pen_name_id=pen_name))
        if people[now].sex is None:
            connection.execute(update(actors).where(actors.c.id == now).values(sex=people[before].sex))
        connection.execute(delete(pen_names).where(pen_names.c.actor_id == before))
        connection.execute(delete(actors).where(actors.c.id == before))
    return {key: same.get(id_, id_) for key, id_ in ids.items()}
