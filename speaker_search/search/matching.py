"""A question and its answer: the nearest characters, games, voices or clips, with the lines that speak for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from speaker_search.catalog import embedding as embeddings
from speaker_search.catalog import reading
from speaker_search.entities import Floats, Hit, Ids, Match
from speaker_search.errors import UsageError
from speaker_search.search.calibration import Calibration
from speaker_search.search.opened import Opened
from speaker_search.search.profiles import Profiles
from speaker_search.search.scoring import unit

By = Literal["character", "voice", "game", "clip"]

HITS_PER_MATCH = 3
NEAR_CLIPS = 1_000  # the index's nearest: at a million clips they hold the ten best characters' lines (measured)
MAX_LIMIT = 1_000
EXACT_CLIPS = 100_000  # so few allowed clips are compared one by one
SAME_COSINE = 1e-6  # rounding changes cosines of float32 vectors by less
LITTLE_SECONDS = 2.0
UNLIKE_WEIGHT = 0.5  # of what the query is not to be like (Rocchio 1971)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which characters may answer. Makers and games by name; clips are those embedded."""

    makers: tuple[str, ...] = ()
    games: tuple[str, ...] = ()
    exclude_makers: tuple[str, ...] = ()
    exclude_games: tuple[str, ...] = ()
    min_clips: int = 1


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked about: a voice as one unit vector, and what it was made from."""

    vector: Floats  # (dim,)
    clips: int
    seconds: float | None
    warnings: tuple[str, ...] = ()
    character_id: int | None = None  #: when the voice is one character's
    blended: bool = False  #: something to be unlike was taken off, so no calibration holds


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the answer is wanted."""

    limit: int = 10
    cursor: str | None = None

    @property
    def start(self) -> int:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise UsageError(f"The limit must be from 1 to {MAX_LIMIT:,}, not {self.limit}.")
        if self.cursor is None:
            return 0
        if not (self.cursor.isascii() and self.cursor.isdecimal() and len(self.cursor) < 10):
            raise UsageError(f"{self.cursor!r} is no cursor.", "Give back the `next` of an earlier answer.")
        return int(self.cursor)


@dataclass(frozen=True, slots=True)
class Answer:
    """Matches for a query, best first."""

    query: Query
    encoder: str
    warnings: tuple[str, ...]
    matches: tuple[Match, ...]
    complete: bool  #: no further match exists
    next: str | None  #: cursor of the following page


def query_of(vectors: Floats, seconds: float | None, unlike: Floats) -> Query:
    """A query from the vectors (n, dim) of clips believed to be one voice, and those of clips it is not to be like."""
    vector = unit(vectors.mean(axis=0))
    if len(unlike):
        vector = unit(vector - UNLIKE_WEIGHT * unit(unlike.mean(axis=0)))
    warnings = []
    if seconds is not None and seconds < LITTLE_SECONDS:
        warnings.append(f"{seconds:.1f} s of audio is little to know a voice by: give more or longer clips.")
    return Query(vector, len(vectors), seconds, tuple(warnings), blended=len(unlike) > 0)


def character_query(opened: Opened, character_id: int) -> Query:
    """A query for a character of the catalog. Raises UsageError when none of its clips is embedded."""
    profiles = opened.profiles
    row = profiles.row(character_id)
    if row is None:
        raise UsageError("This character has no embedded clip.", "`spksearch catalog refused` may say why.")
    with opened.catalog.read() as connection:
        seconds = reading.seconds_of(connection, opened.space, character_id)
    return Query(profiles.means[row], int(profiles.clips[row]), seconds, character_id=character_id)


