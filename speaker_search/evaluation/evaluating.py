"""A catalog's search and cast measured against known voice actors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speaker_search.cast.voices import Cast
from speaker_search.catalog.database import Catalog
from speaker_search.entities import Caution, Floats, Ids
from speaker_search.evaluation import bootstrap
from speaker_search.evaluation.best_threshold import best_groups
from speaker_search.evaluation.bootstrap import Interval
from speaker_search.evaluation.breakdown import Part, broken_down
from speaker_search.evaluation.decisions import NOTHING, Judged, Linked, decisions, likely_pairs
from speaker_search.evaluation.first_matches import Compared, compare
from speaker_search.evaluation.known import By, Known, known_characters, part_names
from speaker_search.evaluation.metrics import (
    BCubed,
    Doubles,
    Pairwise,
    Reliability,
    bcubed,
    bcubed_of_each,
    calibration_error,
    equal_error_rate,
    log_likelihood_ratio_cost,
    log_likelihood_ratios,
    mean,
    min_detection_cost,
    pairs_of_each,
    pairwise,
)
from speaker_search.evaluation.queries import QuerySize, measure_queries
from speaker_search.evaluation.truth import Truth
from speaker_search.search.calibration import Calibration
from speaker_search.search.live import Ready


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """How far probabilities are from how often they are right; None where there is nothing to judge."""

    ece: float  #: of pairs of characters of different games
    brier: float  #: of the same pairs
    first_match_ece: float | None  #: of each character's nearest match
    membership_ece: float | None  #: of the members of voices
    likely_pair_ece: float | None  #: of those pairs whose probability is at least 0.1
    voice_ece: float | None  #: of whole voices


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals, by drawing the voice actors with replacement."""

    precision_at_1: Interval | None = None
    map: Interval | None = None
    f1: Interval | None = None
    best_f1: Interval | None = None
    first_match_ece: Interval | None = None
    membership_ece: Interval | None = None
    voice_ece: Interval | None = None
    pairwise_f1: Interval | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures over the catalog's characters whose voice actor is known; None when there is nothing to measure.

    A character whose clips were all refused counts too: no search finds it, and it is a group of its own. While no
    known character has an embedded clip, nothing is measured. EER, minDCF, Cllr, and the ECE and Brier score of pairs
    are measured on at most about 4 million pairs, drawn at random.
    """

    encoder: str
    characters: int
    voice_actors: int
    precision_at_1: float | None  #: is the nearest character of any other game the same voice actor?
    map: float | None
    eer: float | None  #: of scores between characters of different games
    min_dcf: float | None  #: of the same scores; see metrics.min_detection_cost
    cllr: float | None  #: in bits, of the probabilities of those pairs; 0 is perfect, 1 says nothing
    bcubed: BCubed | None
    pairwise: Pairwise | None
    calibration: CalibrationErrors | None
    intervals: Intervals
    reliability: tuple[Reliability, ...]  #: of first matches
    pair_reliability: tuple[Reliability, ...]  #: of pairs whose probability is at least 0.1
    membership_reliability: tuple[Reliability, ...]  #: of the members of voices
    voice_reliability: tuple[Reliability, ...]  #: of whole voices: right where all known members are one actor
    queries: tuple[QuerySize, ...]  #: by the number of their clips
    by: By | None
    parts: tuple[Part, ...]  #: by style, game or maker, where asked for
    warnings: tuple[Caution, ...]  #: the cast's


def evaluate(catalog: Catalog, ready: Ready, cast: Cast, truth: Truth, by: By | None = None) -> Evaluation:
    """Compare every known character with every other of another game, and the cast's groups with the true ones.

    Raises UsageError when the truth knows none of the catalog's characters, or none of their styles if these are asked
    for.
    """
    known = known_characters(catalog, ready.profiles, truth)
    return measured(ready, cast, known, by, None if by is None else part_names(catalog, known, truth, by))


def measured(
    ready: Ready, cast: Cast, known: Known, by: By | None = None, names: Sequence[str] | None = None
) -> Evaluation:
    """The same for known characters (n), whose parts have these names (n)."""
    profiles = ready.profiles
    queries = measure_queries(ready, known)
    if not len(known.heard):
        return Evaluation(
            encoder=ready.space.name,
            characters=len(known),
            voice_actors=known.voice_actors,
            precision_at_1=None,
            map=None,
            eer=None,
            min_dcf=None,
            cllr=None,
            bcubed=None,
            pairwise=None,
            calibration=None,
            intervals=Intervals(),
            reliability=(),
            pair_reliability=(),
            membership_reliability=(),
            voice_reliability=(),
            queries=queries,
            by=by,
            parts=(),
            warnings=cast.warnings,
        )
    compared = compare(profiles, known)
    same, different = compared.pair_scores[compared.pair_same], compared.pair_scores[~compared.pair_same]
    linked = decisions(cast, known)
    voices = linked.voices
    linking = bcubed(voices, known.actors)
    first, likely = NOTHING, NOTHING
    best, cllr, errors = None, None, None
    if profiles.pairs is not None and len(compared.pair_scores):
        first = Judged(profiles.pairs.probability(compared.first.scores), compared.first.right, compared.first.actors)
        best = best_groups(profiles, profiles.pairs, known, compared.pair_scores)
        # The automatic threshold is among those tried; if its groups differ from the cast's, the better ones count.
        best = max((best, voices), key=lambda groups: bcubed(groups, known.actors).f1)
        linking = replace(linking, best_f1=bcubed(best, known.actors).f1)
        cllr = _cllr(profiles.pairs, same, different)
        probabilities = profiles.pairs.probability(compared.pair_scores)
        over_pairs = calibration_error(probabilities, compared.pair_same)
        likely = likely_pairs(probabilities, compared.pair_same)
        errors = CalibrationErrors(
            over_pairs.ece, over_pairs.brier, first.ece, linked.members.ece, likely.ece, linked.wholes.ece
        )
    return Evaluation(
        encoder=ready.space.name,
        characters=len(known),
        voice_actors=known.voice_actors,
        precision_at_1=mean(compared.found),
        map=mean(compared.precisions),
        eer=equal_error_rate(same, different),
        min_dcf=min_detection_cost(same, different),
        cllr=cllr,
        bcubed=linking,
        pairwise=pairwise(voices, known.actors),
        calibration=errors,
        intervals=_intervals(known, compared, linked, best, first),
        reliability=first.table,
        pair_reliability=likely.table,
        membership_reliability=linked.members.table,
        voice_reliability=linked.wholes.table,
        queries=queries,
        by=by,
        parts=()
        if names is None
        else broken_down(names, known.actors, compared.found, compared.precisions, voices, linked.members_right),
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


def _intervals(known: Known, compared: Compared, linked: Linked, best: Ids | None, first: Judged) -> Intervals:
    if known.voice_actors < 2:
        return Intervals()  # every draw of one actor is the same
    drawn = bootstrap.draws(known.voice_actors)

    def of_mean(values: Doubles) -> Interval | None:
        return bootstrap.interval(bootstrap.means(drawn, known.actors, values))

    def of_f1(groups: Ids) -> Interval | None:
        parts = bcubed_of_each(groups, known.actors)
        return bootstrap.interval(bootstrap.f1_scores(drawn, known.actors, *parts))

    pairs = pairs_of_each(linked.voices, known.actors)

    def of_ece(judged: Judged) -> Interval | None:
        measured = bootstrap.calibration_errors(drawn, judged.actors, judged.probabilities, judged.right)
        return bootstrap.interval(measured)

    return Intervals(
        of_mean(compared.found),
        of_mean(compared.precisions),
        of_f1(linked.voices),
        None if best is None else of_f1(best),
        of_ece(first),
        of_ece(linked.members),
        of_ece(linked.wholes),
        bootstrap.interval(bootstrap.pairwise_f1_scores(drawn, known.actors, *pairs)),
    )
