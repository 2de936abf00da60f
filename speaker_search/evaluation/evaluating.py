"""A catalog's search and cast measured against known voice actors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speaker_search.cast.voices import Cast
from speaker_search.catalog.database import Catalog
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation import bootstrap
from speaker_search.evaluation.best_threshold import best_groups
from speaker_search.evaluation.bootstrap import Interval
from speaker_search.evaluation.first_matches import Compared, compare
from speaker_search.evaluation.known import Known, known_characters
from speaker_search.evaluation.metrics import (
    BCubed,
    Bools,
    Doubles,
    Reliability,
    bcubed,
    bcubed_of_each,
    calibration_error,
    equal_error_rate,
    log_likelihood_ratio_cost,
    log_likelihood_ratios,
    mean,
    members_are_right,
    reliability,
)
from speaker_search.evaluation.queries import QuerySize, measure_queries
from speaker_search.evaluation.truth import Truth
from speaker_search.search.calibration import Calibration
from speaker_search.search.live import Ready


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """How far probabilities are from how often they are right; the last two are None when there is nothing to judge."""

    ece: float  #: of pairs of characters of different games
    brier: float  #: of the same pairs
    first_match_ece: float | None  #: of each character's nearest match
    membership_ece: float | None  #: of the members of voices


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals, by drawing the voice actors with replacement."""

    precision_at_1: Interval | None = None
    map: Interval | None = None
    f1: Interval | None = None
    best_f1: Interval | None = None
    first_match_ece: Interval | None = None
    membership_ece: Interval | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures over the catalog's characters whose voice actor is known; None when there is nothing to measure.

    A character whose clips were all refused counts too: no search finds it, and it is a group of its own. While no
    known character has an embedded clip, nothing is measured. EER, Cllr, and the ECE and Brier score of pairs are
    measured on at most about 4 million pairs, drawn at random.
    """

    encoder: str
    characters: int
    voice_actors: int
    precision_at_1: float | None  #: is the nearest character of any other game the same voice actor?
    map: float | None
    eer: float | None  #: of scores between characters of different games
    cllr: float | None  #: in bits, of the probabilities of those pairs; 0 is perfect, 1 says nothing
    bcubed: BCubed | None
    calibration: CalibrationErrors | None
    intervals: Intervals
    reliability: tuple[Reliability, ...]  #: of first matches
    queries: tuple[QuerySize, ...]  #: by the number of their clips
    warnings: tuple[str, ...]  #: the cast's


@dataclass(frozen=True, slots=True)
class Judged:
    """Probabilities (m,) with their outcomes and the actors that they are about."""

    probabilities: Floats
    right: Bools
    actors: Ids

    @property
    def ece(self) -> float | None:
        return calibration_error(self.probabilities, self.right).ece if len(self.right) else None


def evaluate(catalog: Catalog, ready: Ready, cast: Cast, truth: Truth) -> Evaluation:
    """Compare every known character with every other of another game, and the cast's groups with the true ones.

    Raises UsageError when the truth knows none of the catalog's characters.
    """
    profiles = ready.profiles
    known = known_characters(catalog, profiles, truth)
    queries = measure_queries(ready, known)
    if not len(known.heard):
        return Evaluation(
            encoder=ready.space.name,
            characters=len(known),
            voice_actors=known.voice_actors,
            precision_at_1=None,
            map=None,
            eer=None,
            cllr=None,
            bcubed=None,
            calibration=None,
            intervals=Intervals(),
            reliability=(),
            queries=queries,
            warnings=cast.warnings,
        )
    compared = compare(profiles, known)
    same, different = compared.pair_scores[compared.pair_same], compared.pair_scores[~compared.pair_same]
    voices, members = _voices(cast, known)
    linking = bcubed(voices, known.actors)
    first = Judged(np.empty(0, np.float32), np.empty(0, np.bool_), np.empty(0, np.int64))
    best, cllr, errors = None, None, None
    if profiles.pairs is not None and len(compared.pair_scores):
        first = Judged(profiles.pairs.probability(compared.first.scores), compared.first.right, compared.first.actors)
        best = best_groups(profiles, profiles.pairs, known, compared.pair_scores)
        # The automatic threshold is among those tried; if its groups differ from the cast's, the better ones count.
        best = max((best, voices), key=lambda groups: bcubed(groups, known.actors).f1)
        linking = replace(linking, best_f1=bcubed(best, known.actors).f1)
        cllr = _cllr(profiles.pairs, same, different)
        over_pairs = calibration_error(profiles.pairs.probability(compared.pair_scores), compared.pair_same)
        errors = CalibrationErrors(over_pairs.ece, over_pairs.brier, first.ece, members.ece)
    return Evaluation(
        encoder=ready.space.name,
        characters=len(known),
        voice_actors=known.voice_actors,
        precision_at_1=mean(compared.found),
        map=mean(compared.precisions),
        eer=equal_error_rate(same, different),
        cllr=cllr,
        bcubed=linking,
        calibration=errors,
        intervals=_intervals(known, compared, voices, best, first, members),
        reliability=reliability(first.probabilities, first.right),
        queries=queries,
        warnings=cast.warnings,
    )


def _cllr(calibration: Calibration, same: Floats, different: Floats) -> float | None:
    """Cllr of a calibration's probabilities for pairs of one actor (s,) and of two (d,).

    A likelihood ratio is the odds divided by the prior odds, which come from the calibration's share of one voice.
    """
    return log_likelihood_ratio_cost(
        log_likelihood_ratios(calibration.log_odds(same), calibration.share),
        log_likelihood_ratios(calibration.log_odds(different), calibration.share),
    )


def _voices(cast: Cast, known: Known) -> tuple[Ids, Judged]:
    """The cast's group of each known character (n,), and the members of voices that can be judged."""
    linked = {character.id: (voice.id, p) for voice in cast.voices for character, p in voice.members}
    # A character without a voice is a group of its own: a negative number, which no voice has.
    found = [linked.get(id_, (-1 - place, np.nan)) for place, id_ in enumerate(known.ids.tolist())]
    voices = np.array([voice for voice, _ in found], np.int64)
    probabilities = np.array([probability for _, probability in found], np.float32)
    right = members_are_right(voices, known.actors)
    judged = ~np.isnan(right)
    return voices, Judged(probabilities[judged], right[judged] == 1, known.actors[judged])


def _intervals(
    known: Known, compared: Compared, voices: Ids, best: Ids | None, first: Judged, members: Judged
) -> Intervals:
    if known.voice_actors < 2:
        return Intervals()  # every draw of one actor is the same
    drawn = bootstrap.draws(known.voice_actors)

    def of_mean(values: Doubles) -> Interval | None:
        return bootstrap.interval(bootstrap.means(drawn, known.actors, values))

    def of_f1(groups: Ids) -> Interval | None:
        parts = bcubed_of_each(groups, known.actors)
        return bootstrap.interval(bootstrap.f1_scores(drawn, known.actors, *parts))

    def of_ece(judged: Judged) -> Interval | None:
        measured = bootstrap.calibration_errors(drawn, judged.actors, judged.probabilities, judged.right)
        return bootstrap.interval(measured)

    return Intervals(
        of_mean(compared.found),
        of_mean(compared.precisions),
        of_f1(voices),
        None if best is None else of_f1(best),
        of_ece(first),
        of_ece(members),
    )
