"""Builds profiles from a snapshot of the views, and calibrates scores on its own clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.calibration import PAIRS, QUERIES, UNKNOWN, calibrate
from speaker_search.search.profiles.profiles import Profiles, QueryCalibration, Sounding
from speaker_search.search.profiles.repeats import Repeats, aggregated
from speaker_search.search.scoring import (
    PAIR_SHRINKAGE,
    QUERY_SHRINKAGE,
    Bools,
    channels,
    cohorts_across_games,
    near_others,
    unit,
    whitening,
)
from speaker_search.views.characters import Characters
from speaker_search.views.snapshot import Snapshot

NOTHING = np.empty(0, np.int64)
ALL = slice(None)
UNSEEN = 3.0  # rule of three: after n trials without an error, the error rate may still be 3 / n ...
SPENT = 8  # ... and n is the number of characters less these, which the fit follows
QUERY_SIZES = (1, 2, 4, 8)  # clips: calibrated separately, since more clips make a more reliable query
SAMPLED_CHARACTERS = 1_000
SAMPLED_CLIPS = 1_000  # of a character, the clips that samples are drawn from
MIN_QUERIES = 30  # fewer say too little about queries of a size; so do those of a few characters ...
MIN_CHARACTERS, MIN_SHARE = 200, 0.4  # ... unless they are this many, or this share of those that are sampled
LENGTHS = 3  # classes of queries by their seconds of speech, with equally many queries in each ...
MIN_QUERIES_OF_LENGTH = 80  # ... if each has at least this many
MAX_SCORES = 2_000_000  # that a calibration is fitted on ...
FITTED_ROWS = 300  # ... from at least this many characters or queries, against as many games as that leaves room for


def build_profiles(snapshot: Snapshot, repeated: Ids = NOTHING) -> Profiles:
    """Profiles of all characters, with scores calibrated on this catalog. The clips `repeated` (by id) do not count."""
    plain = uncalibrated(snapshot.characters, aggregated(snapshot, repeated))
    if not several(plain.game_ids[plain.counted]):
        return plain  # a catalog of one game has nothing to calibrate on
    return _calibrated(plain, _samples(snapshot, plain))


def several(games: Ids) -> bool:
    return len(games) > 0 and bool((games != games[0]).any())


def by_sound(means: Floats) -> Ids:
    """The rows of unit vectors (C, dim) in an order that neither ids nor names decide."""
    return np.lexsort(means.T[:2])


def means_of(characters: Characters, rows: Ids | slice = ALL) -> Floats:
    """The mean (n, dim) of the clips of each of these characters."""
    return (characters.sums[rows] / np.maximum(1, characters.counts[rows])[:, None]).astype(np.float32)


def uncalibrated(characters: Characters, repeats: Repeats) -> Profiles:
    """Profiles without calibration: all a catalog of one game has."""
    ids, games, clips = characters.ids, characters.games, characters.counts
    characters, echoes = repeats.left_out(characters)
    means = means_of(characters)
    heard, dim = unit(means), means.shape[1]
    counted = counting(heard, games, echoes)
    if not len(ids):
        none = np.empty(0, np.float32)
        pairs = queries = Sounding(np.eye(dim, dtype=np.float32), means, none, none)
        centre = np.zeros(dim, np.float32)
    else:
        order = by_sound(heard)  # so that the order of ids changes no digit
        among, of = means[order], games[order]
        own = counted[order] if counted.any() else ALL
        centre, channel = channels(among, of, among[own].mean(axis=0))
        deviations = among - channel
        seconds = np.asarray(characters.milliseconds[order] / 1_000, np.float32)
        pairs, queries = (
            _sounding(whitening(deviations[own], seconds[own], shrinkage), deviations, of, counted[order])
            for shrinkage in (PAIR_SHRINKAGE, QUERY_SHRINKAGE)
        )
        rows = np.argsort(order)
        pairs, queries = pairs.of(rows), queries.of(rows)
    position = characters.position
    return Profiles(position, ids, games, clips, echoes, counted, heard, centre, pairs, queries, None, (), repeats)


def counting(means: Floats, games: Ids, echoes: Bools) -> Bools:
    """Which characters (C,) score normalisation and calibration are based on. `means` (C, dim) are unit vectors.

    A game that is there twice counts once. A game far from all others does not count, since it tells nothing of them:
    so adding it changes no other voice.
    """
    own = np.flatnonzero(~echoes)
    counted = np.zeros(len(games), np.bool_)
    counted[own] = near_others(means[own], games[own])
    return counted


def _sounding(matrix: Floats, deviations: Floats, games: Ids, counted: Bools) -> Sounding:
    """The characters whitened by that matrix, with their cohorts."""
    vectors = unit(deviations @ matrix)
    return Sounding(matrix, vectors, *cohorts_across_games(vectors, games, counted=counted))


@dataclass(frozen=True, slots=True)
class _Samples:
    """Clips drawn to calibrate queries on, up to 8 of a character."""

    rows: Ids  # (S,) of their characters
    vectors: list[Floats]  # S of (k, dim)
    seconds: list[Floats]  # S of (k,)

    def queries(self, size: int) -> tuple[Floats, Floats, Ids]:
        """Mean vectors (n, dim) of that many clips of a character, no clip used twice; their seconds; their rows."""
        whole = [len(clips) // size for clips in self.vectors]
        parts = [
            clips[: n * size].reshape(n, size, clips.shape[1]).mean(axis=1)
            for n, clips in zip(whole, self.vectors, strict=True)
        ]
        sums = [s[: n * size].reshape(n, size).sum(axis=1) for n, s in zip(whole, self.seconds, strict=True)]
        return np.concatenate(parts), np.concatenate(sums), np.repeat(self.rows, whole)


def _samples(snapshot: Snapshot, profiles: Profiles) -> _Samples:
    """Up to 8 clips each of up to 1,000 characters, drawn at random, the same ones every time."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(np.flatnonzero(profiles.counted))[:SAMPLED_CHARACTERS]
    games, ids = profiles.game_ids[chosen], profiles.character_ids[chosen]
    vectors, seconds = [], []
    for clips in snapshot.clips.of_characters(games, ids, SAMPLED_CLIPS):
        drawn = rng.permutation(len(clips))[: QUERY_SIZES[-1]]
        vectors.append(clips.vectors[drawn].astype(np.float32))
        seconds.append(clips.seconds[drawn])
    return _Samples(chosen, vectors, seconds)


