"""The split: nobody is heard on both sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training import small

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.documents.models.trained import Recipe
from speaker_search.errors import UsageError
from speaker_search.training.training_plan import MOST_CLIPS_MEASURED, Plan, load_plan, pairs, plan, save_plan, split
from speaker_search.training.who_speaks import Clips, Spoken, spoken


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[Spoken, int]:
    """Clips of characters in games, with links, verdicts and shared recordings."""
    characters = draw(st.integers(2, 30))
    game_of = draw(st.lists(st.integers(1, 6), min_size=characters, max_size=characters))
    which = np.array(draw(st.lists(st.integers(0, characters - 1), min_size=4, max_size=120)))
    some = st.tuples(st.integers(0, characters - 1), st.integers(0, characters - 1))
    known = Groups()
    for one, other in draw(st.lists(some, max_size=10)):
        known.add(1 + one, 1 + other, same=draw(st.booleans()))
    voices = [[1 + one, 1 + other] for one, other in draw(st.lists(some, max_size=8))]
    recordings = np.array(draw(st.lists(st.integers(0, 200), min_size=len(which), max_size=len(which))))
    heard = Clips(
        1 + np.arange(len(which)),
        1 + which,
        np.array(game_of)[which],
        np.ones(len(which), np.float32),
        recordings,
    )
    return spoken(heard, known, voices), draw(st.integers(0, 5))


@given(catalogs())
@settings(max_examples=200, deadline=None)
def test_no_speaker_no_recording_and_no_held_out_game_is_on_both_sides(catalog: tuple[Spoken, int]) -> None:
    heard, seed = catalog
    try:
        learned, held = split(heard.clips.games, heard.kin, share=0.2, seed=seed)
    except UsageError:
        return
    assert sorted([*learned.tolist(), *held.tolist()]) == list(range(len(heard.clips)))
    assert len(learned)
    assert len(held)
    for column in (heard.speakers, heard.kin, heard.clips.recordings):
        assert not set(column[learned].tolist()) & set(column[held].tolist())
    assert set(heard.clips.games[held].tolist()) - set(heard.clips.games[learned].tolist())


@given(catalogs())
@settings(max_examples=100, deadline=None)
def test_a_plan_learns_from_speakers_with_two_clips_and_keeps_no_clip_twice(catalog: tuple[Spoken, int]) -> None:
    heard, seed = catalog
    try:
        made = plan(heard, Recipe(seed=seed))
    except UsageError:
        return
    assert np.bincount(made.training.speakers).min() >= 2
    assert not set(made.training.ids.tolist()) & set(made.held_out.ids.tolist())
    assert len(made.training) + made.held_out_counts.clips + made.left_out == len(heard.clips)


def independent(games: int, characters: int, takes: int) -> Spoken:
    """Games that share nobody."""
    which = np.repeat(np.arange(games * characters), takes)
    count = len(which)
    heard = Clips(
        1 + np.arange(count), 1 + which, 1 + which // characters, np.ones(count, np.float32), np.arange(count)
    )
    return spoken(heard, Groups(), [])


def test_about_the_share_asked_for_is_held_out_and_the_seed_says_which() -> None:
    heard = independent(games=20, characters=4, takes=5)
    made = plan(heard, Recipe(held_out=0.2))
    assert made.held_out_counts.clips == 80
    assert made.digest(Recipe()) == plan(heard, Recipe(held_out=0.2)).digest(Recipe())
    assert made.digest(Recipe()) != plan(heard, Recipe(held_out=0.2, seed=1)).digest(Recipe())


def test_a_catalog_whose_games_share_all_voices_cannot_be_split() -> None:
    games = np.tile([1, 2, 3], 10)
    with pytest.raises(UsageError, match=r"No game can be held out.*Ingest more games"):
        split(games, np.zeros(30, np.int64), share=0.2, seed=0)


def test_one_game_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="No game can be held out"):
        plan(independent(games=1, characters=5, takes=4), Recipe())


def test_an_empty_catalog_cannot_be_split() -> None:
    nothing = np.empty(0, np.int64)
    with pytest.raises(UsageError, match="no clip whose character is known"):
        plan(spoken(Clips(nothing, nothing, nothing, np.empty(0, np.float32), nothing), Groups(), []), Recipe())


def test_what_is_measured_with_is_bounded_and_of_several_clips_each() -> None:
    made = plan(independent(games=10, characters=40, takes=12), Recipe(held_out=0.5))
    assert made.held_out_counts.clips == 5 * 40 * 12
    assert len(made.held_out) == MOST_CLIPS_MEASURED
    assert np.bincount(made.held_out.speakers).min() >= 3


def test_pairs_leave_out_those_who_may_be_one_person() -> None:
    held = small.side(1, games=1)
    kin = np.array([0, 0, 1, 2, 3, 4])
    doubtful = type(held)(held.ids, held.speakers, held.games, held.seconds, held.characters, kin)
    found = pairs(doubtful)
    clips = len(held)
    assert len(found.left) == clips * (clips - 1) // 2 - small.TAKES**2
    assert set(found.same.tolist()) == {0, 1}


def test_training_is_judged_across_games_where_speakers_are_heard_in_several() -> None:
    assert pairs(small.side(1, games=2)).judged_by == "within games"  # 24 pairs are too few
    several = plan(_across(), Recipe())
    found = pairs(several.held_out)
    assert found.judged_by == "across games"
    assert found.across[found.judged].all()


def _across() -> Spoken:
    """Games of which each speaker plays in two."""
    known = Groups()
    which = np.repeat(np.arange(80), 6)
    for one in range(0, 80, 2):
        known.add(1 + one, 2 + one, same=True)
    games = 1 + which // 8 * 2 + which % 2
    heard = Clips(1 + np.arange(480), 1 + which, games, np.ones(480, np.float32), np.arange(480))
    return spoken(heard, known, [])


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = plan(independent(games=6, characters=4, takes=5), Recipe())
    path = tmp_path / "plan.npz"
    with path.open("wb") as file:
        save_plan(made, np.eye(3, dtype=np.float32), file)
    read, directions = load_plan(path)
    assert isinstance(read, Plan)
    assert read.digest(Recipe()) == made.digest(Recipe())
    assert read.held_out_counts == made.held_out_counts
    assert (directions == np.eye(3)).all()
