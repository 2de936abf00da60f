"""The clip index against numpy on the same float16 vectors: whatever was added, removed, relabelled and asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from views.made_up import CHARACTERS_PER_GAME, assert_same_clips, clips, unit, without

from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns, lists
from speaker_search.views.clip_index.clip_index import TAIL_ROWS, TOMBSTONE_SHARE, ClipIndex, of_columns
from speaker_search.views.clip_index.columns import Columns, join, ordered
from speaker_search.views.clip_index.lists import Lists
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.clip_index.probing import Probing, Tuning

LISTS = Plan("ivf", 8, 8, "all lists are looked into")
CLOSE = 1e-5
IDS = 80  # so few that clips come and go more than once
quick = settings(deadline=None, derandomize=True, max_examples=60)
changes = st.lists(
    st.tuples(st.sets(st.integers(1, IDS), max_size=25), st.sets(st.integers(1, IDS), max_size=25)), max_size=6
)


def index_of(held: Columns, *, by_lists: bool = False) -> ClipIndex:
    return of_columns(held, 0, probed(held) if by_lists and len(held) >= LISTS.nlist else None)


def probed(held: Columns) -> Lists:
    """Lists that are always probed, however few clips a filter allows."""
    return lists.build(held, LISTS).tuned(Tuning(1.0, Probing(LISTS.nprobe, scan_ns=1e9), 0, 1.0, 1.0, {}))


def changed(index: ClipIndex, truth: Columns, leave: set[int], come: set[int], seed: int) -> tuple[ClipIndex, Columns]:
    """The index and the truth after some clips left and some came, or came anew with another label and vector."""
    touched = np.array(sorted(leave | come), np.int64)
    added = clips(sorted(come), seed)
    after = index.apply(Delta(index.position + len(touched), index.held(touched), added))
    return after, ordered(join([without(truth, touched.tolist()), added]))


def history(steps: list[tuple[set[int], set[int]]], seed: int, *, by_lists: bool = False) -> tuple[ClipIndex, Columns]:
    truth = clips(range(1, IDS // 2), seed)
    index = index_of(truth, by_lists=by_lists)
    for number, (leave, come) in enumerate(steps):
        index, truth = changed(index, truth, leave, come, seed + number)
    return index, truth


@quick
@given(changes, st.integers(0, 1000))
def test_after_any_changes_the_index_holds_the_clips_there_are(
    steps: list[tuple[set[int], set[int]]], seed: int
) -> None:
    index, truth = history(steps, seed)
    assert index.clips == len(truth)
    assert_same_clips(index.all(), truth)
    asked = np.arange(1, IDS, 3)
    held = index.held(asked)
    assert sorted(held.ids.tolist()) == sorted(set(asked.tolist()) & set(truth.ids.tolist()))
    assert_same_clips(ordered(held), truth.take(np.isin(truth.ids, asked)))


@quick
@given(changes, st.integers(0, 1000))
def test_a_folded_index_equals_one_made_from_all_clips(steps: list[tuple[set[int], set[int]]], seed: int) -> None:
    index, truth = history(steps, seed)
    folded, made = index.folded(), of_columns(truth, index.position)
    assert (folded.position, folded.clips, len(folded.tail), folded.tombstones.any()) == (
        index.position,
        len(truth),
        0,
        False,
    )
    assert_same_clips(folded.segment.columns, made.segment.columns)
    assert (folded.segment.lists.plan, folded.segment.lists.built_for) == (made.segment.lists.plan, len(truth))
    asked = unit(1, seed + 5)[0]
    np.testing.assert_array_equal(folded.nearest(asked, 30).ids, made.nearest(asked, 30).ids)
    assert folded.segment.id != index.segment.id
    assert not folded.unfolded


@quick
@given(
    changes,
    st.integers(0, 1000),
    st.booleans(),
    st.integers(1, 100),
    st.none() | st.sets(st.integers(0, 7), max_size=4),
    st.none() | st.sets(st.sampled_from([10 * game + who for game in range(1, 7) for who in range(5)]), max_size=9),
)
def test_the_nearest_clips_are_those_of_a_brute_force_search(
    steps: list[tuple[set[int], set[int]]],
    seed: int,
    by_lists: bool,
    limit: int,
    games: set[int] | None,
    characters: set[int] | None,
) -> None:
    index, truth = history(steps, seed, by_lists=by_lists)
    asked = unit(1, seed + 5)[0]
    near = index.nearest(asked, limit, games=ids(games), characters=ids(characters))
    fitting = np.ones(len(truth), np.bool_)
    if games is not None:
        fitting &= np.isin(truth.games, list(games))
    if characters is not None:
        fitting &= np.isin(truth.characters, list(characters))
    allowed = truth.take(fitting)
    exact = dict(zip(allowed.ids.tolist(), allowed.vectors.astype(np.float32) @ asked, strict=True))
    best = sorted(exact.values(), reverse=True)[:limit]
    assert len(set(near.ids.tolist())) == len(near.ids) == len(best)
    assert (np.diff(near.cosines) <= 0).all()
    np.testing.assert_allclose(near.cosines, best, atol=CLOSE)
    np.testing.assert_allclose(near.cosines, [exact[id_] for id_ in near.ids.tolist()], atol=CLOSE)
    labels = {id_: (who, game) for id_, who, game in zip(truth.ids, truth.characters, truth.games, strict=True)}
    assert [labels[id_] for id_ in near.ids] == list(zip(near.characters, near.games, strict=True))


def ids(chosen: set[int] | None) -> np.ndarray | None:
    return None if chosen is None else np.array(sorted(chosen), np.int64)


@quick
@given(changes, st.integers(0, 1000), st.integers(1, 12))
def test_a_characters_clips_are_all_of_them_or_an_even_sample_that_does_not_depend_on_where_they_are(
    steps: list[tuple[set[int], set[int]]], seed: int, most: int
) -> None:
    index, truth = history(steps, seed)
    pairs = [(game, 10 * game + who) for game in range(1, 7) for who in range(CHARACTERS_PER_GAME + 1)]
    games, characters = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    found = list(index.of_characters(games, characters, most))
    assert len(found) == len(pairs)
    for (game, character), some in zip(pairs, found, strict=True):
        own = truth.take((truth.games == game) & (truth.characters == character))
        if len(own) <= most:
            assert_same_clips(some, own)
        else:
            rows = np.flatnonzero(np.isin(own.ids, some.ids))
            assert len(rows) == len(some) == most
            assert_same_clips(some, own.take(rows))
            assert (rows[0], most == 1 or rows[-1] == len(own) - 1) == (0, True)
            assert np.ptp(np.diff(rows)) <= 1 if most > 1 else True  # evenly
    in_one = index.folded().of_characters(games, characters, most)
    for some, other in zip(found, in_one, strict=True):
        assert_same_clips(some, other)


def test_a_filter_by_a_game_that_has_no_clips_finds_none() -> None:
    index = index_of(clips(range(1, 60), 1))
    assert len(index.nearest(unit(1, 2)[0], 10, games=np.array([99])).ids) == 0
    assert len(index.nearest(unit(1, 2)[0], 10, games=np.empty(0, np.int64)).ids) == 0


def test_an_index_without_clips_answers_with_none() -> None:
    empty = index_of(columns.none(8))
    assert (empty.clips, len(empty.all()), len(empty.games), empty.unfolded) == (0, 0, 0, False)
    assert len(empty.nearest(unit(1, 2)[0], 10).ids) == 0
    assert len(empty.nearest(unit(1, 2)[0], 10, games=np.array([1])).ids) == 0
    assert [len(some) for some in empty.of_characters(np.array([1]), np.array([10]), 5)] == [0]
    assert len(empty.held(np.array([1, 2]))) == 0
    assert len(empty.folded().all()) == 0


def test_an_index_can_be_emptied_and_filled_again() -> None:
    everything = clips(range(1, 41), 1)
    emptied, nothing = changed(index_of(everything), everything, set(range(1, 41)), set(), 0)
    assert (emptied.clips, len(emptied.nearest(unit(1, 2)[0], 10).ids)) == (0, 0)
    for index in (emptied, emptied.folded()):
        filled, truth = changed(index, nothing, set(), set(range(1, 41)), 3)
        assert_same_clips(filled.all(), truth)


def test_applying_a_step_changes_nothing_in_the_index_it_starts_from() -> None:
    truth = clips(range(1, 41), 1)
    index, truth = changed(index_of(truth), truth, {1, 2}, {50, 51}, 2)
    before = index.nearest(unit(1, 2)[0], 50)
    changed(index, truth, {3, 50}, {4, 60}, 3)[0].folded()
    assert_same_clips(index.all(), truth)
    np.testing.assert_array_equal(index.nearest(unit(1, 2)[0], 50).ids, before.ids)


def test_of_equal_clips_the_lower_id_comes_first() -> None:
    same = replace(clips(range(1, 41), 1), vectors=np.tile(clips([1], 1).vectors, (40, 1)))
    near = index_of(same).nearest(same.vectors[0].astype(np.float32), 40)
    assert near.ids.tolist() == list(range(1, 41))


def test_large_ids_come_back_as_they_were() -> None:
    index, truth = changed(index_of(clips([7, 2**40, 2**62], 1)), clips([7, 2**40, 2**62], 1), {7}, {2**61}, 2)
    assert sorted(index.nearest(unit(1, 2)[0], 9).ids.tolist()) == sorted(truth.ids.tolist())
    assert sorted(truth.ids.tolist()) == [2**40, 2**61, 2**62]


def test_the_games_are_those_that_have_clips() -> None:
    truth = clips(range(1, 60), 4)
    last = truth.ids[truth.games == 5].tolist()
    index, truth = changed(index_of(truth), truth, {*last, 1, 2}, {70, 71}, 9)
    assert index.games.tolist() == np.unique(truth.games).tolist()


def test_an_index_is_due_for_folding_when_its_tail_or_its_tombstones_are_many() -> None:
    segment = int(TAIL_ROWS / TOMBSTONE_SHARE)  # rows of which as many may be tombstones as may be in the tail
    held = Columns(
        np.arange(segment),
        np.zeros(segment, np.int64),
        np.ones(segment, np.int64),
        np.ones(segment, np.float32),
        np.zeros((segment, 1), np.float16),
    )
    index = of_columns(held, 0)
    late = replace(held, ids=held.ids + segment)
    for count, due in ((TAIL_ROWS, False), (TAIL_ROWS + 1, True)):
        some = np.arange(count)
        assert index.apply(Delta(1, columns.none(1), late.take(some))).unfolded is due
        assert index.apply(Delta(1, held.take(some), columns.none(1))).unfolded is due


def test_an_index_whose_lists_are_outgrown_is_due_for_folding_and_is_laid_out_anew() -> None:
    first = clips(range(1, 11), 1)
    index = of_columns(first, 0, lists.build(first, LISTS))
    at_the_limit = index.apply(Delta(1, columns.none(8), clips(range(11, 41), 2)))
    beyond = index.apply(Delta(1, columns.none(8), clips(range(11, 42), 2)))
    assert (at_the_limit.unfolded, beyond.unfolded) == (False, True)
    folded = beyond.folded()
    assert folded.segment.lists.plan.recall == LISTS.recall
    assert (folded.segment.lists.plan.kind, folded.segment.lists.built_for) == ("flat", 41)
