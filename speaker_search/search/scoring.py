"""Scores between voices: game channels removed, cosines normalised against a cohort. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from speaker_search.entities import Floats, Ids

CHANNEL_PRIOR = 10  # characters: with this many, a game's channel is halfway between the common mean and its own
COHORT_SHARE = 1 / 3  # of the characters, the nearest ones ...
COHORT_BOUNDS = (30, 300)  # ... within these bounds: fewer give no reliable spread, more are like any other voice
LEAST_SPREAD = 1e-3  # a cohort's spread is taken to be at least this
ROWS_AT_A_TIME = 1024


def unit(vectors: Floats) -> Floats:
    """Vectors (..., dim) scaled to length one; zero stays zero."""
    # In float64: float32 cannot hold the squares of very short and very long ones.
    lengths = np.linalg.norm(np.asarray(vectors, np.float64), axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def channels(means: Floats, games: Ids) -> tuple[Floats, Floats]:
    """What voices have in common: over all games (dim,), and in each character's game (C, dim).

    A game's room and equipment colour all its voices alike. Its mean estimates that colour, with more weight the more
    characters it has; a small game mostly gets the mean of all games.
    """
    centre = means.mean(axis=0)
    per_character = np.empty_like(means)
    for game in np.unique(games):
        cast = games == game
        per_character[cast] = (means[cast].sum(axis=0) + CHANNEL_PRIOR * centre) / (cast.sum() + CHANNEL_PRIOR)
    return centre, per_character


def cohort_size(characters: int) -> int:
    wanted = int(np.ceil(characters * COHORT_SHARE))
    return min(characters, max(COHORT_BOUNDS[0], min(COHORT_BOUNDS[1], wanted)))


def cohort(cosines: Floats, counted: np.typing.NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
    """Mean and spread (n,) of each row's highest cosines (n, C), over the columns that are counted (n, C).

    The adaptive cohort of Matejka et al. (2017), "Analysis of score normalization in multilingual speaker recognition".
    """
    size = cohort_size(cosines.shape[1])
    if counted is not None:
        cosines = np.where(counted, cosines, -np.inf)
    top = np.partition(cosines, cosines.shape[1] - size, axis=1)[:, -size:]
    # A row with fewer counted columns uses only those, whichever other rows are in the call.
    among = np.isfinite(top)
    means = np.mean(top, axis=1, where=among)
    return means, np.maximum(np.std(top, axis=1, where=among), LEAST_SPREAD)


def normalised(cosines: Floats, rows: tuple[Floats, Floats], columns: tuple[Floats, Floats]) -> Floats:
    """Symmetric normalisation (s-norm) of cosines (n, m) with the cohorts of the rows (n,) and of the columns (m,)."""
    by_row = (cosines - rows[0][:, None]) / rows[1][:, None]
    by_column = (cosines - columns[0][None]) / columns[1][None]
    return np.asarray((by_row + by_column) / 2, np.float32)


def cohorts_across_games(vectors: Floats, games: Ids, rows: Ids | None = None) -> tuple[Floats, Floats]:
    """Cohort means and spreads, (n,) and (n,), of these rows or of all: over their nearest characters of other games.

    `vectors` (C, dim) are unit vectors, `games` (C,) their games.
    """
    wanted = np.arange(len(vectors)) if rows is None else rows
    means = np.zeros(len(wanted), np.float32)
    spreads = np.ones(len(wanted), np.float32)
    for start in range(0, len(wanted), ROWS_AT_A_TIME):
        part = slice(start, start + ROWS_AT_A_TIME)
        others = games[wanted[part], None] != games[None]
        if others.any(axis=1).all():
            means[part], spreads[part] = cohort(vectors[wanted[part]] @ vectors.T, others)
    return means, spreads
