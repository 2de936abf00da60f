"""The recurring voices of a catalog: characters of different games believed to be one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from speaker_search import documents
from speaker_search.cast.constraints import Constraints, none
from speaker_search.cast.given import given
from speaker_search.cast.linking import DOUBLED, NOTHING_GIVEN, Given, Start, link, partners_of
from speaker_search.cast.relinking import Held, members_of
from speaker_search.cast.unfit import Reason, unfit
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.frames import WithDocument
from speaker_search.entities import Caution, Character, Floats, Ids, Voice, fold
from speaker_search.errors import NotFoundError
from speaker_search.search.calibration import MOST_PAIRS, Calibration, least_log_odds, logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import normalised

NAMED = 3  # characters in a warning


@dataclass(frozen=True, slots=True, repr=False)
class Cast(WithDocument):
    """Every character with embedded clips, in exactly one of the two lists."""

    encoder: str
    voices: tuple[Voice, ...]  #: of at least two characters each
    unlinked: tuple[Character, ...]
    warnings: tuple[Caution, ...]
    reasons: Mapping[int, Reason] = field(default_factory=dict)  #: why unlinked characters were left out, by id

    columns: ClassVar[tuple[str, ...]] = documents.Cast.columns

    def document(self) -> documents.Cast:
        return documents.Cast.of_voices(
            self.voices, self.unlinked, encoder=self.encoder, warnings=self.warnings, reasons=self.reasons
        )


def find_voices(
    catalog: Catalog,
    ready: Ready,
    *,
    min_probability: float = DEFAULT_PROBABILITY,
    constraints: Constraints | None = None,
    held: Held | None = None,
) -> Cast:
    """Link characters while the probability of one voice is high enough; `constraints` hold whatever the voices say.
    Voices that are `held` stay as they are, but for characters that are linked anew.

    The threshold comes from the catalog's own scores (search.calibration). With too few scores to calibrate on, only
    characters that constraints bind are linked, and a warning says so. Voices are numbered from 1 on.
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
    out = unfit(profiles, ready.snapshot.characters)
    linkable = np.setdiff1d(np.arange(len(profiles)), np.array([*out], np.int64))
    if held is not None:
        linkable = np.union1d(linkable, _rows(profiles, held.voice_of))
    rows, known = given(constraints or none(), everyone, linkable, profiles.pairs)
    start = None if held is None else _start(held, profiles.character_ids[rows], known)
    labels = np.arange(len(profiles))
    labels[rows] = rows[_linked(profiles, rows, least, known, start)]
    settled = {} if held is None else _settled(profiles, labels, held)
    found = _groups(profiles, labels, rows, known, settled)
    voices = [
        Voice(number, min(likely), tuple((everyone[row], p) for row, p in zip(own, likely, strict=True)))
        for number, (own, likely) in enumerate(found, start=1)
    ]
    linked = {row for own, _ in found for row in own}
    unlinked = tuple(character for row, character in enumerate(everyone) if row not in linked)
    reasons = {everyone[row].id: reason for row, reason in out.items() if row not in linked}
    echoes = [everyone[row].address for row, reason in sorted(out.items()) if reason == "repeats" and row not in linked]
    if profiles.pairs is None:
        too_few = Caution("No voices: the catalog holds too few characters or games to calibrate scores on.")
        warnings = (too_few, *warnings)
    return Cast(ready.space.name, tuple(voices), unlinked, (*warnings, *_not_linked(echoes)), reasons)


def _rows(profiles: Profiles, ids: Iterable[int]) -> Ids:
    """The rows of those of the characters that are there, ascending."""
    return np.flatnonzero(np.isin(profiles.character_ids, np.fromiter(ids, np.int64)))


def _start(held: Held, ids: Ids, known: Given) -> Start:
    """The groups that characters (n,), by id, are in to begin with. Voices with two who are apart do not stay."""
    apart, actors = known.apart, known.actors
    first: dict[int, int] = {}
    voices = [held.voice_of.get(id_) for id_ in ids.tolist()]
    labels = np.array(
        [place if voice is None else first.setdefault(voice, place) for place, voice in enumerate(voices)], np.int64
    )
    broken = labels[apart[labels[apart[:, 0]] == labels[apart[:, 1]], 0]]
    spoken, several = np.unique(
        np.unique(np.stack([labels[actors[:, 0]], actors[:, 1]]), axis=1)[0], return_counts=True
    )
    broken = np.union1d(broken, spoken[several > 1])
    anew = np.isin(ids, np.fromiter(held.anew, np.int64)) | np.isin(labels, broken)
    return Start(np.where(anew, np.arange(len(ids)), labels), anew)


def _settled(profiles: Profiles, labels: Ids, held: Held) -> dict[int, float]:
    """The stored probabilities, by row, of voices that nobody has joined or left."""
    label_of = dict(zip(profiles.character_ids.tolist(), labels.tolist(), strict=True))
    row_of = {id_: row for row, id_ in enumerate(label_of)}
    sizes = Counter(labels.tolist())
    found: dict[int, float] = {}
    for who in members_of(held.voice_of).values():
        now = {label_of.get(id_) for id_ in who}
        if len(now) == 1 and sizes[now.pop()] == len(who) and who <= held.likely.keys():
            found.update((row_of[id_], held.likely[id_]) for id_ in who)
    return found


