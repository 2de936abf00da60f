"""The clips that several spaces hold, as each of them has heard these: nothing else enters a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from speaker_search.catalog import duplicates
from speaker_search.catalog.database import Catalog
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.spaces.clip_measures import OfGame
from speaker_search.evaluation.spaces.half_voices import HalvesCompared, halves_compared
from speaker_search.search.live import Ready
from speaker_search.search.profiles.build import build_profiles
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.snapshot import Snapshot


def shared_clips(some: Sequence[Ready]) -> Ids:
    """The clips (n,) that all of these spaces hold, by id."""
    return reduce(np.intersect1d, [ready.snapshot.clips.ids for ready in some])


def restricted(catalog: Catalog, ready: Ready, shared: Ids) -> Ready:
    """A space as it would be with these clips alone; itself where it holds no others."""
    others = np.setdiff1d(ready.snapshot.clips.ids, shared)
    if not len(others):
        return ready
    snapshot = ready.snapshot.without(others)
    with catalog.read() as connection:
        repeated = duplicates.repeated(connection, ready.space)
    return Ready(ready.space, snapshot, build_profiles(snapshot, repeated), ready.pending)


def by_game(snapshot: Snapshot, wordless: Ids) -> Iterator[OfGame]:
    """The clips of known characters, game by game; `wordless` are those whose text says that they are no speech."""
    for game in snapshot.clips.games.tolist():
        clips = _named(snapshot, game)
        if len(clips):
            vectors = np.asarray(clips.vectors, np.float32)
            yield OfGame(game, vectors, clips.characters, np.isin(clips.ids, wordless))


def halves(snapshot: Snapshot) -> HalvesCompared:
    """Compare every character's clips of odd and of even place, by id, where it has two or more."""
    first: list[Floats] = []
    second: list[Floats] = []
    for game in snapshot.clips.games.tolist():
        clips = _named(snapshot, game)
        for character in np.unique(clips.characters).tolist():
            rows = np.flatnonzero(clips.characters == character)
            if len(rows) > 1:
                vectors = np.asarray(clips.vectors[rows[np.argsort(clips.ids[rows])]], np.float32)
                first.append(vectors[::2].sum(axis=0))
                second.append(vectors[1::2].sum(axis=0))
    none = np.empty((0, snapshot.clips.dim), np.float32)
    return halves_compared(np.array(first) if first else none, np.array(second) if second else none)


def _named(snapshot: Snapshot, game: int) -> Columns:
    return snapshot.clips.of_game(game).named()
