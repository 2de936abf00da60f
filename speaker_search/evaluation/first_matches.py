"""Every known character compared with the others, in blocks: its first match, its ranking, and pairs of characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.known import NOBODY, Known
from speaker_search.evaluation.metrics import Bools, Doubles, average_precisions, first_is_right
from speaker_search.search.profiles.profiles import Profiles

BLOCK = 512  # characters compared with all at a time: their scores with 7,400 take 15 MB
MAX_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class FirstMatches:
    """The best match of each query (q) among all characters of other games, if the match's actor is known."""

    scores: Floats  # (q,)
    right: Bools  # (q,) whether it is the same actor
    actors: Ids  # (q,) the queries' own
    queries: Ids  # (q,) their places among all queries


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparisons of known characters (n) show."""

    found: Doubles  # (n,) is the nearest known one of another game the same actor? 1, 0, or nan: nothing to find
    precisions: Doubles  # (n,) average precision; nan: nothing to find
    first: FirstMatches
    pair_scores: Floats  # (p,) of pairs of known characters of different games
    pair_same: Bools  # (p,) whether they are the same actor


def compare(profiles: Profiles, known: Known) -> Compared:
    """Compare known characters with all others of other games.

    Rankings are among known characters only. A first match is the best of all characters; if its actor is not known, it
    cannot be judged and is left out. At most about MAX_PAIRS pairs are kept, drawn at random, the same ones every time.
    """
    found, precisions = [], []
    firsts: list[FirstMatches] = []
    pair_scores, pair_same = [], []
    share = MAX_PAIRS / max(1, len(known) * (len(known) - 1) / 2)
    rng = np.random.default_rng(0)
    every = np.arange(len(known))
    for start in range(0, len(known), BLOCK):
        part = every[start : start + BLOCK]
        everyone = _scores(profiles, known.rows[part])
        scores = np.full((len(part), len(known)), -np.inf, np.float32)
        scores[:, known.heard] = everyone[:, known.rows[known.heard]]
        same = known.actors[part, None] == known.actors[None]
        across = known.games[part, None] != known.games[None]
        found.append(first_is_right(scores, same, across))
        precisions.append(average_precisions(scores, same, across))
        firsts.append(first_matches(everyone, known.games[part], known.actors[part], part, profiles, known))
        kept = across & (every[None] > part[:, None]) & np.isfinite(scores)
        if share < 1:
            kept &= rng.random(kept.shape, np.float32) < share
        pair_scores.append(scores[kept])
        pair_same.append(same[kept])
    return Compared(
        np.concatenate(found),
        np.concatenate(precisions),
        joined(firsts),
        np.concatenate(pair_scores),
        np.concatenate(pair_same),
    )


def first_matches(
    scores: Floats, games: Ids, actors: Ids, asked: Ids, profiles: Profiles, known: Known
) -> FirstMatches:
    """The first matches of queries (n) from their scores (n, C) with all characters, their games, actors and places.

    A score of minus infinity means no match.
    """
    if not scores.shape[1]:
        none = np.empty(0, np.int64)
        return FirstMatches(np.empty(0, np.float32), np.empty(0, np.bool_), none, none)
    reached = np.where(games[:, None] != profiles.game_ids[None], scores, -np.inf)
    best = reached.argmax(axis=1)
    highest = reached[np.arange(len(scores)), best]
    judged = np.isfinite(highest) & (known.actors_of_rows[best] != NOBODY)
    right = known.actors_of_rows[best] == actors
    return FirstMatches(highest[judged].astype(np.float32), right[judged], actors[judged], asked[judged])


def joined(parts: list[FirstMatches]) -> FirstMatches:
    return FirstMatches(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.actors for part in parts]),
        np.concatenate([part.queries for part in parts]),
    )


def _scores(profiles: Profiles, rows: Ids) -> Floats:
    """Scores (n, C) of some characters with all; minus infinity for one without an embedded clip."""
    scores = np.full((len(rows), len(profiles)), -np.inf, np.float32)
    heard = rows != NOBODY
    if heard.any():
        scores[heard] = profiles.pair_scores(rows[heard])
    return scores
