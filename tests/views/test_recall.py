"""A catalog large enough for inverted lists: how many of the nearest clips they find, and what folding leaves of it."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from views.made_up import assert_same_clips

from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import drift, lists, tuning
from speaker_search.views.clip_index.clip_index import ClipIndex, of_columns
from speaker_search.views.clip_index.columns import ById, Columns, halves, join, ordered
from speaker_search.views.clip_index.plan import FLAT_CLIPS, Plan, plan
from speaker_search.views.clip_index.probing import Probing, Tuning

CLIPS, DIM = 120_000, 32
VOICES, GAMES = 1_000, 50  # each game has 20 voices of its own
NEAREST = 10
RECALL = 0.99


def lines(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clips (count, DIM) of random voices, with cosines of about 0.7 within one, and the voices (count,)."""
    voices = np.random.default_rng(0).standard_normal((VOICES, DIM)).astype(np.float32)
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    spoken_by = rng.integers(0, VOICES, count)
    vectors = voices[spoken_by] + 0.12 * rng.standard_normal((count, DIM), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32), spoken_by


def clips(first: int, count: int, seed: int) -> Columns:
    vectors, voices = lines(count, seed)
    ids, seconds = np.arange(first, first + count), np.ones(count, np.float32)
    return ordered(Columns(ids, voices + 1, voices // 20 + 1, seconds, halves(vectors)))


@pytest.fixture(scope="module", params=[None, 1], ids=["whole vectors", "codes"])
def wanted(request: pytest.FixtureRequest) -> Plan:
    """The plan with enough memory, and the one with next to none."""
    return plan(CLIPS, dim=DIM, memory=request.param)


@pytest.fixture(scope="module")
def index(wanted: Plan) -> ClipIndex:
    assert CLIPS > FLAT_CLIPS
    whole = clips(0, CLIPS, 1)
    return of_columns(whole, 0, lists.build(whole, wanted))


def recall(index: ClipIndex, queries: np.ndarray, games: np.ndarray | None = None) -> float:
    """The share of the truly nearest clips that are found."""
    whole = index.all()
    if games is not None:
        whole = whole.take(np.isin(whole.games, games))
    exact = queries @ whole.vectors.astype(np.float32).T
    found = 0
    for query, cosines in zip(queries, exact, strict=True):
        near = index.nearest(query, NEAREST, games=games)
        assert games is None or np.isin(near.games, games).all()
        found += len(np.intersect1d(near.ids, whole.ids[np.argpartition(-cosines, NEAREST)[:NEAREST]]))
    return found / (NEAREST * len(queries))


def test_a_catalog_of_this_size_gets_lists_of_whole_vectors() -> None:
    assert of_columns(clips(0, CLIPS, 1), 0).segment.lists.plan == plan(CLIPS)


def test_the_lists_find_almost_all_of_the_nearest_clips(index: ClipIndex) -> None:
    assert recall(index, lines(200, 5)[0]) >= RECALL


@pytest.mark.parametrize("games", [1, 5, 12, 25])
def test_a_filter_by_games_costs_no_recall_also_where_the_voice_is_in_none_of_them(
    index: ClipIndex, games: int
) -> None:
    assert recall(index, lines(100, 6)[0], np.arange(1, games + 1)) >= RECALL


def test_without_a_maker_as_much_is_found_also_by_clips_of_its_own_games(index: ClipIndex) -> None:
    vectors, voices = lines(400, 8)
    of_the_maker = vectors[voices // 20 + 1 <= 3][:100]  # whose nearest clips are all left out
    assert recall(index, of_the_maker, np.arange(4, GAMES + 1)) >= 0.98


def test_a_filter_is_worked_out_once(index: ClipIndex) -> None:
    games = np.arange(1, 20)
    assert index.allowed(games) is index.allowed(games.copy())
    assert index.allowed(games)[0].selector is index.allowed(games)[0].selector
    assert index.allowed(games) is not index.allowed(games[1:])


def test_a_folded_index_keeps_its_lists_and_finds_as_much(index: ClipIndex, wanted: Plan) -> None:
    late = clips(CLIPS, 10_000, 2)
    gone = index.held(np.arange(0, CLIPS, 9))
    after = index.apply(Delta(1, gone, late))
    folded = after.folded()
    assert folded.segment.lists.plan == wanted
    assert folded.segment.lists.built_for == CLIPS  # not trained anew
    truth = ordered(join([index.all().take(~np.isin(index.all().ids, gone.ids)), late]))
    assert_same_clips(folded.all(), truth)
    assert folded.segment.lists.differing(folded.segment.columns) == 0
    assert recall(folded, lines(100, 7)[0]) >= RECALL


@pytest.fixture(scope="module")
def of_half_the_games() -> ClipIndex:
    """Lists trained on half of the games, with the clips of the other half in the tail."""
    whole = clips(0, CLIPS, 1)
    first = whole.take(whole.games <= GAMES // 2)
    made = of_columns(first, 0, lists.build(first, Plan("ivf", 1024, 4, "by hand")))
    return made.apply(Delta(1, first.take(np.arange(0)), whole.take(whole.games > GAMES // 2)))


def other_half(count: int) -> np.ndarray:
    """Queries in the voices of the games that the lists were not trained on."""
    vectors, voices = lines(4 * count, 9)
    return vectors[voices // 20 + 1 > GAMES // 2][:count]


def test_lists_trained_on_half_of_the_games_notice_the_others_and_find_them_in_the_end(
    of_half_the_games: ClipIndex, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = of_half_the_games
    assert before.unfolded
    folded = before.folded()
    assert "50% of the clips are of games that the lists were not trained on" in caplog.text
    assert folded.segment.lists.trained.games == tuple(range(1, GAMES + 1))
    assert folded.segment.lists.differing(folded.segment.columns) == 0
    assert recall(folded, other_half(200)) >= RECALL
    assert drift.signs(folded.segment.lists, folded.segment.columns) == []


def test_lists_that_still_find_enough_are_kept_and_their_new_games_taken_for_known() -> None:
    whole = clips(0, 20_000, 1)
    first = whole.take(whole.games <= GAMES // 2)
    old = lists.build(first, Plan("ivf", 64, 64, "all lists are looked into"))
    by_id = ById(whole.ids)
    late = whole.take(whole.games > GAMES // 2)
    moved = old.moved(by_id.rows(first.ids), late, by_id.rows(late.ids))
    assert drift.signs(moved, whole) != []
    kept = drift.fitting(moved, whole, Plan("ivf", 128, 1, "not wanted"))
    assert kept.plan == old.plan
    assert kept.built_for == old.built_for
    assert drift.signs(kept, whole) == []


def test_new_lists_that_find_less_than_the_old_ones_are_not_taken() -> None:
    whole = clips(0, 20_000, 1)
    first = whole.take(whole.games == 1)
    old = lists.build(first, Plan("ivf", 4, 4, "all lists are looked into"))
    by_id, late = ById(whole.ids), whole.take(whole.games > 1)
    moved = old.moved(by_id.rows(first.ids), late, by_id.rows(late.ids)).tuned(
        Tuning(1.01, Probing(4, scan_ns=1e9), 0, 0.0, 0.0, {})  # which no lists reach
    )
    kept = drift.fitting(moved, whole, Plan("ivf", 64, 1, "not wanted"))
    assert recall(of_columns(whole, 0, kept), lines(50, 5)[0]) == 1.0


@pytest.mark.parametrize("target", [0.8, 0.99])
def test_tuning_reaches_the_target_with_as_few_lists_as_it_takes(index: ClipIndex, target: float) -> None:
    said: list[str] = []
    makers = {game: game % 5 for game in range(1, GAMES + 1)}
    tuned = index.tuned(target, makers=makers, say=said.append)
    found = tuned.segment.lists.tuning
    assert found is not None
    assert found.recall_at_10 >= target
    assert recall(tuned, lines(200, 5)[0]) >= target - 0.02
    assert set(found.filtered) == {
        "one game",
        "10 % of the games",
        "30 % of the games",
        "without one game",
        "without one maker",
    }
    assert min(found.filtered.values()) >= target
    assert (tuned.segment.id, tuned.segment.columns) == (index.segment.id, index.segment.columns)
    assert said[0] == "scanning exactly, without a filter"
    held, fewer = index.segment, found.probing.nprobe // 2
    sample = tuning.sampled(held.columns, np.arange(0, CLIPS, 600), index.allowed()[0], 10)
    assert fewer == 0 or tuning.recall(held.lists, held.columns, sample, 10, fewer) < target + 0.02
