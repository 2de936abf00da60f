"""What characters are ranked by: their profiles, and the calibration of scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.calibration import Calibration
from speaker_search.search.profiles.repeats import Repeats
from speaker_search.search.scoring import Bools, cohort, normalised, others, unit
from speaker_search.search.strangers import Doubles


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

    def log_odds(self, scores: Floats, nearest: float, chances: int = 1) -> Doubles:
        """Log-odds of one voice, of the same shape as the scores; `nearest` is the query's highest cosine.

        The score says how far a match stands out among all characters. Even for a stranger or for noise some character
        stands out, but at a cosine far below those of one voice. So the likelihood ratio of the highest cosine caps the
        log-odds, less the logarithm of `chances`: for a voice from outside the catalog the number of characters, as a
        stranger has as many chances of a high cosine. The catalog's own lines are what the calibration was fitted with,
        and have one. The size of the catalog caps the log-odds, too (see `_most`).
        """
        ratio = self.cosines.log_ratio(nearest) - math.log(chances)
        return np.minimum(self.scores.log_odds(scores), min(ratio, self.most))


@dataclass(frozen=True)
class Profiles:
    """Characters (C) with at least one embedded clip, by id."""

    position: int  # of the change log, when the scores were calibrated
    character_ids: Ids  # (C,)
    game_ids: Ids  # (C,)
    clips: Ids  # (C,) embedded clips of each
    echoes: Bools  # (C,) whether all of them are repeats; otherwise only the others count in what follows
    counted: Bools  # (C,) neither echoes nor of a game far from all others: only these affect the scores of others
    means: Floats  # (C, dim) mean of a character's clips, of unit length
    centre: Floats  # (dim,) mean of all means
    as_pairs: Sounding
    as_queries: Sounding
    pairs: Calibration | None  # of scores between characters
    queries: tuple[QueryCalibration, ...]
    repeats: Repeats

    def __len__(self) -> int:
        return len(self.character_ids)

    @cached_property
    def games_counted(self) -> Ids:
        """The game (C,) of each character, counted from 0."""
        return np.asarray(np.unique(self.game_ids, return_inverse=True)[1], np.int64)

    @property
    def far(self) -> Bools:
        """Which characters (C,) are of a game far from all others (see scoring.NEAR)."""
        own = self.game_ids[~self.echoes]
        alone = len(own) == 0 or bool((own == own[0]).all())
        return np.zeros(len(self), np.bool_) if alone else ~(self.counted | self.echoes)

    @cached_property
    def _among(self) -> slice | Bools:
        """The characters that cohorts are made of."""
        return slice(None) if self.counted.all() or not self.counted.any() else self.counted

    def row(self, character_id: int) -> int | None:
        place = int(np.searchsorted(self.character_ids, character_id))
        return place if place < len(self) and self.character_ids[place] == character_id else None

    def pair_scores(self, rows: slice | Ids, columns: slice | Ids = slice(None)) -> Floats:
        """Scores (n, m) between some characters and others, by default all."""
        vectors, means, spreads = self.as_pairs.vectors, self.as_pairs.cohort_means, self.as_pairs.cohort_spreads
        cosines = vectors[rows] @ vectors[columns].T
        return normalised(cosines, (means[rows], spreads[rows]), (means[columns], spreads[columns]))

    def query_scores(self, queries: Floats, *, games: Ids | None = None) -> tuple[Floats, Floats]:
        """Scores and cosines, (n, C) and (n, C), between unit vectors (n, dim) from clips and all characters.

        If the queries' own games are known (`games` (n,) or (n, k)), their characters stay out of the query's cohort,
        unless there are no others.
        """
        characters = self.as_queries
        cosines = self.whitened(queries) @ characters.vectors.T
        return normalised(cosines, self.cohort_of(cosines, games), characters.cohorts), cosines

    def cohort_of(self, cosines: Floats, games: Ids | None = None) -> tuple[Floats, Floats]:
        """Cohort means and spreads, (n,) and (n,), of rows of cosines (n, C) with all characters.

        Characters of `games` (n,) or (n, k) stay out of them, unless there are no others.
        """
        counted = None if games is None else others(games, self.game_ids[self._among])
        if counted is not None:
            counted[~counted.any(axis=1)] = True
        return cohort(cosines[:, self._among], counted)

    def whitened(self, queries: Floats) -> Floats:
        """Unit vectors (n, dim) from clips as they are compared with characters, and with each other."""
        return unit(unit(queries - self.centre) @ self.as_queries.matrix)

    def query_calibration(self, clips: int, seconds: float | None) -> QueryCalibration | None:
        """The calibration for a query of that many clips and, if known, seconds.

        It is that of the largest size that the query reaches and, within this size, of the greatest length.
        """
        reached = [each for each in self.queries if each.clips <= clips and each.seconds <= (seconds or -1)]
        return max(reached, key=lambda each: (each.clips, each.seconds)) if reached else None
