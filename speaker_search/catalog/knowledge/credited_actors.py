"""The known voice actors of characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from speaker_search.catalog.rows import among, chunks
from speaker_search.catalog.tables import actors, credits


@dataclass(frozen=True, slots=True)
class CreditedActor:
    """A person who is credited with a character."""

    id: int
    name: str


def credited_actors(connection: Connection, character_ids: Sequence[int]) -> dict[int, tuple[CreditedActor, ...]]:
    """The voice actors of these characters, by character, by name; without facts that are marked as spoilers."""
    found: dict[int, tuple[CreditedActor, ...]] = {}
    for some in chunks(character_ids):
        query = (
            select(credits.c.character_id, actors.c.id, actors.c.name)
            .join_from(credits, actors)
            .where(among(connection, credits.c.character_id, some), ~credits.c.spoiler)
            .order_by(credits.c.character_id, actors.c.name, actors.c.id)
        )
        for character_id, actor_id, name in connection.execute(query):
            found[character_id] = (*found.get(character_id, ()), CreditedActor(actor_id, name))
    return found
