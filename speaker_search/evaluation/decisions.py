"""How honest probabilities are where something is decided by them: likely pairs, memberships, and whole voices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.cast.voices import Cast
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import (
    Bools,
    Reliability,
    calibration_error,
    groups_are_right,
    members_are_right,
    reliability,
)

LIKELY = 0.1  # pairs below this probability are nearly all strangers, and would hide every error


@dataclass(frozen=True, slots=True)
class Judged:
    """Probabilities (m,) with their outcomes and the actors that they are about."""

    probabilities: Floats
    right: Bools
    actors: Ids

    @property
    def ece(self) -> float | None:
        return calibration_error(self.probabilities, self.right).ece if len(self.right) else None

    @property
    def table(self) -> tuple[Reliability, ...]:
        return reliability(self.probabilities, self.right)


NOTHING = Judged(np.empty(0, np.float32), np.empty(0, np.bool_), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Linked:
    """The cast's decisions about known characters (n)."""

    voices: Ids  # (n,) the voice of each; a negative number of its own for one without
    members: Judged
    wholes: Judged  #: voices: are all their known members one actor?
    members_right: Floats  # (n,) 1, 0, or nan where there is nothing to judge


def decisions(cast: Cast, known: Known) -> Linked:
    """Judge every voice that has two known members or more, and these members."""
    linked = {character.id: (voice.id, p) for voice in cast.voices for character, p in voice.members}
    # A character without a voice is a group of its own: a negative number, which no voice has.
    found = [linked.get(id_, (-1 - place, np.nan)) for place, id_ in enumerate(known.ids.tolist())]
    voices = np.array([voice for voice, _ in found], np.int64)
    probabilities = np.array([probability for _, probability in found], np.float32)
    right = members_are_right(voices, known.actors)
    judged = ~np.isnan(right)
    numbers, pure = groups_are_right(voices, known.actors)
    whole = {voice.id: voice.probability for voice in cast.voices}
    firsts = np.array([np.flatnonzero(voices == number)[0] for number in numbers], np.int64)
    return Linked(
        voices,
        Judged(probabilities[judged], right[judged] == 1, known.actors[judged]),
        Judged(np.array([whole[number] for number in numbers.tolist()], np.float32), pure, known.actors[firsts]),
        right.astype(np.float32),
    )


def likely_pairs(probabilities: Floats, same: Bools) -> Judged:
    """Those pairs (p,) whose probability is at least LIKELY; nothing is drawn from them, so they have no actors."""
    likely = probabilities >= LIKELY
    return Judged(probabilities[likely], same[likely], np.empty(0, np.int64))
