"""A game's cast sheet: each character with its likeliest voices, its other roles, and the lines to hear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from speaker_search import documents
from speaker_search.cast.lines import Lines, closest
from speaker_search.cast.voices import Cast, in_game, of_game
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_credits import Credit, credits_of
from speaker_search.entities import Character, Clip, Floats, Ids
from speaker_search.search.calibration import logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.profiles import Profiles

LIKELIEST = 3  # voices that are listed for each character
NAMED = 4  # characters of another voice that are listed

Credits = Mapping[int, tuple[Credit, ...]]


@dataclass(frozen=True, slots=True)
class _Grouped:
    """The characters (C) of the profiles by group: a voice, or one character alone."""

    groups: Ids  # (C,) below the number of voices a voice's place, from there on single characters
    likely: Floats  # (C,) that each belongs to its voice; nan without one
    voices: tuple[int, ...]  #: their ids

    def probability(self, row: int) -> float | None:
        likely = float(self.likely[row])
        return None if np.isnan(likely) else likely

    def voice(self, row: int) -> int | None:
        group = int(self.groups[row])
        return self.voices[group] if group < len(self.voices) else None


#: The characters that a sheet names, by their rows in the profiles.
_Named = Mapping[int, Character]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the scores say of one character."""

    row: int
    groups: list[int]  #: the likeliest ones, its own voice first
    probabilities: list[float]
    nearest: list[Ids]  #: the rows of each group in other games, the nearest first


def sheet(catalog: Catalog, ready: Ready, cast: Cast, game: str | int) -> documents.CastSheet:
    """The cast sheet of the games with this title, or of the game with this id, from the whole catalog's cast.

    Raises NotFoundError.
    """
    document, profiles, there = of_game(cast, game).document(), ready.profiles, in_game(game)
    grouped = _grouped(cast, profiles)
    own_games = {one.game.id for one in _everyone(cast) if there(one)}
    rows = np.flatnonzero(np.isin(profiles.game_ids, sorted(own_games))).tolist()
    rows.sort(key=lambda row: (-profiles.clips[row], profiles.character_ids[row]))
    found = [_likeliest(profiles, grouped, row) for row in rows]
    lines = [closest(ready, one.row, int(one.nearest[0][0])) if one.groups else None for one in found]
    with catalog.read() as connection:
        credits = {id_: _openly(of) for id_, of in credits_of(connection).items()}
        heard = clips_by_id(connection, [id_ for pair in lines if pair for id_ in (pair.one, pair.other)])
    named = _name(
        catalog, profiles, sorted({*rows, *(row for one in found for near in one.nearest for row in near.tolist())})
    )
    speech = dict(zip(ready.snapshot.characters.ids.tolist(), ready.snapshot.characters.milliseconds, strict=True))
    return documents.CastSheet(
        **{name: getattr(document, name) for name in type(document).model_fields},
        game=named[rows[0]].game.title if rows else str(game),
        sheet=[
            _written(one, pair, grouped, named, heard, credits, int(speech.get(named[one.row].id, 0)) / 1_000)
            for one, pair in zip(found, lines, strict=True)
        ],
    )


def lines_of_voices(ready: Ready, cast: Cast, most: int) -> dict[int, Lines]:
    """For up to `most` members of voices, by id: its nearest pair of lines with the voice's nearest other member."""
    profiles = ready.profiles
    found: dict[int, Lines] = {}
    for voice in cast.voices:
        placed = [profiles.row(character.id) for character, _ in voice.members]
        rows = np.array([row for row in placed if row is not None], np.int64)
        if len(rows) < 2 or len(found) + len(rows) > most:
            continue
        among = profiles.pair_scores(rows, rows)
        np.fill_diagonal(among, -np.inf)
        for place, nearest in enumerate(among.argmax(axis=1).tolist()):
            pair = closest(ready, int(rows[place]), int(rows[nearest]))
            if pair is not None:
                found[int(profiles.character_ids[rows[place]])] = pair
    return found


def _grouped(cast: Cast, profiles: Profiles) -> _Grouped:
    belongs = {
        one.id: (place, probability) for place, voice in enumerate(cast.voices) for one, probability in voice.members
    }
    ids = profiles.character_ids.tolist()
    groups = [belongs.get(id_, (len(cast.voices) + row, np.nan)) for row, id_ in enumerate(ids)]
    return _Grouped(
        np.array([group for group, _ in groups], np.int64),
        np.array([probability for _, probability in groups], np.float32),
        tuple(voice.id for voice in cast.voices),
    )


def _everyone(cast: Cast) -> Iterable[Character]:
    return (*cast.unlinked, *(character for voice in cast.voices for character, _ in voice.members))