def answer(
    opened: Opened,
    query: Query,
    *,
    filters: Filters = Filters(),
    page: Page = Page(),
    by: By = "character",
    voices: Mapping[int, int] | None = None,
    exclude_game_id: int | None = None,
) -> Answer:
    """The nearest characters of a space to a query, all of them compared; or games, voices or clips.

    Characters are ranked by their profiles, so a filter costs no accuracy and many lines are no advantage; the hits of
    each are its clips nearest to the query, with exact cosines. By game or voice, each is stood for by its best
    character; `voices` gives a character's voice. By clip, the matches are single clips, unknown speakers' included.
    """
    start = page.start
    games = _allowed_games(opened, filters, exclude_game_id)
    profiles = opened.profiles  # taken once: another thread may bring newer ones at any moment
    if by == "clip":
        return _clip_answer(opened, profiles, query, games, filters.min_clips, page)
    own_row = None if query.character_id is None else profiles.row(query.character_id)
    scores, calibration = _scores(profiles, query, own_row)
    allowed = profiles.clips >= filters.min_clips
    if games is not None:
        allowed &= np.isin(profiles.game_ids, list(games))
    if own_row is not None:
        allowed[own_row] = False
    ranked = np.flatnonzero(allowed)
    ranked = ranked[np.argsort(-scores[ranked], kind="stable")]
    if by == "game":
        ranked = _first_of_each(ranked, profiles.game_ids[ranked])
    elif by == "voice":
        known = voices or {}
        # A character without a voice stands for itself: numbers below zero, which no voice has.
        ranked = _first_of_each(
            ranked, np.array([known.get(int(profiles.character_ids[row]), -1 - int(row)) for row in ranked], np.int64)
        )
    rows = ranked[start : start + page.limit]
    end = start + len(rows)
    probabilities = None if calibration is None else calibration.probability(scores[rows])
    matches = _matches(opened, profiles, query, rows, scores[rows], probabilities, voices or {})
    warnings = query.warnings
    if calibration is None:
        warnings += (_no_probability(query),)
    rest = end < len(ranked)
    return Answer(query, opened.space.space, warnings, matches, not rest, str(end) if rest else None)


def _no_probability(query: Query) -> str:
    if query.blended:
        return "No probability: it is not known for a query that is to be unlike something."
    return "No probability: the catalog holds too few characters or games to learn it from."


def _scores(profiles: Profiles, query: Query, own_row: int | None) -> tuple[Floats, Calibration | None]:
    """Scores (C,) of all characters, and what turns them into probabilities; `own_row` is that of the query's own."""
    if len(profiles) == 0:
        return np.empty(0, np.float32), None
    if own_row is not None:
        return profiles.pair_scores(slice(own_row, own_row + 1))[0], profiles.pairs
    calibration = None if query.blended else profiles.query_calibration(query.clips)
    return profiles.query_scores(query.vector[None])[0], calibration


def _first_of_each(rows: Ids, groups: Ids) -> Ids:
    _, first = np.unique(groups, return_index=True)
    return rows[np.sort(first)]


def _allowed_games(opened: Opened, filters: Filters, exclude_game_id: int | None) -> frozenset[int] | None:
    """The ids of the games that may answer; None when all may. Raises NotFoundError for an unknown name."""
    named = filters.makers or filters.games or filters.exclude_makers or filters.exclude_games
    if not named and exclude_game_id is None:
        return None
    with opened.catalog.read() as connection:
        every = reading.all_games(connection)
        makers = {reading.find_maker(connection, name).id for name in filters.makers}
        not_makers = {reading.find_maker(connection, name).id for name in filters.exclude_makers}
        games = {game.id for title in filters.games for game in reading.find_games(connection, title)}
        not_games = {game.id for title in filters.exclude_games for game in reading.find_games(connection, title)}
    return frozenset(
        game.id
        for game in every
        if (not makers or game.maker.id in makers)
        and (not games or game.id in games)
        and game.maker.id not in not_makers
        and game.id not in not_games
        and game.id != exclude_game_id
    )


def _matches(
    opened: Opened,
    profiles: Profiles,
    query: Query,
    rows: Ids,
    scores: Floats,
    probabilities: Floats | None,
    voices: Mapping[int, int],
) -> tuple[Match, ...]:
    ids = [int(profiles.character_ids[row]) for row in rows]
    hits = _hits(opened, query.vector, ids)
    with opened.catalog.read() as connection:
        characters = reading.characters_by_id(connection, None, ids)
    return tuple(
        Match(
            replace(characters[id_], clips=int(profiles.clips[row])),
            float(score),
            None if probabilities is None else float(probabilities[place]),
            hits[id_],
            voices.get(id_),
        )
        for place, (row, id_, score) in enumerate(zip(rows, ids, scores, strict=True))
        if id_ in characters
    )


