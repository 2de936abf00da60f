"""Character profiles and score calibration: what characters are ranked by, made from a snapshot of the views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.calibration import PAIRS, QUERIES, Calibration, calibrate
from speaker_search.search.repeats import Repeats, aggregated
from speaker_search.search.scoring import (
    PAIR_SHRINKAGE,
    QUERY_SHRINKAGE,
    Bools,
    channels,
    cohort,
    cohorts_across_games,
    normalised,
    others,
    unit,
    whitening,
)
from speaker_search.search.strangers import Doubles
from speaker_search.views.characters import Characters
from speaker_search.views.snapshot import Snapshot

NOTHING = np.empty(0, np.int64)
UNSEEN = 3.0  # rule of three: after n trials without an error, the error rate may still be 3 / n ...
SPENT = 8  # ... and n is the number of characters less these, which the fit follows
QUERY_SIZES = (1, 2, 4, 8)  # clips: calibrated separately, since more clips make a more reliable query
SAMPLED_CHARACTERS = 1_000
SAMPLED_CLIPS = 1_000  # of a character, the clips that samples are drawn from
MIN_QUERIES = 30  # fewer say too little about queries of a size
LENGTHS = 3  # classes of queries by their seconds of speech, with equally many queries in each ...
MIN_QUERIES_OF_LENGTH = 80  # ... if each has at least this many
MAX_SCORES = 2_000_000  # that a calibration is fitted on ...
FITTED_ROWS = 300  # ... from at least this many characters or queries, against as many games as that leaves room for


@dataclass(frozen=True)
class Sounding:
    """How characters (C) are compared with each other, or with clips. Vectors are unit float32."""

    matrix: Floats  # (dim, dim) whitening, applied to deviations from the channel
    vectors: Floats  # (C, dim)
    cohort_means: Floats  # (C,)
    cohort_spreads: Floats  # (C,)

    @property
    def cohorts(self) -> tuple[Floats, Floats]:
        return self.cohort_means, self.cohort_spreads

    def of(self, rows: Ids) -> Sounding:
        """Some of the characters."""
        return Sounding(self.matrix, self.vectors[rows], self.cohort_means[rows], self.cohort_spreads[rows])


@dataclass(frozen=True, slots=True)
class QueryCalibration:
    """The calibration of queries of some size: of their scores and of their cosines with characters."""

    clips: int  #: in a query, at least
    seconds: float  #: of speech in it, at least; -1 for queries of any length
    scores: Calibration
    cosines: Calibration
    most: float  #: no log-odds are higher

    def log_odds(self, scores: Floats, nearest: float) -> Doubles:
        """Log-odds of one voice, of the same shape as the scores; `nearest` is the query's highest cosine.

        The score says how far a match stands out among all characters. Even for a stranger or for noise some character
        stands out, but at a cosine far below those of one voice. So the likelihood ratio of the highest cosine caps the
        log-odds. So does the size of the catalog (see `_most`).
        """
        return np.minimum(self.scores.log_odds(scores), min(self.cosines.log_ratio(nearest), self.most))


@dataclass(frozen=True)
class Profiles:
    """Characters (C) with at least one embedded clip, by id."""

    position: int  # of the change log, when the scores were calibrated
    character_ids: Ids  # (C,)
    game_ids: Ids  # (C,)
    clips: Ids  # (C,) embedded clips of each
    echoes: Bools  # (C,) whether all of them are repeats; otherwise only the others count in what follows
    means: Floats  # (C, dim) mean of a character's clips, of unit length
    centre: Floats  # (dim,) mean of all means
    as_pairs: Sounding
    as_queries: Sounding
    pairs: Calibration | None  # of scores between characters
    queries: tuple[QueryCalibration, ...]
    repeats: Repeats

    def __len__(self) -> int:
        return len(self.character_ids)

    def row(self, character_id: int) -> int | None:
        place = int(np.searchsorted(self.character_ids, character_id))
        return place if place < len(self) and self.character_ids[place] == character_id else None

    def pair_scores(self, rows: slice | Ids) -> Floats:
        """Scores (n, C) between some characters and all."""
        pairs = self.as_pairs
        own = pairs.cohort_means[rows], pairs.cohort_spreads[rows]
        return normalised(pairs.vectors[rows] @ pairs.vectors.T, own, pairs.cohorts)

    def query_scores(self, queries: Floats, *, games: Ids | None = None) -> tuple[Floats, Floats]:
        """Scores and cosines, (n, C) and (n, C), between unit vectors (n, dim) from clips and all characters.

        If the queries' own games are known (`games` (n,)), their characters stay out of the query's cohort.
        """
        characters = self.as_queries
        cosines = unit(unit(queries - self.centre) @ characters.matrix) @ characters.vectors.T
        counted = None if games is None else others(games, self.game_ids, self.echoes)
        return normalised(cosines, cohort(cosines, counted), characters.cohorts), cosines

    def query_calibration(self, clips: int, seconds: float | None) -> QueryCalibration | None:
        """The calibration for a query of that many clips and, if known, seconds.

        It is that of the largest size that the query reaches and, within this size, of the greatest length.
        """
        reached = [each for each in self.queries if each.clips <= clips and each.seconds <= (seconds or -1)]
        return max(reached, key=lambda each: (each.clips, each.seconds)) if reached else None


def build_profiles(snapshot: Snapshot, repeated: Ids = NOTHING) -> Profiles:
    """Profiles of all characters, with scores calibrated on this catalog. The clips `repeated` (by id) do not count."""
    plain = _plain(snapshot.characters, None, aggregated(snapshot, repeated))
    if not _several(plain.game_ids[~plain.echoes]):
        return plain  # a catalog of one game has nothing to calibrate on
    return _calibrated(plain, _samples(snapshot, plain))


def follow_profiles(before: Profiles, characters: Characters) -> Profiles:
    """Profiles of the current characters, with the whitening and calibration of `before`, and the cohorts of unchanged
    characters.

    Takes milliseconds where `build_profiles` takes seconds, and approximates it while little has changed.
    """
    repeats = before.repeats.unchanged(characters, before.character_ids, before.clips)
    if not len(characters):
        return _plain(characters, None, repeats)
    now = _plain(characters, before, repeats)
    return replace(now, position=before.position, pairs=before.pairs, queries=before.queries)


def _several(games: Ids) -> bool:
    return len(games) > 0 and bool((games != games[0]).any())


def _plain(characters: Characters, before: Profiles | None, repeats: Repeats) -> Profiles:
    """Profiles without calibration: all a catalog of one game has."""
    ids, games, clips = characters.ids, characters.games, characters.counts
    characters, echoes = repeats.left_out(characters)
    means = (characters.sums / np.maximum(1, characters.counts)[:, None]).astype(np.float32)
    dim = means.shape[1]
    if not len(ids):
        none = np.empty(0, np.float32)
        nothing = Sounding(np.eye(dim, dtype=np.float32), means, none, none)
        centre = np.zeros(dim, np.float32)
        return Profiles(
            characters.position, ids, games, clips, echoes, means, centre, nothing, nothing, None, (), repeats
        )
    centre, channel = channels(means, games)
    deviations = means - channel
    seconds = np.asarray(characters.milliseconds / 1_000, np.float32)
    unit_means = unit(means)
    if before is not None and len(before):
        rows = _unchanged(before, ids, games, unit_means)
        pairs = _following(before.as_pairs, rows, deviations, games, echoes)
        queries = _following(before.as_queries, rows, deviations, games, echoes)
    else:
        pairs = _sounding(whitening(deviations, seconds, PAIR_SHRINKAGE), deviations, games, echoes)
        queries = _sounding(whitening(deviations, seconds, QUERY_SHRINKAGE), deviations, games, echoes)
    return Profiles(
        characters.position, ids, games, clips, echoes, unit_means, centre, pairs, queries, None, (), repeats
    )


def _sounding(matrix: Floats, deviations: Floats, games: Ids, echoes: Bools) -> Sounding:
    """The characters whitened by that matrix, with their cohorts."""
    vectors = unit(deviations @ matrix)
    return Sounding(matrix, vectors, *cohorts_across_games(vectors, games, echoes=echoes))


def _following(before: Sounding, rows: tuple[Ids, Ids], deviations: Floats, games: Ids, echoes: Bools) -> Sounding:
    """The same with the earlier matrix. `rows` are unchanged characters, now and before: they keep their cohorts."""
    vectors = unit(deviations @ before.matrix)
    now, then = rows
    means, spreads = np.zeros(len(games), np.float32), np.ones(len(games), np.float32)
    means[now], spreads[now] = before.cohort_means[then], before.cohort_spreads[then]
    changed = np.setdiff1d(np.arange(len(games)), now)
    means[changed], spreads[changed] = cohorts_across_games(vectors, games, changed, echoes)
    return Sounding(before.matrix, vectors, means, spreads)


def _unchanged(before: Profiles, ids: Ids, games: Ids, means: Floats) -> tuple[Ids, Ids]:
    """Rows of characters that are as they were, and their earlier rows."""
    # Characters of a single game have no cohort, so going from one game to several, or back, changes every cohort.
    if _several(before.game_ids) != _several(games):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    row = np.searchsorted(before.character_ids, ids)
    row[row == len(before)] = 0
    known = before.character_ids[row] == ids
    known[known] = (before.means[row[known]] == means[known]).all(axis=1)
    return np.flatnonzero(known), row[known]


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
    chosen = rng.permutation(np.flatnonzero(~profiles.echoes))[:SAMPLED_CHARACTERS]
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
    most = max(FITTED_ROWS, MAX_SCORES // len(profiles))
    columns = _of_some_games(games, MAX_SCORES // FITTED_ROWS, rng)
    columns = columns[~profiles.echoes[columns]]
    rows = np.sort(rng.permutation(np.flatnonzero(~profiles.echoes))[:most])
    pairs = calibrate(profiles.pair_scores(rows)[:, columns], games[rows], games[columns], PAIRS)
    queries: list[QueryCalibration] = []
    for size in QUERY_SIZES:
        vectors, seconds, of = samples.queries(size)
        if len(of) < MIN_QUERIES:
            break
        kept = np.sort(rng.permutation(len(of))[:most])
        own_games, seconds = games[of[kept]], seconds[kept]
        compared = profiles.query_scores(unit(vectors[kept]), games=own_games)
        scores, cosines = (each[:, columns] for each in compared)
        for least, inside in _lengths(seconds):
            by_score, by_cosine = (
                calibrate(each[inside], own_games[inside], games[columns], QUERIES) for each in (scores, cosines)
            )
            if by_score is not None and by_cosine is not None:
                queries.append(QueryCalibration(size, least, by_score, by_cosine, _most(int((~profiles.echoes).sum()))))
    return replace(profiles, pairs=pairs, queries=tuple(queries))


def _most(characters: int) -> float:
    """The log-odds of a probability of 1 - 3 / n, with n the characters less 8, and at least of 1/4.

    By the rule of three (Hanley and Lippman-Hand 1983), n trials without an error allow no claim of a lower error rate.
    The characters that a fit follows are not such trials; 8 is about right in catalogs of 12 to 25 characters.
    """
    return float(np.log(max(1.0, characters - SPENT - UNSEEN) / UNSEEN))


def _of_some_games(games: Ids, most: int, rng: np.random.Generator) -> Ids:
    """The characters of games drawn at random, at most so many characters together; all games, if they fit.

    At least one game, however large it is.
    """
    named, sizes = np.unique(games, return_counts=True)
    order = rng.permutation(len(named))
    fitting = max(1, int((np.cumsum(sizes[order]) <= most).sum()))
    return np.flatnonzero(np.isin(games, named[order[:fitting]]))


def _lengths(seconds: Floats) -> list[tuple[float, Bools]]:
    """Classes of queries by length: the least seconds of each, and which queries are in it. The first holds all."""
    classes = [(-1.0, np.ones(len(seconds), np.bool_))]
    if len(seconds) >= LENGTHS * MIN_QUERIES_OF_LENGTH:
        bounds = [0.0, *np.quantile(seconds, np.arange(1, LENGTHS) / LENGTHS).tolist(), np.inf]
        classes += [(low, (seconds >= low) & (seconds < high)) for low, high in pairwise(bounds)]
    return classes
