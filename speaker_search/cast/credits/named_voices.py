"""Voices named by credits, and through them the likely actors of characters that nobody is credited for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from speaker_search.cast.voices import Cast
from speaker_search.catalog.knowledge.kept_credits import Actor, Credit
from speaker_search.entities import Character, Sex, Voice

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
        voices.append(replace(voice, voice_actor=found[0].name, sex=found[0].sex) if found else voice)
    return replace(cast, voices=tuple(voices))


def sexes(voices: Iterable[Voice], credits: Credits) -> dict[int, Sex]:
    """The sex of who speaks each character, by id, as far as lists of credits say it: of the credited actors, else of
    the actor whom the other credits of its voice agree on. Credits that are spoilers count for nothing.
    """
    told = {id_: [one for one in said if not one.spoiler] for id_, said in credits.items()}
    found: dict[int, Sex | None] = {}
    for voice in voices:
        if actor := actor_of(voice, told):
            found.update({one.id: actor[0].sex for one, _ in voice.members})
    for id_, said in told.items():
        if said:
            own = {one.actor.sex for one in said}
            found[id_] = own.pop() if len(own) == 1 else None
    return {id_: sex for id_, sex in found.items() if sex is not None}


def likely_actors(cast: Cast, credits: Credits) -> Iterator[Likely]:
    """Who the uncredited characters of named voices are probably spoken by."""
    for voice in cast.voices:
        if found := actor_of(voice, credits):
            actor, count = found
            for character, probability in voice.members:
                if not credits.get(character.id):
                    yield Likely(character, actor, probability, voice.id, count)