def _hits(opened: Opened, vector: Floats, character_ids: Sequence[int]) -> dict[int, tuple[Hit, ...]]:
    """Each character's clips nearest to a vector: from the index where it has them, else from all the character's."""
    with opened.lock:
        near, _ = opened.index.nearest(vector, NEAR_CLIPS)
    with opened.catalog.read() as connection:
        of_character: dict[int, list[int]] = {id_: [] for id_ in character_ids}
        for clip_id, character_id in reading.speakers_of(connection, near.tolist()).items():
            if character_id in of_character:
                of_character[character_id].append(clip_id)
        short = [id_ for id_, clips in of_character.items() if len(clips) < HITS_PER_MATCH]
        of_character.update(reading.clip_ids_of(connection, opened.space, short))
        wanted = [clip for clips in of_character.values() for clip in clips]
        vectors = embeddings.vectors_of(connection, opened.space, wanted)
        cosines = {clip: float(stored @ vector) for clip, stored in vectors.items()}
        best = {
            id_: sorted((clip for clip in clips if clip in cosines), key=lambda clip: (-cosines[clip], clip))
            for id_, clips in of_character.items()
        }
        shown = {id_: clips[:HITS_PER_MATCH] for id_, clips in best.items()}
        clips_shown = reading.clips_by_id(connection, [clip for clips in shown.values() for clip in clips])
    return {
        id_: tuple(Hit(clips_shown[clip], cosines[clip]) for clip in clips if clip in clips_shown)
        for id_, clips in shown.items()
    }


def _clip_answer(
    opened: Opened, profiles: Profiles, query: Query, games: frozenset[int] | None, min_clips: int, page: Page
) -> Answer:
    """The nearest sounds, asked for again deeper until there are enough or none is left. Clips of one audio, which
    several games may share, are one match and its hits.

    Deeper also while clips as near as the last one wanted may have been left out: of equal ones the lowest ids come
    first, and every page must agree on them.
    """
    wanted = page.start + page.limit + 1
    depth, allowed = 4 * wanted, None
    many = set(profiles.character_ids[profiles.clips >= min_clips].tolist())
    with opened.catalog.read() as connection:
        if games is not None:
            counts = dict.fromkeys(games, 0)
            for game, clips in zip(profiles.game_ids.tolist(), profiles.clips.tolist(), strict=True):
                if game in counts:
                    counts[game] += clips
            if sum(counts.values()) <= EXACT_CLIPS:
                allowed = reading.clip_ids_in(connection, opened.space, sorted(games))
        while True:
            with opened.lock:
                ids, near = opened.index.nearest(query.vector, depth, allowed=allowed)
            clips_found = reading.clips_by_id(connection, ids.tolist())
            fitting = [id_ for id_ in ids.tolist() if id_ in clips_found]
            if games is not None:
                fitting = [id_ for id_ in fitting if clips_found[id_].game_id in games]
            if min_clips > 1:
                fitting = [id_ for id_ in fitting if clips_found[id_].character_id in many]
            if len(ids) < depth:
                break
            nearest: dict[bytes | int, int] = {}  # clip of each sound
            for id_ in fitting:
                nearest.setdefault(clips_found[id_].audio_hash or id_, id_)
            if len(nearest) >= wanted and near[ids == list(nearest.values())[wanted - 1]][0] - near[-1] > SAME_COSINE:
                break
            depth *= 4
        vectors = embeddings.vectors_of(connection, opened.space, fitting)
        cosines = {id_: float(stored @ query.vector) for id_, stored in vectors.items()}
        sounds: dict[bytes | int, list[Hit]] = {}
        for id_ in sorted(cosines, key=lambda id_: (-cosines[id_], id_)):
            sounds.setdefault(clips_found[id_].audio_hash or id_, []).append(Hit(clips_found[id_], cosines[id_]))
        shown = list(sounds.values())[page.start : page.start + page.limit]
        named = {hits[0].clip.character_id for hits in shown} - {None}
        characters = reading.characters_by_id(connection, opened.space, [id_ for id_ in named if id_ is not None])
    matches = tuple(
        Match(characters.get(hits[0].clip.character_id or 0), hits[0].cosine, None, tuple(hits)) for hits in shown
    )
    end = page.start + len(shown)
    rest = end < len(sounds)
    return Answer(query, opened.space.space, query.warnings, matches, not rest, str(end) if rest else None)
