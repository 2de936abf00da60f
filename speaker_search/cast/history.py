"""What became of the stored voices, with the names of their characters."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_voices import Event, end_of, events_of, first_linking, whole_linkings
from speaker_search.catalog.spaces import Space
from speaker_search.documents import NamedCharacter, VoiceChange, VoiceChanges
from speaker_search.entities import Character
from speaker_search.errors import NotFoundError

JOINING = {"new", "split", "joined"}


def changes(catalog: Catalog, space: Space, *, limit: int) -> VoiceChanges:
    """What became of the voices of a space, newest first; its first linking is one change."""
    with catalog.read() as connection:
        events = events_of(connection, space.id, limit=limit)
        first, whole = first_linking(connection, space.id), whole_linkings(connection, space.id)
        ids = {event.character_id for event in events if event.character_id is not None}
        named = people.characters_by_id(connection, None, ids)
    found = [
        change
        for at, together in groupby(events, key=lambda event: event.at)
        for change in _changes(at, [*together], named, whole=at in whole)
    ]
    if first is not None and len(events) < limit:
        found.append(VoiceChange(at=_time(first[0]), kind="first", voices=first[1]))
    return VoiceChanges(encoder=space.name, changes=found)


def gone(catalog: Catalog, space: Space, voice_id: int) -> NotFoundError:
    """The error for a voice that is not there, with what became of it."""
    with catalog.read() as connection:
        end = end_of(connection, space.id, voice_id)
    if end is None:
        return NotFoundError(f"There is no voice {voice_id}.", "See `spksearch cast`.")
    day = f"{_time(end.at):%Y-%m-%d}"
    if end.kind == "merged":
        return NotFoundError(f"Voice {voice_id} was merged into voice {end.other_voice_id} on {day}.")
    return NotFoundError(f"Voice {voice_id} ended on {day}.", "`spksearch cast --changes` says who was in it.")


def _changes(at: float, events: list[Event], named: dict[int, Character], *, whole: bool) -> list[VoiceChange]:
    """The changes of one linking. A voice that begins or ends has those characters that joined or left it then."""
    begun_or_ended = {event.voice_id: event for event in events if event.kind not in ("joined", "left")}
    moved: dict[tuple[int, str], list[Character]] = {}
    for event in sorted(events, key=lambda event: (event.voice_id, event.character_id or 0)):
        if event.character_id in named:
            moved.setdefault((event.voice_id, event.kind), []).append(named[event.character_id])
    found = [VoiceChange(at=_time(at), kind="relinked")] if whole else []
    for voice, event in sorted(begun_or_ended.items()):
        characters = moved.pop((voice, "joined" if event.kind in JOINING else "left"), [])
        found.append(_change(at, event.kind, voice, event.other_voice_id, characters))
    return found + [_change(at, kind, voice, None, characters) for (voice, kind), characters in moved.items()]


def _change(at: float, kind: str, voice: int, other: int | None, characters: list[Character]) -> VoiceChange:
    return VoiceChange(
        at=_time(at),
        kind=kind,
        voice=voice,
        other_voice=other,
        characters=[NamedCharacter.of(one) for one in characters],
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