def _name(catalog: Catalog, profiles: Profiles, rows: Sequence[int]) -> _Named:
    """The characters of these rows. Names are today's, whatever they were when the cast was linked."""
    ids = profiles.character_ids[rows].tolist()
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, ids)
    return {
        row: replace(named[id_], clips=clips)
        for row, id_, clips in zip(rows, ids, profiles.clips[rows].tolist(), strict=True)
    }


def _likeliest(profiles: Profiles, grouped: _Grouped, row: int) -> _Found:
    """The likeliest groups for a character, by its mean score to their characters in other games.

    A voice that has another character of this game is left out, unless it is the character's own.
    """
    if profiles.pairs is None or profiles.echoes[row]:
        return _Found(row, [], [], [])
    own = int(grouped.groups[row])
    scores = profiles.pair_scores(slice(row, row + 1))[0].astype(np.float64)
    elsewhere = (profiles.game_ids != profiles.game_ids[row]) & ~profiles.echoes
    count = int(grouped.groups.max()) + 1
    sizes = np.bincount(grouped.groups, elsewhere, count)
    sums = np.bincount(grouped.groups, np.where(elsewhere, scores, 0.0), count)
    blocked = np.unique(grouped.groups[profiles.game_ids == profiles.game_ids[row]])
    sizes[blocked[blocked != own]] = 0
    groups = np.flatnonzero(sizes)
    log_odds = profiles.pairs.log_odds(sums[groups] / sizes[groups]) + profiles.pairs.bonus(sizes[groups])
    likely = logistic(log_odds).astype(np.float64)
    if not np.isnan(grouped.likely[row]):
        likely[groups == own] = grouped.likely[row]  # as the cast says
    best = np.lexsort((groups, -likely, groups != own))[:LIKELIEST]
    nearest = []
    for group in groups[best].tolist():
        inside = np.flatnonzero((grouped.groups == group) & elsewhere)
        nearest.append(inside[np.argsort(-scores[inside], kind="stable")])
    return _Found(row, groups[best].tolist(), likely[best].tolist(), nearest)


def _written(
    one: _Found,
    pair: Lines | None,
    grouped: _Grouped,
    named: _Named,
    heard: Mapping[int, Clip],
    credits: Credits,
    seconds: float,
) -> documents.SheetCharacter:
    own, voice = named[one.row], grouped.voice(one.row)
    roles = [] if voice is None else one.nearest[0].tolist()
    lines = None
    if pair is not None and pair.one in heard and pair.other in heard:
        lines = documents.SheetLines(
            clip=documents.Clip.copy_of(heard[pair.one]),
            other=documents.Clip.copy_of(heard[pair.other]),
            other_character=named[int(one.nearest[0][0])].id,
            cosine=pair.cosine,
        )
    likely = [
        documents.LikelyVoice(
            voice=grouped.voices[group] if group < len(grouped.voices) else None,
            probability=probability,
            characters=_characters(
                near.tolist()[: None if group == grouped.groups[one.row] else NAMED], grouped, named
            ),
        )
        for group, probability, near in zip(one.groups, one.probabilities, one.nearest, strict=True)
    ]
    ranked = [*one.probabilities, 0.0]
    return documents.SheetCharacter.of(
        own,
        clips=own.clips,
        probability=grouped.probability(one.row),
        seconds=seconds,
        voice=voice,
        voice_actor=", ".join(credit.under for credit in credits.get(own.id, ())) or None,
        likely=likely,
        margin=ranked[0] - max(ranked[1:]) if likely else None,
        roles=_characters(roles, grouped, named),
        lines=lines,
        disagreeing=_disagreeing(own, roles, grouped, named, credits),
    )


def _openly(credits: Sequence[Credit]) -> tuple[Credit, ...]:
    """Those that are not spoilers, by name."""
    return tuple(sorted((one for one in credits if not one.spoiler), key=lambda one: one.under))


def _disagreeing(
    own: Character, roles: Sequence[int], grouped: _Grouped, named: _Named, credits: Credits
) -> list[documents.SheetCredit]:
    """The credits of a character's other roles that name nobody whom its own credit names."""
    mine = {credit.actor.id for credit in credits.get(own.id, ())}
    found = []
    for row in roles if mine else ():
        theirs = credits.get(named[row].id, ())
        if theirs and mine.isdisjoint(credit.actor.id for credit in theirs):
            names = ", ".join(credit.under for credit in theirs)
            found.append(documents.SheetCredit(character=_characters([row], grouped, named)[0], voice_actor=names))
    return found


def _characters(rows: Iterable[int], grouped: _Grouped, named: _Named) -> list[documents.CastCharacter]:
    known = [(named[row], grouped.probability(row)) for row in rows]
    return [documents.CastCharacter.of(one, clips=one.clips, probability=likely) for one, likely in known]