def _calibrated(profiles: Profiles, samples: _Samples) -> Profiles:
    """The same profiles with calibrations for pairs of characters and for queries of each size and length."""
    rng = np.random.default_rng(1)
    games = profiles.game_ids
    rows, columns = _fitted_on(profiles, rng)
    counted = int(profiles.counted.sum())
    most = max(FITTED_ROWS, MAX_SCORES // counted)
    pairs = calibrate(profiles.pair_scores(rows, columns), games[rows], games[columns], PAIRS)
    queries: list[QueryCalibration] = []
    for size in QUERY_SIZES:
        vectors, seconds, of = samples.queries(size)
        if len(of) < MIN_QUERIES or len(np.unique(of)) < min(MIN_CHARACTERS, MIN_SHARE * len(samples.rows)):
            break  # the next smaller size serves: more clips are at least as sure
        kept = np.sort(rng.permutation(len(of))[:most])
        own_games, seconds = games[of[kept]], seconds[kept]
        compared = profiles.query_scores(unit(vectors[kept]), games=own_games)
        scores, cosines = (each[:, columns] for each in compared)
        for least, inside in _lengths(seconds):
            by_score, by_cosine = (
                calibrate(each[inside], own_games[inside], games[columns], QUERIES) for each in (scores, cosines)
            )
            if by_score is not None and by_cosine is not None:
                queries.append(QueryCalibration(size, least, by_score, by_cosine, _most(counted)))
    return replace(profiles, pairs=pairs, queries=tuple(queries))


def with_known_actors(profiles: Profiles, known: Ids) -> Profiles:
    """The same profiles with pairs calibrated on known actors, too; `known` (k, 2) are characters and their actors."""
    games, actors = profiles.game_ids, np.full(len(profiles), UNKNOWN)
    there = known[np.isin(known[:, 0], profiles.character_ids)]
    actors[np.searchsorted(profiles.character_ids, there[:, 0])] = there[:, 1]
    rows, columns = _fitted_on(profiles, np.random.default_rng(1))
    scores = profiles.pair_scores(rows, columns)
    pairs = calibrate(scores, games[rows], games[columns], PAIRS, actors=(actors[rows], actors[columns]))
    return replace(profiles, pairs=pairs)


def _fitted_on(profiles: Profiles, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """The rows and columns whose scores pairs are calibrated on, in an order that neither ids nor names decide."""
    order = by_sound(profiles.means)
    order = order[profiles.counted[order]]
    columns = _of_some_games(profiles.game_ids, order, MAX_SCORES // FITTED_ROWS, rng)
    return rng.permutation(order)[: max(FITTED_ROWS, MAX_SCORES // max(1, len(order)))], columns


def _most(characters: int) -> float:
    """The log-odds of a probability of 1 - 3 / n, with n the characters less 8, and at least of 1/4.

    By the rule of three (Hanley and Lippman-Hand 1983), n trials without an error allow no claim of a lower error rate.
    The characters that a fit follows are not such trials; 8 is about right in catalogs of 12 to 25 characters.
    """
    return float(np.log(max(1.0, characters - SPENT - UNSEEN) / UNSEEN))


def _of_some_games(games: Ids, order: Ids, most: int, rng: np.random.Generator) -> Ids:
    """The characters of all games, or of games drawn at random if these have more than `most` characters together.

    At least one game is drawn, however large it is. Games are drawn as they come in this `order` (n,) of characters.
    Characters that are not in it are left out.
    """
    named, first, sizes = np.unique(games[order], return_index=True, return_counts=True)
    drawn = np.argsort(first)[rng.permutation(len(named))]
    fitting = max(1, int((np.cumsum(sizes[drawn]) <= most).sum()))
    return order[np.isin(games[order], named[drawn[:fitting]])]


def _lengths(seconds: Floats) -> list[tuple[float, Bools]]:
    """Classes of queries by length: the least seconds of each, and which queries are in it. The first holds all."""
    classes = [(-1.0, np.ones(len(seconds), np.bool_))]
    if len(seconds) >= LENGTHS * MIN_QUERIES_OF_LENGTH:
        bounds = [0.0, *np.quantile(seconds, np.arange(1, LENGTHS) / LENGTHS).tolist(), np.inf]
        classes += [(low, (seconds >= low) & (seconds < high)) for low, high in pairwise(bounds)]
    return classes
