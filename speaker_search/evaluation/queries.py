"""Queries of one and more clips, made from known characters' own clips and asked of the characters of other games."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.first_matches import FirstMatches, first_matches, joined
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import Doubles, calibration_error, first_is_right, mean
from speaker_search.search.live import Ready
from speaker_search.search.profiles import QUERY_SIZES, Profiles
from speaker_search.search.scoring import unit
from speaker_search.views.snapshot import Snapshot

MAX_QUERIES = 4_000  # of one size
CONFIDENT = 0.9  # a probability of at least this
BLOCK = 512  # queries compared with all characters at a time


@dataclass(frozen=True, slots=True)
class QuerySize:
    """How well queries of one size find their actors in other games; None where there is nothing to measure."""

    clips: int
    queries: int
    precision_at_1: float | None  #: over queries whose actor plays in another game too
    first_match_ece: float | None
    confident: float | None  #: the share of first matches with a probability of at least CONFIDENT
    confident_right: float | None  #: the share of those that are right


def measure_queries(ready: Ready, known: Known) -> tuple[QuerySize, ...]:
    """Ask with clips of known characters, for each size that is calibrated separately."""
    samples = sample_clips(ready.snapshot, known)
    return tuple(_measured(ready.profiles, known, samples, size) for size in QUERY_SIZES)


def sample_clips(snapshot: Snapshot, known: Known) -> dict[int, Floats]:
    """Vectors (m, dim) of clips of each character, by its place, in an order that is random and the same every time.

    With more characters than MAX_QUERIES an even choice of them; of each, clips for its share of the queries.
    """
    heard = known.heard
    if len(heard) > MAX_QUERIES:
        heard = heard[np.linspace(0, len(heard) - 1, MAX_QUERIES).astype(np.int64)]
    most = _share(len(heard)) * max(QUERY_SIZES)
    rng = np.random.default_rng(0)
    clips = snapshot.clips.of_characters(known.games[heard], known.ids[heard], most)
    return {
        place: own.vectors[rng.permutation(len(own))].astype(np.float32)
        for place, own in zip(heard.tolist(), clips, strict=True)
    }


def _share(characters: int) -> int:
    """How many queries of one size each character may have."""
    return max(1, MAX_QUERIES // max(1, characters))


def queries_of(samples: dict[int, Floats], size: int) -> tuple[Floats, Ids]:
    """Queries (q, dim) of that many clips, none of them in two queries, and the place (q,) of each one's character."""
    vectors, places = [], []
    for place, clips in samples.items():
        for number in range(min(_share(len(samples)), len(clips) // size)):
            vectors.append(clips[number * size : (number + 1) * size].mean(axis=0))
            places.append(place)
    return unit(np.stack(vectors)) if vectors else np.empty((0, 0), np.float32), np.array(places, np.int64)


def _measured(profiles: Profiles, known: Known, samples: dict[int, Floats], size: int) -> QuerySize:
    vectors, places = queries_of(samples, size)
    if not len(places) or (profiles.game_ids == profiles.game_ids[0]).all():
        return QuerySize(size, len(places), None, None, None, None)
    found, first = _asked(profiles, known, vectors, places)
    calibration = profiles.query_calibration(size)
    if calibration is None or not len(first.right):
        return QuerySize(size, len(places), mean(found), None, None, None)
    likely = calibration.probability(first.scores)
    confident = likely >= CONFIDENT
    return QuerySize(
        size,
        len(places),
        mean(found),
        calibration_error(likely, first.right).ece,
        float(confident.mean()),
        float(first.right[confident].mean()) if confident.any() else None,
    )


def _asked(profiles: Profiles, known: Known, vectors: Floats, places: Ids) -> tuple[Doubles, FirstMatches]:
    """Whether each query (q,) finds its actor first among known characters, and the first matches among all."""
    recurring = known.recurring()
    found, firsts = [], []
    for start in range(0, len(places), BLOCK):
        part = places[start : start + BLOCK]
        games, actors = known.games[part], known.actors[part]
        scores = profiles.query_scores(vectors[start : start + BLOCK], games=games)
        among = scores[:, known.rows[known.heard]]
        same = actors[:, None] == known.actors[None, known.heard]
        right = first_is_right(among, same, games[:, None] != known.games[None, known.heard])
        # An actor who recurs only in refused clips is never found.
        found.append(np.where(recurring[part], np.nan_to_num(right), np.nan))
        firsts.append(first_matches(scores, games, actors, profiles, known))
    return np.concatenate(found), joined(firsts)
