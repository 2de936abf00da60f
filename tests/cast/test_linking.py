"""Average linkage with cannot-link and a bonus for groups, against the plain algorithm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.cast.linking import DOUBLED, NO_PAIRS, NOTHING_GIVEN, Given, Start, link
from speaker_search.search import scoring
from speaker_search.search.calibration import MOST_PAIRS
from speaker_search.search.profiles import neighbours
from speaker_search.search.profiles.profiles import Sounding
from speaker_search.search.scoring import normalised, unit

DIM = 6
quiet = settings(deadline=None, derandomize=True, max_examples=120)


def sounding(seed: int, count: int) -> Sounding:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, DIM)).astype(np.float32))
    means, spreads = rng.uniform(0, 0.5, count), rng.uniform(0.2, 0.6, count)
    return Sounding(np.eye(DIM, dtype=np.float32), vectors, means.astype(np.float32), spreads.astype(np.float32))


def given_scores(scores: list[list[float]]) -> Sounding:
    """Characters with these cosines, a cohort's mean of 0 and a spread of 1: their scores are their cosines."""
    values, axes = np.linalg.eigh(np.array(scores, np.float64))
    vectors = (axes * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    nothing = np.zeros(len(scores), np.float32)
    return Sounding(np.eye(len(scores), dtype=np.float32), vectors, nothing, nothing + 1)


def log_odds(scores: np.ndarray) -> np.ndarray:
    return 3 * np.asarray(scores, np.float64) - 4


def bonus(pairs: npt.ArrayLike) -> np.ndarray:
    return np.asarray(1.5 * np.log2(np.minimum(pairs, MOST_PAIRS)), np.float64)


def linked(
    characters: Sounding,
    games: list[int],
    least: float,
    known: Given = NOTHING_GIVEN,
    start: Start | None = None,
) -> list[int]:
    return link(characters, np.array(games, np.int64), log_odds, bonus, floors(least), least, known, start).tolist()


def floors(least: float) -> tuple[float, float]:
    floor = (least - float(bonus(MOST_PAIRS)) + 4) / 3
    return floor, (least + DOUBLED + 4) / 3


def linked_plainly(characters: Sounding, games: list[int], least: float) -> list[int]:
    """Look at all pairs of groups and merge the two with the most evidence, again and again."""
    scores = normalised(characters.vectors @ characters.vectors.T, characters.cohorts, characters.cohorts)
    groups = [[one] for one in range(len(games))]
    while True:
        best, pair = least, None
        for a, left in enumerate(groups):
            for b, right in enumerate(groups[:a]):
                mean = float(np.mean([scores[one, other] for one in left for other in right], dtype=np.float64))
                evidence = 3 * mean - 4 + float(bonus(len(left) * len(right)))
                if {games[one] for one in left} & {games[one] for one in right}:
                    evidence = 3 * mean - 4 - DOUBLED
                if evidence >= best:
                    best, pair = evidence, (a, b)
        if pair is None:
            break
        a, b = pair
        groups[b] += groups.pop(a)
    labels = [0] * len(games)
    for group in groups:
        for one in group:
            labels[one] = min(group)
    return labels


@st.composite
def problems(draw: st.DrawFn) -> tuple[Sounding, list[int], float]:
    count = draw(st.integers(0, 14))
    games = draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    least = draw(st.sampled_from([-40.0, -6.0, -4.0, -3.0, -1.0, 0.0, 2.0, 40.0]))
    return sounding(draw(st.integers(0, 10**6)), count), games, least


@quiet
@given(problems())
def test_linking_equals_the_plain_algorithm(problem: tuple[Sounding, list[int], float]) -> None:
    assert linked(*problem) == linked_plainly(*problem)


def test_two_of_one_game_are_linked_only_by_much_more_evidence() -> None:
    pair = given_scores([[1, 0.6], [0.6, 1]])  # log-odds of -2.2
    assert linked(pair, [0, 1], -2.3) == [0, 0]
    assert linked(pair, [0, 0], -2.3) == [0, 1]
    assert linked(pair, [0, 0], -2.1 - DOUBLED) == [0, 1]
    assert linked(pair, [0, 0], -2.3 - DOUBLED) == [0, 0]


@st.composite
def constrained(draw: st.DrawFn) -> tuple[Sounding, list[int], float, Given]:
    """A problem with consistent constraints: people are drawn first, and what is known is true of them."""
    characters, games, least = draw(problems())
    count = len(games)
    people = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    pairs = [(one, other) for one in range(count) for other in range(one)]
    told = draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    together = [pair for pair in told if people[pair[0]] == people[pair[1]]]
    apart = [pair for pair in told if people[pair[0]] != people[pair[1]]]
    named = draw(st.lists(st.sampled_from(pairs), max_size=4)) if pairs else []
    namesakes = [pair for pair in named if games[pair[0]] != games[pair[1]]]
    credited = sorted(draw(st.sets(st.sampled_from(range(count))))) if count else []
    actors = pairs_of([(row, people[row]) for row in credited])
    return characters, games, least, Given(pairs_of(together), pairs_of(apart), pairs_of(namesakes), 6.0, actors)


def pairs_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.int64) if pairs else NO_PAIRS


