"""Voices named by credits, and through them the likely actors of characters that nobody is credited for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from speaker_search.cast.voices import Cast
from speaker_search.catalog.knowledge.kept_credits import Actor, Credit
from speaker_search.entities import Character, Voice

Credits = Mapping[int, Collection[Credit]]


@dataclass(frozen=True, slots=True)
class Likely:
    """A character without a credit, in a voice that credits name."""

    character: Character
    actor: Actor
    probability: float  #: that the character belongs to the voice
    voice: int
    credited: int  #: characters of the voice that the actor is credited for


def actor_of(voice: Voice, credits: Credits) -> tuple[Actor, int] | None:
    """The actor whom all credited characters of a voice have in common, and how many these are."""
    said = [{credit.actor.id for credit in credits[one.id]} for one, _ in voice.members if credits.get(one.id)]
    shared = set.intersection(*said) if said else set()
    if len(shared) != 1:
        return None
    known = {credit.actor.id: credit.actor for one, _ in voice.members for credit in credits.get(one.id, ())}
    return known[shared.pop()], len(said)


def named(cast: Cast, credits: Credits) -> Cast:
    """The same cast, its voices named after their actors where credits agree."""
    voices = []
    for voice in cast.voices:
        found = actor_of(voice, credits)
        voices.append(replace(voice, voice_actor=found[0].name) if found else voice)
    return replace(cast, voices=tuple(voices))


def likely_actors(cast: Cast, credits: Credits) -> Iterator[Likely]:
    """Who the uncredited characters of named voices are probably spoken by."""
    for voice in cast.voices:
        if found := actor_of(voice, credits):
            actor, count = found
            for character, probability in voice.members:
                if not credits.get(character.id):
                    yield Likely(character, actor, probability, voice.id, count)
