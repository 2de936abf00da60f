"""Answering a query: the nearest characters, games or voices, each with its nearest clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.documents import By
from speaker_search.entities import Caution, Character, Floats, Ids, Match
from speaker_search.errors import UsageError
from speaker_search.search import cursors, evidence, nearest_clips
from speaker_search.search.calibration import Calibration, least_log_odds, logistic
from speaker_search.search.cursors import Cursor
from speaker_search.search.live import Ready
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.query import EVERYBODY, FIRST_PAGE, NOTHING, Answer, Filters, Given, Page, Query
from speaker_search.search.scoring import Bools, highest
from speaker_search.search.strangers import Doubles

SAME_ODDS = 1e-6  # log-odds no further apart are shown as one probability


def answer(
    catalog: Catalog,
    ready: Ready,
    query: Query,
    *,
    filters: Filters = EVERYBODY,
    page: Page = FIRST_PAGE,
    by: By = "character",
    voices: Mapping[int, int] | None = None,
    exclude_game_id: int | None = None,
) -> Answer:
    """The characters of a space nearest to a query, or its games, voices or clips.

    All characters are ranked by their profiles, so filters cost no accuracy and a character with many lines has no
    advantage; its hits are its clips nearest to the query, with exact cosines. By game or voice, the best character
    represents the others; `voices` gives each character's voice. By clip, matches are single clips, including those of
    unknown speakers. Raises UsageError and NotFoundError for filters that make no sense or name nothing.
    """
    if filters.min_clips < 0:
        raise UsageError(f"The minimum number of clips must be 0 or more, not {filters.min_clips}.")
    if filters.min_probability is not None and (by == "clip" or query.blended):
        kind = "by clip" if by == "clip" else "with `unlike`"
        raise UsageError(f"A search {kind} has no probabilities.", "Leave the minimum probability out.")
    games = None
    if filters != Filters(min_clips=filters.min_clips, min_probability=filters.min_probability):
        with catalog.read() as connection:
            games = _allowed_games(connection, filters, ready.snapshot.clips.games)
    asked = Cursor(query, filters, by, exclude_game_id)
    if by == "clip":
        return nearest_clips.answer(catalog, ready, asked, _without(ready, games, exclude_game_id), page)
    profiles = ready.profiles
    own_row = None if query.character_id is None else profiles.row(query.character_id)
    scores, log_odds, calibration = _scores(profiles, query, own_row)
    allowed = profiles.clips >= filters.min_clips
    if games is not None:
        allowed &= np.isin(profiles.game_ids, games)
    if exclude_game_id is not None:
        allowed &= profiles.game_ids != exclude_game_id
    if own_row is not None:
        allowed[own_row] = False
    found = np.flatnonzero(allowed)
    groups = _groups(profiles, by, voices or {})
    if by != "character":
        found = _first_of_each(_highest(found, scores, len(found)), groups)
    warnings = query.warnings + ready.warnings(calibrated=calibration is not None)
    if calibration is None:
        warnings += (_no_probability(query),)
    if filters.min_probability is not None:
        found, none_likely = _likely(found, log_odds, filters.min_probability)
        warnings += none_likely
    if page.given != NOTHING:
        found = found[~_given(profiles, groups, by, page.given)[found]]
    rows = _highest(found, scores, page.limit)
    probabilities = None if log_odds is None else logistic(log_odds[rows])
    matches = _matches(catalog, ready, query, rows, scores[rows], probabilities, voices or {})
    cursor = None
    if len(rows) < len(found):
        ids = profiles.game_ids if by == "game" else profiles.character_ids
        spoken = groups[rows][groups[rows] > 0].tolist() if by == "voice" else []
        given = Given((*page.given.ids, *ids[rows].tolist()), (*page.given.voices, *spoken))
        cursor = cursors.write(replace(asked, given=given), ready, catalog.uuid)
    nobody = None
    if calibration is not None and log_odds is not None:
        nobody = calibration.nobody(log_odds[allowed], profiles.games_counted[allowed])
    return Answer(query, ready.space.name, warnings, matches, len(rows) == len(found), cursor, nobody)


def _no_probability(query: Query) -> Caution:
    if query.blended:
        return Caution("No probability: a search with `unlike` cannot be calibrated.")
    return Caution("No probability: the catalog holds too few characters or games to calibrate on.")


def _highest(rows: Ids, scores: Floats, limit: int) -> Ids:
    """Of these rows, those with the highest scores (C,), highest first; of equal ones the first. Sorting all of them
    would take as long as comparing with them.
    """
    values = scores[rows]
    if limit < len(rows):
        high = values >= highest(values[None], limit)[0, -1]
        rows, values = rows[high], values[high]
    return rows[np.argsort(-values, kind="stable")][:limit]


def _likely(rows: Ids, log_odds: Doubles | None, minimum: float) -> tuple[Ids, tuple[Caution, ...]]:
    """The rows with at least this probability, and a warning where none of them has it. Raises UsageError."""
    least = least_log_odds(minimum) - SAME_ODDS
    if log_odds is None:
        return rows[:0], (Caution(f"No match: without probabilities, none can be at least {minimum:g}."),)
    likely = rows[log_odds[rows] >= least]
    if len(likely) or not len(rows):
        return likely, ()
    nearest = float(logistic(log_odds[rows].max(keepdims=True))[0])
    shown = f"{nearest:.3f}" if round(nearest, 3) < minimum else f"{nearest:g}"
    return likely, (Caution(f"No match has a probability of at least {minimum:g}: the nearest has {shown}."),)


def _scores(profiles: Profiles, query: Query, own_row: int | None) -> tuple[Floats, Doubles | None, Calibration | None]:
    """Scores (C,) of all characters, their log-odds (C,), and the calibration of the scores, where there is one.

    `own_row` is the row of the query's own character.
    """
    if len(profiles) == 0:
        return np.empty(0, np.float32), None, None
    if own_row is not None:
        scores = profiles.pair_scores(slice(own_row, own_row + 1))[0]
        return scores, None if profiles.pairs is None else profiles.pairs.log_odds(scores), profiles.pairs
    # The query's own character would pass for one of the strangers that its scores are compared with.
    games = np.array([query.game_ids], np.int64) if query.game_ids else None
    scores, cosines = (each[0] for each in profiles.query_scores(query.vector[None], games=games))
    calibration = None if query.blended else profiles.query_calibration(query.clips, query.seconds)
    if calibration is None:
        return scores, None, None
    log_odds = calibration.log_odds(scores, float(cosines.max()), 1 if query.game_ids else len(profiles))
    return scores, np.minimum(log_odds, 0.0) if query.noisy else log_odds, calibration.scores


def _groups(profiles: Profiles, by: By, voices: Mapping[int, int]) -> Ids:
    """The group (C,) of each character, which is listed once: itself, its game, or its voice. A character without a
    voice is a group of its own, with a negative number.
    """
    if by == "game":
        return profiles.game_ids
    if by == "voice":
        return np.array([voices.get(id_, -id_) for id_ in profiles.character_ids.tolist()], np.int64)
    return profiles.character_ids


def _given(profiles: Profiles, groups: Ids, by: By, given: Given) -> Bools:
    """Which characters (C,) earlier pages gave, by themselves or by their game or voice.

    Voices may be linked anew between two pages, so a voice was given if one of its characters was, too.
    """
    if by == "game":
        return np.isin(groups, given.ids)
    gone = np.isin(profiles.character_ids, given.ids)
    return np.isin(groups, (*given.voices, *groups[gone].tolist())) if by == "voice" else gone


def _first_of_each(rows: Ids, groups: Ids) -> Ids:
    _, first = np.unique(groups[rows], return_index=True)
    return rows[np.sort(first)]


def _allowed_games(connection: Connection, filters: Filters, every: Ids) -> Ids:
    """The games of `every` that pass the filters, by id. Raises NotFoundError for an unknown name."""
    allowed = every
    if filters.games:
        allowed = np.intersect1d(allowed, _ids(people.games_called(connection, filters.games)))
    if filters.makers:
        makers = people.makers_called(connection, filters.makers)
        allowed = np.intersect1d(allowed, _ids(people.games_of_makers(connection, makers)))
    if filters.exclude_games:
        allowed = np.setdiff1d(allowed, _ids(people.games_called(connection, filters.exclude_games)))
    if filters.exclude_makers:
        makers = people.makers_called(connection, filters.exclude_makers)
        allowed = np.setdiff1d(allowed, _ids(people.games_of_makers(connection, makers)))
    return allowed


def _ids(found: Iterable[int]) -> Ids:
    return np.fromiter(found, np.int64)


def _without(ready: Ready, games: Ids | None, excluded: int | None) -> Ids | None:
    """The allowed games without one; None when all are allowed."""
    if excluded is None:
        return games
    every = ready.snapshot.clips.games if games is None else games
    return np.asarray(every[every != excluded], np.int64)


def _matches(
    catalog: Catalog,
    ready: Ready,
    query: Query,
    rows: Ids,
    scores: Floats,
    probabilities: Floats | None,
    voices: Mapping[int, int],
) -> tuple[Match, ...]:
    profiles = ready.profiles
    ids = profiles.character_ids[rows]
    near = evidence.nearest(ready.snapshot.clips, query.vector, profiles.game_ids[rows], ids)
    with catalog.read() as connection:
        characters = people.characters_by_id(connection, None, ids.tolist())
        hits = evidence.hits(connection, near)
    counts = profiles.clips[rows].tolist()
    likely: list[float | None] = [None] * len(rows) if probabilities is None else probabilities.tolist()
    return tuple(
        Match(Character(id_, who.name, who.game, clips), score, likely[place], hits[place], voices.get(id_))
        for place, (id_, score, clips) in enumerate(zip(ids.tolist(), scores.tolist(), counts, strict=True))
        # One merged a moment ago has another id: what stands for it is here, too.
        if (who := characters.get(id_)) is not None and who.id == id_
    )
