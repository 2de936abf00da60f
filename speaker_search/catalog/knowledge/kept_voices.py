"""The voices of a space as they were last stored, and what has become of them since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, ScalarSelect, delete, func, insert, select, text, update

from speaker_search.catalog.rows import chunks, insert_all
from speaker_search.catalog.tables import voice_events, voice_members, voices

#: new, split (from `other`): a voice begins. ended, merged (into `other`): it is gone, and its id never comes back.
#: joined, left: a character. A new voice's characters have joined it, and those of one that ended have left it.
EventKind = Literal["new", "ended", "merged", "split", "joined", "left"]


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a voice."""

    kind: EventKind
    voice_id: int
    other_voice_id: int | None = None
    character_id: int | None = None
    at: float = 0.0  #: seconds since 1970


@dataclass(frozen=True, slots=True)
class Kept:
    """The stored voices of a space."""

    voice_of: Mapping[int, int]  #: by character id
    version: int  #: the id of the last event: another one means that another state was stored
    position: int  #: of the change log, that was linked
    calibrated: int  #: of the change log, that scores were calibrated at
    last_id: int  #: no voice of any space has had a higher id


def read_kept(connection: Connection, space_id: int) -> Kept:
    """The stored voices of a space; none before the first are stored."""
    c, m = voice_events.c, voice_members.c
    members = connection.execute(select(m.character_id, m.voice_id).where(m.encoder_id == space_id))
    latest = select(c.id, c.position, c.calibrated).where(c.encoder_id == space_id).order_by(c.id.desc()).limit(1)
    version, position, calibrated = connection.execute(latest).first() or (0, 0, 0)
    highest = connection.execute(select(func.max(c.voice_id))).scalar_one() or 0
    return Kept({row[0]: row[1] for row in members}, version, position, calibrated, highest)


def lock_kept(connection: Connection) -> None:
    """Let no other transaction store voices until this one commits. SQLite's writers wait for each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE voices IN SHARE ROW EXCLUSIVE MODE"))


def new_ids(connection: Connection, space_id: int, count: int, at: float) -> list[int]:
    """Insert that many voices; returns their ids, which no voice has had before."""
    if not count:
        return []
    rows = [{"encoder_id": space_id, "probability": 0.0, "since": at}] * count
    return list(connection.execute(insert(voices).returning(voices.c.id), rows).scalars())


def replace_members(
    connection: Connection, space_id: int, likely: Mapping[int, float], members: Iterable[tuple[int, int, float]]
) -> None:
    """Store the voices that there are now with their probabilities, and their members: voice, character, probability.

    Other voices of the space are deleted.
    """
    v, m = voices.c, voice_members.c
    connection.execute(delete(voice_members).where(m.encoder_id == space_id))
    stored = connection.execute(select(v.id).where(v.encoder_id == space_id)).scalars()
    for some in chunks(sorted(set(stored) - set(likely))):
        connection.execute(delete(voices).where(v.id.in_(some)))
    for voice_id, probability in likely.items():
        connection.execute(update(voices).where(v.id == voice_id).values(probability=probability))
    rows = [
        {"encoder_id": space_id, "character_id": character_id, "voice_id": voice_id, "probability": probability}
        for voice_id, character_id, probability in members
    ]
    insert_all(connection, voice_members, rows)


def append_events(
    connection: Connection, space_id: int, events: Sequence[Event], *, position: int, calibrated: int, at: float
) -> None:
    """Add to the history what became of voices, all at one time, in a linking at that position of the change log."""
    common = {"encoder_id": space_id, "at": at, "position": position, "calibrated": calibrated}
    rows = [
        {
            **common,
            "kind": event.kind,
            "voice_id": event.voice_id,
            "other_voice_id": event.other_voice_id,
            "character_id": event.character_id,
        }
        for event in events
    ]
    insert_all(connection, voice_events, rows)


def version_of(connection: Connection, space_id: int) -> int:
    """The `version` of a space's stored voices."""
    c = voice_events.c
    return connection.execute(select(func.max(c.id)).where(c.encoder_id == space_id)).scalar_one() or 0


def events_of(connection: Connection, space_id: int, *, limit: int) -> list[Event]:
    """The latest events of a space after those of its first linking, newest first.

    At least `limit` of them where there are as many: events of one time stay together.
    """
    c = voice_events.c
    later = (c.encoder_id == space_id, c.at != _first(space_id))
    last = connection.execute(select(c.at).where(*later).order_by(c.id.desc()).offset(limit - 1).limit(1)).scalar()
    query = select(c.kind, c.voice_id, c.other_voice_id, c.character_id, c.at).where(*later).order_by(c.id.desc())
    if last is not None:
        oldest = select(func.min(c.id)).where(c.encoder_id == space_id, c.at == last).scalar_subquery()
        query = query.where(c.id >= oldest)
    return [Event(*row) for row in connection.execute(query)]


def first_linking(connection: Connection, space_id: int) -> tuple[float, int] | None:
    """When a space's voices were first stored, and how many; None if they never were."""
    c = voice_events.c
    of_first = (c.encoder_id == space_id, c.kind == "new", c.at == _first(space_id))
    row = connection.execute(select(c.at, func.count()).where(*of_first).group_by(c.at)).first()
    return None if row is None else (row[0], row[1])


def end_of(connection: Connection, space_id: int, voice_id: int) -> Event | None:
    """How a voice of a space ended; None where it has not, or never was."""
    c = voice_events.c
    query = select(c.kind, c.voice_id, c.other_voice_id, c.character_id, c.at).where(
        c.encoder_id == space_id, c.voice_id == voice_id, c.kind.in_(("ended", "merged"))
    )
    row = connection.execute(query.order_by(c.id.desc()).limit(1)).first()
    return None if row is None else Event(*row)


def _first(space_id: int) -> ScalarSelect[float]:
    """When a space's voices were first stored. By the order of events: the clocks of several machines differ."""
    c = voice_events.c
    return select(c.at).where(c.encoder_id == space_id).order_by(c.id).limit(1).scalar_subquery()
