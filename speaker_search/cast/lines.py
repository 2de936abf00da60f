"""The pair of lines to hear when one asks whether two characters are one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Ids
from speaker_search.views.clip_index.clip_index import ClipIndex
from speaker_search.views.clip_index.columns import Columns

MOST_COMPARED = 300  # clips of each character, evenly chosen
EASY_TO_JUDGE_S = (1.5, 12.0)  # shorter lines say little, longer ones take time to hear


@dataclass(frozen=True, slots=True)
class Lines:
    """A clip of each of two characters, by id, and their cosine."""

    one: int
    other: int
    cosine: float


def closest(index: ClipIndex, games: Ids, characters: Ids) -> Lines | None:
    """The nearest pair of clips of two characters (2,) in games (2,); None when one of them has no clip.

    Clips that are easy to judge by ear come first: others are used only where a character has none of those.
    """
    held = list(index.of_characters(games, characters, MOST_COMPARED))
    if len(held) < 2 or not all(len(clips) for clips in held):
        return None
    one, other = (_easy(clips) for clips in held)
    cosines = one.vectors.astype(np.float32) @ other.vectors.astype(np.float32).T
    row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return Lines(int(one.ids[row]), int(other.ids[column]), float(cosines[row, column]))


def _easy(clips: Columns) -> Columns:
    rows = np.flatnonzero((clips.seconds >= EASY_TO_JUDGE_S[0]) & (clips.seconds <= EASY_TO_JUDGE_S[1]))
    return clips.take(rows) if len(rows) else clips
