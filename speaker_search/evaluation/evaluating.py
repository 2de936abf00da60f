"""A catalog's search and cast measured against known voice actors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.cast.voices import Cast
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.entities import Floats
from speaker_search.errors import UsageError
from speaker_search.evaluation.metrics import (
    BCubed,
    CalibrationError,
    bcubed,
    calibration_error,
    equal_error_rate,
    mean_average_precision,
    precision_at_1,
)
from speaker_search.evaluation.truth import Truth
from speaker_search.search.live import Ready
from speaker_search.search.profiles import Profiles


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures over the catalog's characters whose voice actor is known; None when there is nothing to measure.

    A character whose clips were all refused counts too: no search finds it, and it is a group of its own.
    """

    encoder: str
    characters: int
    voice_actors: int
    precision_at_1: float | None  #: is the nearest character of any other game the same voice actor?
    map: float | None
    eer: float | None  #: of scores between characters of different games
    bcubed: BCubed
    calibration: CalibrationError | None  #: of probabilities for those pairs


def evaluate(catalog: Catalog, ready: Ready, cast: Cast, truth: Truth) -> Evaluation:
    """Compare every known character with every other of another game, and the cast's groups with the true ones.

    Raises UsageError when the truth knows none of the catalog's characters.
    """
    with catalog.read() as connection:
        everyone = people.list_characters(connection, None, limit=people.count_characters(connection))
    known = [character for character in everyone if truth.voice_actor(character) is not None]
    if not known:
        raise UsageError("The truth names none of the characters in the catalog.", "Is it for other games?")
    actors = np.unique([str(truth.voice_actor(character)) for character in known], return_inverse=True)[1]
    games = np.array([character.game.id for character in known], np.int64)
    groups = {character.id: voice.id for voice in cast.voices for character, _ in voice.members}
    # A character without a voice is a group of its own: a negative number, which no voice has.
    found = np.array([groups.get(character.id, -1 - place) for place, character in enumerate(known)], np.int64)
    scores = _scores(ready.profiles, [character.id for character in known])
    same = actors[:, None] == actors[None]
    across = games[:, None] != games[None]
    pairs = np.triu(across) & np.isfinite(scores)
    calibration = None
    if ready.profiles.pairs is not None and pairs.any():
        calibration = calibration_error(ready.profiles.pairs.probability(scores[pairs]), same[pairs])
    return Evaluation(
        ready.space.name,
        len(known),
        int(actors.max()) + 1,
        precision_at_1(scores, same, across),
        mean_average_precision(scores, same, across),
        equal_error_rate(scores[pairs & same], scores[pairs & ~same]),
        bcubed(found, actors),
        calibration,
    )


def _scores(profiles: Profiles, character_ids: list[int]) -> Floats:
    """Scores (n, n) between characters; minus infinity where one has no embedded clip."""
    rows = [profiles.row(id_) for id_ in character_ids]
    places = np.array([place for place, row in enumerate(rows) if row is not None], np.int64)
    present = np.array([row for row in rows if row is not None], np.int64)
    scores = np.full((len(rows), len(rows)), -np.inf, np.float32)
    if len(present):
        scores[np.ix_(places, places)] = profiles.pair_scores(present)[:, present]
    return scores
