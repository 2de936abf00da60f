"""How many clips of each character a space holds, on both databases."""

from __future__ import annotations

import numpy as np
from search.filling import enqueue, fill, some_voices, units
from sqlalchemy import select
from standin import DIM, StandInEncoder

from speaker_search.catalog import tables
from speaker_search.catalog.clips import held_by_character
from speaker_search.catalog.outcomes import Outcome, store
from speaker_search.entities import Refusal
from speaker_search.library import Library
from speaker_search.settings import Settings


def test_clips_are_counted_by_character_and_by_what_became_of_them(settings: Settings) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=2, characters=2, clips=3))
        enqueue(library, {"new/game": {"p": units(np.random.default_rng(9).standard_normal((3, DIM)))}})
        with library.catalog.read() as connection:
            pending = connection.execute(select(tables.queue.c.clip_id)).scalars().all()
        space = library.space
        store(library.catalog, space.id, [Outcome(pending[0], refusal=Refusal.SILENT)])
        with library.catalog.read() as connection:
            held = held_by_character(connection, space)
        named = {one.id: one.name for one in library.characters().characters}
    counts = [
        (one.game_id, named.get(one.character_id or 0, ""), one.embedded, one.pending, one.refused, one.seconds)
        for one in held
    ]
    assert [count[2:] for count in sorted(counts)] == [(2, 0, 0, 6.0), (3, 0, 0, 9.0), (3, 0, 0, 9.0)] * 2 + [
        (0, 2, 1, 0.0)
    ]
    assert max(counts)[1] == "p"
