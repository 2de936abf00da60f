"""The pair of lines to hear when one asks whether two characters are one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.search.live import Ready
from speaker_search.views.clip_index.columns import Columns

MOST_COMPARED = 300  # clips of each character, evenly chosen
EASY_TO_JUDGE_S = (1.5, 12.0)  # shorter lines say little, longer ones take time to hear


@dataclass(frozen=True, slots=True)
class Lines:
    """A clip of each of two characters, by id, and their cosine."""

    one: int
    other: int
    cosine: float


def closest(ready: Ready, one: int, other: int) -> Lines | None:
    """The nearest pair of clips of two characters, given by their rows among the profiles; None if one has no clip.

    Clips that are easy to judge by ear are preferred: others are used only for a character that has no such clip.
    """
    profiles, rows = ready.profiles, [one, other]
    clips = ready.snapshot.clips
    held = list(clips.of_characters(profiles.game_ids[rows], profiles.character_ids[rows], MOST_COMPARED))
    if len(held) < 2 or not all(len(clips) for clips in held):
        return None
    left, right = map(easy, held)
    cosines = left.vectors.astype(np.float32) @ right.vectors.astype(np.float32).T
    row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return Lines(int(left.ids[row]), int(right.ids[column]), float(cosines[row, column]))


def easy(clips: Columns) -> Columns:
    """Those that are easy to judge by ear; all where none is."""
    rows = np.flatnonzero((clips.seconds >= EASY_TO_JUDGE_S[0]) & (clips.seconds <= EASY_TO_JUDGE_S[1]))
    return clips.take(rows) if len(rows) else clips
