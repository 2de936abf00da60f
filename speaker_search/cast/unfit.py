"""Characters that are never linked by their scores, because their clips say too little about one voice."""

from __future__ import annotations

from typing import Literal

import numpy as np

from speaker_search.search.profiles.profiles import Profiles
from speaker_search.views.characters import Characters

Reason = Literal["repeats", "too_little_speech", "inconsistent", "unlike_others"]

#: Below this a mean says little: over eight catalogs of real voices B-cubed F1 rises from 0.900 to 0.901 without these
#: characters, and from 2 s on it falls.
LEAST_SPEECH_S = 0.65
#: A character's consistency is the mean cosine of two of its clips. With eight clips it tells one actor from two who
#: share a name in 94 to 99 of 100 cases; with the two to four clips of small catalogs it tells nothing.
JUDGED_CLIPS = 8
JUDGED_CHARACTERS = 20  # that have as many clips: fewer do not show what is usual
#: Robust standard deviations below the median. None of 70 draws of one actor, acting in several styles, lies that low,
#: and up to two thirds of those of two actors do.
UNUSUAL = 3.0
MAD_TO_DEVIATION = 1.4826  # of a normal distribution


def unfit(profiles: Profiles, characters: Characters) -> dict[int, Reason]:
    """Why characters are not to be linked, by row. `characters` are those of the profiles' snapshot.

    repeats: another game has the audio of all their lines; too_little_speech: less than LEAST_SPEECH_S;
    inconsistent: their clips are so unlike that several people, or much else, may be heard in them; unlike_others:
    their game is far from all others (see scoring.NEAR).
    """
    own, echoes = profiles.repeats.left_out(characters)
    counts = own.counts.astype(np.float64)
    found: dict[int, Reason] = {}
    judged = np.flatnonzero(counts >= JUDGED_CLIPS)
    counted = profiles.counted[judged]
    if counted.sum() >= JUDGED_CHARACTERS:
        squares, n = np.square(own.sums[judged]).sum(axis=1), counts[judged]
        cosines = (squares - n) / (n * (n - 1))
        usual = float(np.median(cosines[counted]))
        deviation = MAD_TO_DEVIATION * float(np.median(np.abs(cosines[counted] - usual)))
        found.update((row, "inconsistent") for row in judged[cosines < usual - UNUSUAL * deviation].tolist())
    found.update((row, "unlike_others") for row in np.flatnonzero(profiles.far).tolist())
    little = own.milliseconds < LEAST_SPEECH_S * 1_000
    found.update((row, "too_little_speech") for row in np.flatnonzero(little).tolist())
    found.update((row, "repeats") for row in np.flatnonzero(echoes).tolist())
    return found
