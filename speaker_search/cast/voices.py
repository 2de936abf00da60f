"""The recurring voices of a catalog: characters of different games believed to be one person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speaker_search.cast.linking import MOST_PAIRS, bonus, link
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.entities import Character, Floats, Ids, Voice, fold
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.search.calibration import Calibration, logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles import Profiles


@dataclass(frozen=True, slots=True)
class Cast:
    """Every character with embedded clips, in exactly one of the two lists."""

    encoder: str
    voices: tuple[Voice, ...]  #: of at least two characters each
    unlinked: tuple[Character, ...]
    warnings: tuple[str, ...]


def find_voices(catalog: Catalog, ready: Ready, *, min_probability: float = DEFAULT_PROBABILITY) -> Cast:
    """Link characters across games, never two of one game, while the probability of one voice is high enough.

    The threshold comes from the catalog's own scores (search.calibration). With too few scores to calibrate on, no
    characters are linked and a warning says so.
    """
    if not 0 < min_probability < 1:
        raise UsageError(f"The minimum probability must be between 0 and 1, not {min_probability:g}.")
    profiles = ready.profiles
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, profiles.character_ids.tolist())
    everyone = [
        replace(named[id_], clips=clips)
        for id_, clips in zip(profiles.character_ids.tolist(), profiles.clips.tolist(), strict=True)
    ]
    if profiles.pairs is None:
        warning = "No voices: the catalog holds too few characters or games to calibrate scores on."
        return Cast(ready.space.name, (), tuple(everyone), (warning,))
    voices, linked = [], set()
    for number, (rows, likely) in enumerate(_groups(profiles, profiles.pairs, min_probability), start=1):
        members = tuple((everyone[row], float(p)) for row, p in zip(rows, likely, strict=True))
        voices.append(Voice(number, float(np.mean(likely)), members))
        linked.update(rows.tolist())
    unlinked = tuple(character for row, character in enumerate(everyone) if row not in linked)
    return Cast(ready.space.name, tuple(voices), unlinked, ())


def partition(profiles: Profiles, least_log_odds: float) -> Ids:
    """Labels (C,) of the characters' groups when every merge needs these log-odds. Uncalibrated, nobody is linked."""
    if profiles.pairs is None:
        return np.arange(len(profiles))
    floor = profiles.pairs.score_at(least_log_odds - float(bonus(MOST_PAIRS)))
    return link(profiles.as_pairs, profiles.game_ids, profiles.pairs.log_odds, floor, least_log_odds)


def _groups(profiles: Profiles, calibration: Calibration, least: float) -> list[tuple[Ids, list[float]]]:
    """Rows of each group of two or more, and each row's probability to belong, from its mean score to the others."""
    labels = partition(profiles, float(np.log(least / (1 - least))))
    order = np.argsort(labels, kind="stable")
    groups = []
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(rows) > 1:
            among = profiles.pair_scores(rows)[:, rows]
            to_others = (among.sum(axis=1) - among.diagonal()) / (len(rows) - 1)
            groups.append((rows, membership(calibration, to_others, len(rows)).tolist()))
    return groups


def membership(calibration: Calibration, scores: Floats, size: int) -> Floats:
    """The probability that each of a group's characters belongs to it, from its mean score to the others (n,)."""
    return logistic(calibration.log_odds(scores) + bonus(size - 1))


def of_game(cast: Cast, title: str) -> Cast:
    """One game's part of a cast: its voices and unlinked characters. Raises NotFoundError."""
    wanted = fold(title)

    def there(character: Character) -> bool:
        return fold(character.game.title) == wanted

    voices = tuple(voice for voice in cast.voices if any(there(character) for character, _ in voice.members))
    unlinked = tuple(character for character in cast.unlinked if there(character))
    if not voices and not unlinked:
        everyone = [*cast.unlinked, *(character for voice in cast.voices for character, _ in voice.members)]
        titles = [character.game.title for character in everyone]
        raise NotFoundError(f"There is no game {title} with embedded clips.", people.near(title, titles))
    return Cast(cast.encoder, voices, unlinked, cast.warnings)
