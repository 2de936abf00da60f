"""Scores between voices: game channels removed, means whitened, cosines normalised against a cohort. Over arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Floats, Ids

Bools = npt.NDArray[np.bool_]

CHANNEL_PRIOR = 10  # characters: with this many, a game's channel is halfway between the common mean and its own
PAIR_SHRINKAGE = 2.0  # of the covariance, in mean variances, when characters are compared; 1 to 4 differ little ...
QUERY_SHRINKAGE = 16.0  # ... and when clips are: in directions in which characters hardly differ, a few clips are noise
COHORT_SHARE = 1 / 3  # of the characters, the nearest ones ...
COHORT_BOUNDS = (30, 300)  # ... within these bounds: fewer give no reliable spread, more are like any other voice
SPARED_FROM = 80  # of the characters that a cohort has above this number ...
SPARED_SHARE = 1 / 3  # ... this share, the nearest, is passed over: they may be roles of the same actor, not strangers
MOST_SPARED = 1 / 4  # of the characters that count, at most
#: A game is far from all others if none of its characters reaches this cosine with one of another game. Games of speech
#: are not: in eight catalogs of 52 to 239 characters every character reaches 0.24, and every game 0.78.
NEAR = 0.2
FIRST_COMPARED = 32  # characters: most games are near one of these; the others are compared with the next 64, ...
LEAST_SPREAD = 1e-3  # a cohort's spread is taken to be at least this
FEW = 6  # characters: one or two tell little about the spread, so a cohort of fewer is filled up to this many ...
ASSUMED_SPREAD = 0.2  # ... with imagined ones that have its mean and this spread
SCORES_AT_A_TIME = 1 << 24  # of a block of rows with all characters, 64 MiB
SAMPLED = 32  # one in this many values of a long row is looked at, to guess how high its highest are


def unit(vectors: Floats) -> Floats:
    """Vectors (..., dim) scaled to length one; zero stays zero."""
    # In float64: float32 cannot hold the squares of very short and very long ones.
    lengths = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=-1, keepdims=True))
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def channels(means: Floats, games: Ids, centre: Floats | None = None) -> tuple[Floats, Floats]:
    """What voices have in common: over all games (dim,), and in each character's game (C, dim).

    A game's room and equipment colour all its voices alike. Its mean estimates that colour, with more weight the more
    characters it has; a small game mostly gets the mean of all games, which is `centre` if given.
    """
    centre = means.mean(axis=0) if centre is None else centre
    order = np.argsort(games, kind="stable")
    first = np.flatnonzero(np.diff(games[order], prepend=-1))
    sizes = np.diff(first, append=len(games))
    sums = np.add.reduceat(means[order], first, axis=0)
    own = (sums + CHANNEL_PRIOR * centre) / (sizes + CHANNEL_PRIOR)[:, None]
    per_character = np.empty_like(means)
    per_character[order] = np.repeat(own, sizes, axis=0)
    return centre, per_character


def whitening(deviations: Floats, seconds: Floats, shrinkage: float) -> Floats:
    """The matrix (dim, dim) that evens out the directions in which characters differ.

    It is (T + shrinkage * tr(T) / dim * I)^(-1/2), with T the covariance of the characters' deviations (C, dim) from
    their channel. A deviation is weighted by the character's seconds of speech (C,) as s / (s + 1). The shrinkage
    (Ledoit and Wolf 2004) is essential where there are fewer characters than dimensions.
    """
    weighted = np.asarray(deviations, np.float64) * (seconds / (seconds + 1))[:, None]
    dim = weighted.shape[1]
    variances, axes = np.linalg.eigh(weighted.T @ weighted / max(1, len(weighted)))
    mean = float(variances.sum()) / dim
    if not mean > 0:
        return np.eye(dim, dtype=np.float32)
    scales = (np.maximum(variances, 0) + shrinkage * mean) ** -0.5
    return np.asarray((axes * scales) @ axes.T, np.float32)


def cohort_size(characters: int) -> int:
    wanted = int(np.ceil(characters * COHORT_SHARE))
    return min(characters, max(COHORT_BOUNDS[0], min(COHORT_BOUNDS[1], wanted)))


def cohort(cosines: Floats, counted: Bools | None = None) -> tuple[Floats, Floats]:
    """Mean and spread (n,) of each row's cohort: its highest cosines (n, C), without the top few.

    Only columns that are `counted` (n, C) take part. The adaptive cohort of Matejka et al. (2017), "Analysis of score
    normalization in multilingual speaker recognition".
    """
    width = cosines.shape[1]
    size = cohort_size(width)
    spared = min(width - size, int(max(0, size - SPARED_FROM) * SPARED_SHARE))
    if counted is not None:
        cosines = np.where(counted, cosines, -np.inf)
    top = highest(cosines, size + spared)
    if size >= FEW and np.isfinite(top[:, -1]).all():  # the same as below, in a third of the time
        first = min(spared, int(top.shape[1] * MOST_SPARED))
        top = top[:, first : first + size]
        return top.mean(axis=1), np.maximum(top.std(axis=1), LEAST_SPREAD)
    # A row with fewer counted columns uses only those, whichever other rows are in the call.
    finite = np.isfinite(top)
    passed_over = np.minimum(spared, (finite.sum(axis=1) * MOST_SPARED).astype(np.int64))[:, None]
    ranks = np.arange(top.shape[1])[None]
    among = finite & (ranks >= passed_over) & (ranks < passed_over + size)
    means = np.mean(top, axis=1, where=among)
    spreads = np.std(top, axis=1, where=among)
    lacking = np.maximum(0, FEW - among.sum(axis=1)) / FEW
    filled = np.sqrt((1 - lacking) * spreads**2 + lacking * ASSUMED_SPREAD**2)
    spreads = np.where(lacking > 0, filled, spreads).astype(np.float32)
    return means, np.maximum(spreads, LEAST_SPREAD)


def highest(values: Floats, count: int) -> Floats:
    """The highest values (n, count) of each row of (n, C), in descending order.

    Partitioning a long row takes longer than computing it. So what is partitioned is the few values above a bound that
    some four times as many as wanted exceed, judging by a sample of the row.
    """
    if values.shape[1] > SAMPLED * count:
        sample = values[:, ::SAMPLED]
        least = max(0, sample.shape[1] - 4 * (count // SAMPLED + 1))
        bounds = np.partition(sample, least, axis=1)[:, least]
        places = np.flatnonzero(values >= bounds[:, None])
        exceeding = np.bincount(places // values.shape[1], minlength=len(values))
        if (exceeding >= count).all():
            few = np.full((len(values), exceeding.max()), -np.inf, np.float32)
            few[np.arange(few.shape[1]) < exceeding[:, None]] = values.ravel()[places]
            values = few
    least = values.shape[1] - count
    return np.sort(np.partition(values, least, axis=1)[:, least:], axis=1)[:, ::-1]


def normalised(cosines: Floats, rows: tuple[Floats, Floats], columns: tuple[Floats, Floats]) -> Floats:
    """Symmetric normalisation (s-norm) of cosines (n, m) with the cohorts of the rows (n,) and of the columns (m,)."""
    return s_norm(cosines, (rows[0][:, None], rows[1][:, None]), (columns[0][None], columns[1][None]))


def s_norm(cosines: Floats, one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    """The same for cosines of any shape, with the cohorts of both sides in shapes that broadcast to it."""
    return np.asarray(((cosines - one[0]) / one[1] + (cosines - other[0]) / other[1]) / 2, np.float32)


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows, so that a block of scores with all columns takes little memory."""
    step = max(1, SCORES_AT_A_TIME // max(1, columns))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def others(of: Ids, games: Ids) -> Bools:
    """Which characters (n, C) are of other games than `of` (n,) or (n, k)."""
    found: Bools = of[:, None] != games if of.ndim == 1 else (of[..., None] != games).all(axis=1)
    return found


def near_others(vectors: Floats, games: Ids) -> Bools:
    """Which characters (C,) are of games that are not far from all others.

    `vectors` (C, dim) are unit vectors, `games` (C,) their games.
    """
    found = np.zeros(len(vectors), np.bool_)
    columns, step = np.arange(len(vectors)), FIRST_COMPARED
    while len(columns) and not found.all():
        rows = np.flatnonzero(~found)
        if (games[rows] == games[rows[0]]).all():  # a large game is not compared with itself
            columns = columns[games[columns] != games[rows[0]]]
        part, columns = columns[:step], columns[step:]
        near = (vectors[rows] @ vectors[part].T >= NEAR) & others(games[rows], games[part])
        found |= np.isin(games, games[rows[near.any(axis=1)]])
        step = min(2 * step, max(FIRST_COMPARED, SCORES_AT_A_TIME // max(1, len(rows))))
    return found


def cohorts_across_games(
    vectors: Floats, games: Ids, rows: Ids | None = None, counted: Bools | None = None
) -> tuple[Floats, Floats]:
    """Cohort means and spreads, (n,) and (n,), of these rows or of all: over their nearest characters of other games.

    `vectors` (C, dim) are unit vectors, `games` (C,) their games. Only characters that are `counted` (C,) are in
    cohorts. Where a row has none, all rows of its block get means of 0 and spreads of 1.
    """
    wanted = np.arange(len(vectors)) if rows is None else rows
    of, among = games[wanted], slice(None) if counted is None or counted.all() else counted
    cohort_vectors, cohort_games = vectors[among], games[among]
    means = np.zeros(len(wanted), np.float32)
    spreads = np.ones(len(wanted), np.float32)
    for part in blocks(len(wanted), len(vectors)):
        in_cohort = others(of[part], cohort_games)
        if in_cohort.any(axis=1).all():
            cosines = vectors[wanted[part]] @ cohort_vectors.T
            cosines[~in_cohort] = -np.inf  # in place: to fill a second block takes longer
            means[part], spreads[part] = cohort(cosines)
    return means, spreads
