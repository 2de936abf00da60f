"""Queries of one and more clips, made from known characters' own clips and asked of the characters of other games."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.first_matches import FirstMatches, first_matches, joined
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import Doubles, calibration_error, first_is_right, mean
from speaker_search.search.calibration import logistic
from speaker_search.search.live import Ready
from speaker_search.search.profiles.build import QUERY_SIZES
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import unit
from speaker_search.views.snapshot import Snapshot

MAX_QUERIES = 4_000  # of one size
CONFIDENT = 0.9  # a probability of at least this
BLOCK = 512  # queries compared with all characters at a time


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips (m) of a character."""

    vectors: Floats  # (m, dim)
    seconds: Floats  # (m,)


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


def sample_clips(snapshot: Snapshot, known: Known) -> dict[int, Clips]:
    """Clips of each character, by its place, in an order that is random and the same every time.

    If there are more characters than MAX_QUERIES, evenly spaced ones are taken. Each gives clips for its share of the
    queries.
    """
    heard = known.heard
    if len(heard) > MAX_QUERIES:
        heard = heard[np.linspace(0, len(heard) - 1, MAX_QUERIES).astype(np.int64)]
    most = _share(len(heard)) * max(QUERY_SIZES)
    rng = np.random.default_rng(0)
    clips = snapshot.clips.of_characters(known.games[heard], known.ids[heard], most)
    samples = {}
    for place, own in zip(heard.tolist(), clips, strict=True):
        order = rng.permutation(len(own))
        samples[place] = Clips(own.vectors[order].astype(np.float32), own.seconds[order])
    return samples


def _share(characters: int) -> int:
    """How many queries of one size each character may have."""
    return max(1, MAX_QUERIES // max(1, characters))


def queries_of(samples: dict[int, Clips], size: int) -> tuple[Clips, Ids]:
    """Queries (q) of that many clips, no clip in two of them, and the place (q,) of each one's character."""
    vectors, seconds, places = [], [], []
    for place, clips in samples.items():
        for number in range(min(_share(len(samples)), len(clips.vectors) // size)):
            part = slice(number * size, (number + 1) * size)
            vectors.append(clips.vectors[part].mean(axis=0))
            seconds.append(clips.seconds[part].sum())
            places.append(place)
    means = unit(np.stack(vectors)) if vectors else np.empty((0, 0), np.float32)
    return Clips(means, np.array(seconds, np.float32)), np.array(places, np.int64)


def _measured(profiles: Profiles, known: Known, samples: dict[int, Clips], size: int) -> QuerySize:
    queries, places = queries_of(samples, size)
    if not len(places) or (profiles.game_ids == profiles.game_ids[0]).all():
        return QuerySize(size, len(places), None, None, None, None)
    found, first, nearest = _asked(profiles, known, queries.vectors, places)
    likely = _likely(profiles, first, nearest, size, queries.seconds)
    if likely is None or not len(first.right):
        return QuerySize(size, len(places), mean(found), None, None, None)
    confident = likely >= CONFIDENT
    return QuerySize(
        size,
        len(places),
        mean(found),
        calibration_error(likely, first.right).ece,
        float(confident.mean()),
        float(first.right[confident].mean()) if confident.any() else None,
    )


def _likely(profiles: Profiles, first: FirstMatches, nearest: Floats, size: int, seconds: Floats) -> Floats | None:
    """The probability of each first match (m,), by the calibration for its query; None without one."""
    log_odds = np.empty(len(first.scores))
    for place, length in enumerate(seconds[first.queries].tolist()):
        calibration = profiles.query_calibration(size, length)
        if calibration is None:
            return None
        log_odds[place] = calibration.log_odds(first.scores[place], float(nearest[place]))
    return logistic(log_odds)


def _asked(profiles: Profiles, known: Known, vectors: Floats, places: Ids) -> tuple[Doubles, FirstMatches, Floats]:
    """Whether each query (q,) finds its actor first among known characters; the first matches (m) among all; and, for
    each first match, the highest cosine (m,) of its query with a character of another game.
    """
    recurring = known.recurring()
    found, firsts, nearest = [], [], []
    for start in range(0, len(places), BLOCK):
        part = places[start : start + BLOCK]
        games, actors = known.games[part], known.actors[part]
        scores, cosines = profiles.query_scores(vectors[start : start + BLOCK], games=games)
        among = scores[:, known.rows[known.heard]]
        same = actors[:, None] == known.actors[None, known.heard]
        right = first_is_right(among, same, games[:, None] != known.games[None, known.heard])
        # An actor who recurs only in refused clips is never found.
        found.append(np.where(recurring[part], np.nan_to_num(right), np.nan))
        asked = np.arange(start, start + len(part))
        firsts.append(first_matches(scores, games, actors, asked, profiles, known))
        elsewhere = np.where(games[:, None] != profiles.game_ids[None], cosines, -1.0)
        nearest.append(elsewhere.max(axis=1)[firsts[-1].queries - start])
    return np.concatenate(found), joined(firsts), np.concatenate(nearest)
