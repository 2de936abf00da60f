"""Which characters' clips sound most like which characters, of a game or of a whole space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.evaluation.mistaken import Mistaken, most_mistaken, nearest_characters
from speaker_search.search.live import Ready

MOST_COMPARED = 100_000  # clips, evenly chosen: with 7,400 characters they are compared in about 10 s on two cores
MOST_DRAWN = 40  # characters


@dataclass(frozen=True, eq=False, slots=True)
class ClipsMistaken:
    """The most confused characters, by id, and how many were compared."""

    found: Mistaken
    clips: int  #: that were compared
    of: int  #: how many there are
    characters: int  #: that they were compared with
    alone: int  #: of those found, characters with one clip


def clips_mistaken(ready: Ready, game: int | None) -> ClipsMistaken:
    """Compare the clips of a game with its characters, or those of a space with all of them.

    Characters whose clips are all repeats of another game's take no part: they would be mistaken for themselves.
    """
    index, profiles, held = ready.snapshot.clips, ready.profiles, ready.snapshot.characters
    among = np.isin(held.ids, profiles.character_ids[~profiles.echoes])
    if game is not None:
        among &= held.games == game
    ids, sums, counts = held.ids[among], held.sums[among], held.counts[among]
    clips = index.evenly(MOST_COMPARED) if game is None else index.of_game(game)
    clips = clips.take(np.isin(clips.characters, ids))
    own = np.searchsorted(ids, clips.characters)
    nearest = nearest_characters(clips.vectors.astype(np.float32), own, sums, profiles.whitened)
    found = most_mistaken(own, nearest, MOST_DRAWN)
    shown, alone = Mistaken(ids[found.characters], found.clips, found.nearest), counts[found.characters] == 1
    return ClipsMistaken(shown, len(clips), int(counts.sum()), len(ids), int(alone.sum()))