@quiet
@given(constrained())
def test_who_is_known_to_be_one_voice_ends_in_one_group(problem: tuple[Sounding, list[int], float, Given]) -> None:
    labels = linked(*problem)
    assert all(labels[one] == labels[other] for one, other in problem[3].together.tolist())


@quiet
@given(constrained())
def test_who_is_known_to_be_two_people_never_ends_in_one_group(
    problem: tuple[Sounding, list[int], float, Given],
) -> None:
    characters, games, _, known = problem
    labels = linked(characters, games, -40.0, known)  # everybody else ends in one group
    assert all(labels[one] != labels[other] for one, other in known.apart.tolist())
    groups = {(labels[row], actor) for row, actor in known.actors.tolist()}
    assert len({label for label, _ in groups}) == len(groups)


def test_two_people_are_not_joined_by_a_third_who_sounds_like_both() -> None:
    characters = given_scores([[1, 0.5, 0.9], [0.5, 1, 0.9], [0.9, 0.9, 1]])
    known = Given(NO_PAIRS, pairs_of([(0, 1)]), NO_PAIRS)
    assert linked(characters, [0, 1, 2], -4.0) == [0, 0, 0]
    labels = linked(characters, [0, 1, 2], -4.0, known)
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


def test_who_is_known_to_be_one_voice_is_one_even_in_one_game() -> None:
    characters = given_scores([[1, -0.9], [-0.9, 1]])
    assert linked(characters, [0, 0], 40.0, Given(pairs_of([(0, 1)]), NO_PAIRS, NO_PAIRS)) == [0, 0]


def test_a_name_in_common_adds_evidence_however_low_the_score_is() -> None:
    characters = given_scores([[1, 0.0], [0.0, 1]])  # log-odds of -4, below the floor at 1
    named = Given(NO_PAIRS, NO_PAIRS, pairs_of([(0, 1)]), alike=5.5)
    assert linked(characters, [0, 1], 1.0, named) == [0, 0]
    assert linked(characters, [0, 1], 2.0, named) == [0, 1]
    assert linked(characters, [0, 1], 1.0) == [0, 1]


@quiet
@given(constrained())
def test_when_all_are_linked_anew_the_start_says_nothing(problem: tuple[Sounding, list[int], float, Given]) -> None:
    count = len(problem[1])
    assert linked(*problem, Start(np.arange(count), np.ones(count, np.bool_))) == linked(*problem)


@st.composite
def started(draw: st.DrawFn) -> tuple[tuple[Sounding, list[int], float], Start]:
    """A problem with groups to begin with, and characters that are linked anew."""
    problem = draw(problems())
    count = len(problem[1])
    anew = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), np.bool_)
    drawn = draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    first = {group: row for row, group in reversed([*enumerate(drawn)]) if not anew[row]}
    labels = [row if anew[row] else first[group] for row, group in enumerate(drawn)]
    return problem, Start(np.array(labels, np.int64), anew)


