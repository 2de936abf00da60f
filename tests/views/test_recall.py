"""A catalog large enough for inverted lists: how many of the nearest clips they find, and what folding leaves of it."""

from __future__ import annotations

import numpy as np
import pytest
from views.made_up import assert_same_clips

from speaker_search.views.changes import Delta
from speaker_search.views.clip_index.clip_index import ClipIndex, of_columns
from speaker_search.views.clip_index.columns import Columns, halves, join, ordered
from speaker_search.views.clip_index.plan import FLAT_CLIPS, plan

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


@pytest.fixture(scope="module")
def index() -> ClipIndex:
    assert CLIPS > FLAT_CLIPS
    return of_columns(clips(0, CLIPS, 1), 0)


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


def test_the_lists_find_almost_all_of_the_nearest_clips(index: ClipIndex) -> None:
    assert index.segment.lists.plan == plan(CLIPS)
    assert recall(index, lines(200, 5)[0]) >= RECALL


@pytest.mark.parametrize("games", [1, 5, 12, 25])
def test_a_filter_by_games_costs_no_recall_also_where_the_voice_is_in_none_of_them(
    index: ClipIndex, games: int
) -> None:
    assert recall(index, lines(100, 6)[0], np.arange(1, games + 1)) >= RECALL


def test_a_folded_index_keeps_its_lists_and_finds_as_much(index: ClipIndex) -> None:
    late = clips(CLIPS, 10_000, 2)
    gone = index.held(np.arange(0, CLIPS, 9))
    after = index.apply(Delta(1, gone, late))
    folded = after.folded()
    assert folded.segment.lists.plan == plan(CLIPS)
    assert folded.segment.lists.built_for == CLIPS  # not trained anew
    truth = ordered(join([index.all().take(~np.isin(index.all().ids, gone.ids)), late]))
    assert_same_clips(folded.all(), truth)
    assert folded.segment.lists.differing(folded.segment.columns) == 0
    assert recall(folded, lines(100, 7)[0]) >= RECALL
