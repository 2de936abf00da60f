"""The voices of a space as they were last stored, and what has become of them since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, ScalarSelect, delete, func, insert, select, text, update

from speaker_search.catalog.knowledge.seen import Seen
from speaker_search.catalog.rows import chunks, insert_all
from speaker_search.catalog.tables import linkings, voice_events, voice_members, voices

#: new, split (from `other`): a voice begins. ended, merged (into `other`): it is gone, and its id comes back only with
#: all that it was linked from. joined, left: a character. A new voice's characters have joined it, and those of one
#: that ended have left it.
EventKind = Literal["new", "ended", "merged", "split", "joined", "left"]


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a voice."""

    kind: EventKind
    voice_id: int
    other_voice_id: int | None = None
    character_id: int | None = None
    at: float = 0.0  #: seconds since 1970


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """The stored voices of a space, and the linking they were found in."""

    voice_of: Mapping[int, int]  #: by character id
    likely: Mapping[int, float]  #: the probability that a character belongs to its voice, by id
    version: int  #: the id of the linking: another one means that another state was stored
    position: int  #: of the change log, that was linked
    at: float  #: when it was linked, in seconds since 1970
    whole: bool  #: whether all characters were linked anew, with scores calibrated on exactly the clips there were
    seen: Seen | None  #: what it knew of each character; None before the first linking
    last_id: int  #: no voice of any space has had a higher id


def read_kept(connection: Connection, space_id: int) -> Kept:
    """The stored voices of a space; none before the first are stored."""
    c, m = linkings.c, voice_members.c
    query = select(m.character_id, m.voice_id, m.probability).where(m.encoder_id == space_id)
    members = connection.execute(query).all()
    latest = select(c.id, c.position, c.at, c.whole, c.seen).where(c.encoder_id == space_id)
    latest = latest.order_by(c.id.desc()).limit(1)
    version, position, at, whole, seen = connection.execute(latest).first() or (0, 0, 0.0, True, None)
    highest = connection.execute(select(func.max(voice_events.c.voice_id))).scalar_one() or 0
    return Kept(
        {row[0]: row[1] for row in members},
        {row[0]: row[2] for row in members},
        version,
        position,
        at,
        whole,
        Seen.of_bytes(seen),
        highest,
    )


def voices_when(connection: Connection, space_id: int, digest: str, now: Mapping[int, int]) -> dict[int, int] | None:
    """The voice of each character at the last linking with this digest of what it knew; None if there was none.

    `now` are the stored voices. Their changes since then are undone, the latest first.
    """
    c, e = linkings.c, voice_events.c
    query = select(c.last_event_id).where(c.encoder_id == space_id, c.digest == digest).order_by(c.id.desc()).limit(1)
    last = connection.execute(query).scalar()
    if last is None:
        return None
    since = select(e.kind, e.voice_id, e.character_id).where(e.encoder_id == space_id, e.id > last)
    found = dict(now)
    for kind, voice_id, character_id in connection.execute(since.order_by(e.id.desc())):
        if kind == "left":
            found[character_id] = voice_id
        elif kind == "joined":
            found.pop(character_id, None)
    return found


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
    connection: Connection,
    space_id: int,
    likely: Mapping[int, float],
    members: Iterable[tuple[int, int, float]],
    at: float,
) -> None:
    """Store the voices that there are now with their probabilities, and their members: voice, character, probability.

    Other voices of the space are deleted.
    """
    v, m = voices.c, voice_members.c
    connection.execute(delete(voice_members).where(m.encoder_id == space_id))
    held = connection.execute(select(v.id, v.probability).where(v.encoder_id == space_id))
    stored = {row[0]: row[1] for row in held}
    for some in chunks(sorted(stored.keys() - likely.keys())):
        connection.execute(delete(voices).where(v.id.in_(some)))
    again = sorted(likely.keys() - stored.keys())  # voices that had ended
    insert_all(
        connection,
        voices,
        [{"id": id_, "encoder_id": space_id, "probability": likely[id_], "since": at} for id_ in again],
    )
    for voice_id, probability in likely.items():
        if stored.get(voice_id, probability) != probability:
            connection.execute(update(voices).where(v.id == voice_id).values(probability=probability))
    rows = [
        {"encoder_id": space_id, "character_id": character_id, "voice_id": voice_id, "probability": probability}
        for voice_id, character_id, probability in members
    ]
    insert_all(connection, voice_members, rows)


def append_linking(
    connection: Connection, space_id: int, events: Sequence[Event], seen: Seen, *, position: int, whole: bool, at: float
) -> None:
    """Add to the history what became of voices, and what the linking at that position of the change log had seen."""
    rows = [
        {
            "encoder_id": space_id,
            "at": at,
            "kind": event.kind,
            "voice_id": event.voice_id,
            "other_voice_id": event.other_voice_id,
            "character_id": event.character_id,
        }
        for event in events
    ]
    insert_all(connection, voice_events, rows)
    e, c = voice_events.c, linkings.c
    last = connection.execute(select(func.max(e.id)).where(e.encoder_id == space_id)).scalar_one() or 0
    connection.execute(update(linkings).where(c.encoder_id == space_id, c.seen.is_not(None)).values(seen=None))
    connection.execute(
        insert(linkings).values(
            encoder_id=space_id,
            at=at,
            position=position,
            whole=whole,
            digest=seen.digest,
            last_event_id=last,
            seen=seen.to_bytes(),
        )
    )


def latest_linking(connection: Connection, space_id: int) -> tuple[int, float, bool]:
    """The `version` of a space's stored voices, when they were linked, and whether that was `whole` (see Kept)."""
    c = linkings.c
    query = select(c.id, c.at, c.whole).where(c.encoder_id == space_id).order_by(c.id.desc()).limit(1)
    version, at, whole = connection.execute(query).first() or (0, 0.0, True)
    return version, at, whole


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


def whole_linkings(connection: Connection, space_id: int) -> set[float]:
    """When all characters of a space were linked anew."""
    c = linkings.c
    return set(connection.execute(select(c.at).where(c.encoder_id == space_id, c.whole)).scalars())


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
