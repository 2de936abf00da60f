"""The pairs of characters that could be linked, against all pairs."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.search import scoring
from speaker_search.search.profiles import neighbours as module
from speaker_search.search.profiles.neighbours import neighbours
from speaker_search.search.profiles.profiles import Sounding
from speaker_search.search.scoring import cohorts_across_games, normalised, unit

DIM = 48
quiet = settings(deadline=None, derandomize=True, max_examples=60)
Pairs = dict[tuple[int, int], float]


def acted(roles: int, actors: int, games: int, seed: int = 0) -> tuple[Sounding, np.ndarray]:
    """Characters of a few actors, with their cohorts, and the characters' games."""
    rng = np.random.default_rng(seed)
    people = rng.standard_normal((actors, DIM))[rng.integers(actors, size=roles)]
    vectors = unit((people + rng.standard_normal((roles, DIM))).astype(np.float32))
    of = rng.integers(games, size=roles)
    return Sounding(np.eye(DIM, dtype=np.float32), vectors, *cohorts_across_games(vectors, of)), of


def found(characters: Sounding, games: np.ndarray, floors: tuple[float, float], wanted: np.ndarray) -> Pairs:
    pairs: Pairs = {}
    for rows, first, second, scores in neighbours(characters, games, floors, wanted):
        assert (np.diff(first) >= 0).all()
        assert np.isin(first, rows).all()
        pairs.update(zip(zip(first.tolist(), second.tolist(), strict=True), scores.tolist(), strict=True))
    return pairs


def of_all(characters: Sounding, games: np.ndarray, floors: tuple[float, float], wanted: np.ndarray) -> Pairs:
    """Look at every score."""
    scores = normalised(characters.vectors @ characters.vectors.T, characters.cohorts, characters.cohorts)
    return {
        (one, other): float(scores[one, other])
        for one in wanted.tolist()
        for other in range(len(games))
        if one != other and scores[one, other] >= floors[int(games[one] == games[other])]
    }


def assert_same(some: Pairs, all_: Pairs, floors: tuple[float, float]) -> None:
    """The same pairs but for scores that a block's rounding moves over their floor."""
    for pair in some.keys() ^ all_.keys():
        score = some.get(pair, all_.get(pair, inf))
        assert min(abs(score - floor) for floor in floors) < 1e-3, pair
    both = sorted(some.keys() & all_.keys())
    np.testing.assert_allclose([some[pair] for pair in both], [all_[pair] for pair in both], atol=1e-3)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Sounding, np.ndarray, tuple[float, float], np.ndarray]:
    roles = draw(st.integers(0, 60))
    characters, games = acted(roles, draw(st.integers(1, 12)), draw(st.integers(1, 8)), draw(st.integers(0, 10**6)))
    floor = draw(st.sampled_from([-inf, -5.0, 0.0, 1.0, 2.5, 6.0, inf]))
    wanted = np.flatnonzero(draw(st.lists(st.booleans(), min_size=roles, max_size=roles)))
    return characters, games, (floor, floor + draw(st.sampled_from([0.0, 2.0, inf])) if floor > -inf else 2.0), wanted


@quiet
@given(problems())
def test_neighbours_are_all_pairs_that_reach_their_floor(
    problem: tuple[Sounding, np.ndarray, tuple[float, float], np.ndarray],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "SCORES_AT_A_TIME", 7 * len(problem[1]))
        assert_same(found(*problem), of_all(*problem), problem[2])


def test_of_a_catalog_with_very_different_cohorts_no_pair_is_lost() -> None:
    """A character in a crowd needs a far higher cosine than one like nobody; each pair is judged by both."""
    rng = np.random.default_rng(0)
    characters, games = acted(300, 40, 30)
    means, spreads = rng.uniform(-0.2, 0.6, 300), rng.uniform(1e-3, 0.3, 300)
    characters = Sounding(characters.matrix, characters.vectors, means.astype(np.float32), spreads.astype(np.float32))
    for floor in (-1.0, 0.0, 3.0, 20.0):
        problem = characters, games, (floor, floor + 1), np.arange(300)
        expected = of_all(*problem)
        assert expected
        assert_same(found(*problem), expected, problem[2])


def test_neighbours_are_the_same_in_any_order_of_characters() -> None:
    characters, games = acted(500, 60, 40)
    order = np.random.default_rng(1).permutation(500)
    pairs = found(characters, games, (4.0, 6.0), np.arange(500))
    assert pairs
    shuffled = found(characters.of(order), games[order], (4.0, 6.0), np.arange(500))
    back = {(int(order[one]), int(order[other])): score for (one, other), score in shuffled.items()}
    assert_same(back, pairs, (4.0, 6.0))


def test_of_more_neighbours_than_are_kept_the_nearest_are() -> None:
    characters, _ = acted(60, 1, 60)
    everyone = games = np.arange(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_NEIGHBOURS", 5)
        pairs = found(characters, games, (-inf, inf), everyone)
    scores = normalised(characters.vectors @ characters.vectors.T, characters.cohorts, characters.cohorts)
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1)[:, :5]
    assert set(pairs) == {(one, other) for one in range(60) for other in nearest[one].tolist()}
