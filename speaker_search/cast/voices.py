"""The recurring voices of a catalog: characters of different games believed to be one person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from speaker_search import documents
from speaker_search.cast.linking import MOST_PAIRS, bonus, link
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.frames import WithDocument
from speaker_search.entities import Character, Floats, Ids, Voice, fold
from speaker_search.search.calibration import Calibration, least_log_odds, logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.profiles import Profiles

NAMED = 3  # characters in a warning


@dataclass(frozen=True, slots=True, repr=False)
class Cast(WithDocument):
    """Every character with embedded clips, in exactly one of the two lists."""

    encoder: str
    voices: tuple[Voice, ...]  #: of at least two characters each
    unlinked: tuple[Character, ...]
    warnings: tuple[str, ...]

    columns: ClassVar[tuple[str, ...]] = documents.Cast.columns

    def document(self) -> documents.Cast:
        return documents.Cast.of_voices(self.voices, self.unlinked, encoder=self.encoder, warnings=self.warnings)


def find_voices(catalog: Catalog, ready: Ready, *, min_probability: float = DEFAULT_PROBABILITY) -> Cast:
    """Link characters across games, never two of one game, while the probability of one voice is high enough.

    The threshold comes from the catalog's own scores (search.calibration). With too few scores to calibrate on, no
    characters are linked and a warning says so.
    """
    least = least_log_odds(min_probability)
    profiles = ready.profiles
    warnings = ready.warnings(calibrated=profiles.pairs is not None)
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, profiles.character_ids.tolist())
    everyone = [
        replace(named[id_], clips=clips)
        for id_, clips in zip(profiles.character_ids.tolist(), profiles.clips.tolist(), strict=True)
    ]
    if profiles.pairs is None:
        warning = "No voices: the catalog holds too few characters or games to calibrate scores on."
        return Cast(ready.space.name, (), tuple(everyone), (warning, *warnings))
    voices, linked = [], set()
    for number, (rows, likely) in enumerate(_groups(profiles, profiles.pairs, least), start=1):
        members = tuple((everyone[row], float(p)) for row, p in zip(rows, likely, strict=True))
        voices.append(Voice(number, float(np.mean(likely)), members))
        linked.update(rows.tolist())
    unlinked = tuple(character for row, character in enumerate(everyone) if row not in linked)
    echoes = [everyone[row].address for row in np.flatnonzero(profiles.echoes).tolist()]
    return Cast(ready.space.name, tuple(voices), unlinked, (*warnings, *_not_linked(echoes)))


def _not_linked(echoes: list[str]) -> tuple[str, ...]:
    if not echoes:
        return ()
    named = ", ".join(echoes[:NAMED]) + (", …" if len(echoes) > NAMED else "")
    return (f"Not linked, because another game has the audio of all their lines ({len(echoes):,}): {named}.",)


def partition(profiles: Profiles, least_log_odds: float) -> Ids:
    """Labels (C,) of the characters' groups when every merge needs these log-odds. Uncalibrated, nobody is linked."""
    if profiles.pairs is None:
        return np.arange(len(profiles))
    floor = profiles.pairs.score_at(least_log_odds - float(bonus(MOST_PAIRS)))
    labels = np.arange(len(profiles))
    rows = labels[~profiles.echoes]
    among = profiles.as_pairs.of(rows)
    labels[rows] = rows[link(among, profiles.game_ids[rows], profiles.pairs.log_odds, floor, least_log_odds)]
    return labels


def _groups(profiles: Profiles, calibration: Calibration, least: float) -> list[tuple[Ids, list[float]]]:
    """Rows of each group of two or more, and each row's probability to belong, from its mean score to the others."""
    labels = partition(profiles, least)
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
        raise people.not_found("game", title, titles, which=" with embedded clips")
    return Cast(cast.encoder, voices, unlinked, cast.warnings)