@quiet
@given(started())
def test_groups_to_begin_with_stay_as_they_are_but_for_those_linked_anew(
    started: tuple[tuple[Sounding, list[int], float], Start],
) -> None:
    """And who alone would be linked to one of these brings the others of its group along."""
    (characters, games, least), start = started
    labels = np.array(linked(characters, games, least, NOTHING_GIVEN, start), np.int64)
    scores = normalised(characters.vectors @ characters.vectors.T, characters.cohorts, characters.cohorts)
    across = np.array(games)[:, None] != np.array(games)
    likely = (log_odds(scores) >= least - 1e-6) & across & start.anew[None]
    anew = np.isin(start.labels, start.labels[start.anew | likely.any(axis=1)])
    near = ((scores >= floors(least)[0] - 1e-6) & anew[None]).any(axis=1)
    for group in np.unique(start.labels[~anew]).tolist():
        own = start.labels == group
        now = labels == labels[group]
        assert now[own].all()  # it stays whole
        assert anew[now].any() or (now == own).all()  # and is joined by nobody but those linked anew,
        assert near[own].any() or (now == own).all()  # if they are near


@quiet
@given(problems())
def test_a_label_is_the_lowest_row_of_its_group(problem: tuple[Sounding, list[int], float]) -> None:
    labels = np.array(linked(*problem), np.int64)
    for label in set(labels.tolist()):
        assert np.flatnonzero(labels == label)[0] == label


@quiet
@given(problems())
def test_blocks_of_rows_change_nothing(problem: tuple[Sounding, list[int], float]) -> None:
    whole = linked(*problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "SCORES_AT_A_TIME", 3 * len(problem[1]))
        assert linked(*problem) == whole


def test_linking_is_the_same_every_time_even_with_equal_scores() -> None:
    characters, games = given_scores([[1.0] * 9] * 9), [0, 0, 0, 1, 1, 1, 2, 2, 2]
    first = linked(characters, games, -2.0)
    assert all(linked(characters, games, -2.0) == first for _ in range(3))
    assert sorted(first.count(label) for label in set(first)) == [3, 3, 3]


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_alone_are_linked_to_nobody(count: int) -> None:
    assert linked(sounding(0, count), list(range(count)), -40.0) == list(range(count))


def test_a_link_needs_the_mean_over_the_group_not_its_best_pair() -> None:
    # 0 and 1 are one voice. 2 is near 0 and far from 1, so its mean score is 0; with 1.5 for two pairs, that is -2.5.
    characters = given_scores([[1, 0.6, 0.4], [0.6, 1, -0.4], [0.4, -0.4, 1]])
    assert linked(characters, [0, 1, 2], -2.3) == [0, 0, 2]
    assert linked(characters, [0, 1, 2], -2.6) == [0, 0, 0]


def test_a_group_whose_members_agree_links_what_none_of_them_would_alone() -> None:
    pair, triple = [[1, 0.3], [0.3, 1]], [[1, 0.9, 0.3], [0.9, 1, 0.3], [0.3, 0.3, 1]]
    least = -2.0  # a score of 0.3 alone is -3.1; with two pairs -1.6
    assert linked(given_scores(pair), [0, 1], least) == [0, 1]
    assert linked(given_scores(triple), [0, 1, 2], least) == [0, 0, 0]


def test_the_neighbours_kept_are_the_nearest() -> None:
    characters, games = sounding(5, 14), list(range(14))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "MOST_NEIGHBOURS", 2)
        labels = linked(characters, games, -1.0)
    scores = normalised(characters.vectors @ characters.vectors.T, characters.cohorts, characters.cohorts)
    np.fill_diagonal(scores, -np.inf)
    first, second = divmod(int(scores.argmax()), 14)
    assert log_odds(scores.max()) >= -1.0
    assert labels[first] == labels[second]


def test_a_pair_that_only_one_side_counts_among_its_neighbours_is_linked_too() -> None:
    """With one neighbour each, 0 keeps 1, which joins 2 instead, of 0's own game; 3 keeps 0."""
    angles = np.radians([63, 26, 0, 108])
    characters, games = given_scores(np.cos(angles[:, None] - angles[None]).tolist()), [0, 1, 0, 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "MOST_NEIGHBOURS", 1)
        assert linked(characters, games, -2.0) == [0, 1, 1, 0]