def _not_linked(echoes: list[str]) -> tuple[Caution, ...]:
    if not echoes:
        return ()
    named = ", ".join(echoes[:NAMED]) + (", …" if len(echoes) > NAMED else "")
    return (Caution(f"Not linked, because another game has the audio of all their lines ({len(echoes):,}): {named}."),)


def partition(profiles: Profiles, least_log_odds: float) -> Ids:
    """Labels (C,) of the characters' groups when every merge needs these log-odds, by nothing but their voices.

    Uncalibrated, nobody is linked.
    """
    labels = np.arange(len(profiles))
    rows = labels[profiles.counted]
    labels[rows] = rows[_linked(profiles, rows, least_log_odds, NOTHING_GIVEN)]
    return labels


def _linked(profiles: Profiles, rows: Ids, least: float, known: Given, start: Start | None = None) -> Ids:
    """Labels (n,) of these rows, in places among them. Without a calibration only what is known links anybody."""
    among, games = profiles.as_pairs.of(rows), profiles.game_ids[rows]
    calibration = profiles.pairs
    if calibration is None:
        nothing = (lambda scores: np.full(scores.shape, -np.inf)), np.zeros_like
        return link(among, games, *nothing, (np.inf, np.inf), 0.0, known, start)
    floors = calibration.score_at(least - float(calibration.bonus(MOST_PAIRS))), calibration.score_at(least + DOUBLED)
    return link(among, games, calibration.log_odds, calibration.bonus, floors, least, known, start)


def _groups(
    profiles: Profiles, labels: Ids, linked: Ids, known: Given, settled: Mapping[int, float]
) -> list[tuple[list[int], list[float]]]:
    """Rows of each group of two or more, and each row's probability to belong, from its mean score to the others.
    If all rows of a group are `settled`, they keep the probabilities given there.

    Rows that are known to be one voice belong for certain where they are half of the group or more. Otherwise they
    belong as the likeliest of them does.
    """
    bound = _bound(linked, known.together)
    namesakes = partners_of(linked[known.namesakes])
    order = np.argsort(labels, kind="stable")
    groups = []
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(rows) < 2:
            continue
        own = rows.tolist()
        if all(row in settled for row in own):
            likely = np.array([settled[row] for row in own])
        elif profiles.pairs is None:
            likely = np.ones(len(own))
        else:
            own_sound = profiles.as_pairs.of(rows)
            among = normalised(own_sound.vectors @ own_sound.vectors.T, own_sound.cohorts, own_sound.cohorts)
            to_others = (among.sum(axis=1) - among.diagonal()) / (len(rows) - 1)
            alike = [0.0 if namesakes.get(row, set()).isdisjoint(own) else known.alike for row in own]
            likely = np.asarray(membership(profiles.pairs, to_others, len(rows), alike), np.float64)
            parts = np.array([bound.get(row, -1 - row) for row in own])
            for part in np.unique(parts[parts >= 0]).tolist():
                inside = parts == part
                likely[inside] = 1.0 if 2 * inside.sum() >= len(own) else likely[inside].max()
        groups.append((own, likely.tolist()))
    return groups


def _bound(linked: Ids, together: Ids) -> dict[int, int]:
    """The lowest row that each row is known to be one voice with, of rows that are known to be one with any."""
    found: dict[int, int] = {}
    for one, other in linked[together].tolist():
        found[one] = one  # every pair starts with the first of its group
        found[other] = one
    return found


def membership(calibration: Calibration, scores: Floats, size: int, alike: Sequence[float] = (0.0,)) -> Floats:
    """The probability that each of a group's characters belongs to it, from its mean score to the others (n,).

    `alike` (n,) is what a namesake in the group adds. Where voices were linked in catalogs of known actors, memberships
    of 0.9 to 1.0 were right 97 times in 100.
    """
    return logistic(calibration.log_odds(scores) + np.maximum(calibration.bonus(size - 1), np.asarray(alike)))


def of_game(cast: Cast, game: str | int) -> Cast:
    """One game's part of a cast, by title or id: its voices and unlinked characters. Raises NotFoundError."""
    there = in_game(game)
    voices = tuple(voice for voice in cast.voices if any(there(character) for character, _ in voice.members))
    unlinked = tuple(character for character in cast.unlinked if there(character))
    if voices or unlinked:
        return replace(cast, voices=voices, unlinked=unlinked)
    if isinstance(game, int):
        raise NotFoundError(f"There is no game {game} with embedded clips.", people.LIST)
    everyone = [*cast.unlinked, *(character for voice in cast.voices for character, _ in voice.members)]
    titles = [character.game.title for character in everyone]
    raise people.not_found("game", game, titles, which=" with embedded clips")


def in_game(game: str | int) -> Callable[[Character], bool]:
    """Whether a character is of the games with this title, or of the game with this id."""
    if isinstance(game, int):
        return lambda character: character.game.id == game
    wanted = fold(game)
    return lambda character: fold(character.game.title) == wanted
