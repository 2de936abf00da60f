"""Whatever is in a catalog, no speaker, recording or game is in two splits, and every clip is accounted for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.transfer.datasets.splits import (
    MOST_SHARING,
    TEST,
    TRAIN,
    VALIDATION,
    Lines,
    Plan,
    Shares,
    Wanted,
    planned,
    speakers_of,
)

NOBODY = np.empty((0, 2), np.int64)


def lines_of(characters: list[int], sounds: list[int] | None = None, games: list[int] | None = None) -> Lines:
    """Clips of 1 to n seconds. A character is of the game of the same number, unless games are given."""
    who, ids = np.array(characters, np.int64), np.arange(1, len(characters) + 1)
    heard = -ids if sounds is None else np.array(sounds, np.int64)
    return Lines(ids, who, who if games is None else np.array(games, np.int64), ids.astype(np.float64), heard)


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[Lines, list[list[int]], np.ndarray]:
    """Clips of up to 12 characters in 4 games, some of which are, may be or sound like one another."""
    characters = draw(st.lists(st.integers(1, 12), min_size=1, max_size=40))
    sounds = draw(st.lists(st.integers(0, 20), min_size=len(characters), max_size=len(characters)))
    character = st.integers(1, 12)
    voices = draw(st.lists(st.lists(character, min_size=2, max_size=3), max_size=4))
    may_be = draw(st.lists(st.tuples(character, character), max_size=6))
    lines = lines_of(characters, sounds, [who % 4 for who in characters])
    return lines, voices, np.array(may_be, np.int64).reshape(-1, 2)


def splits_of(plan: Plan, of: np.ndarray) -> dict[int, set[int]]:
    """The splits that each of some numbers (k,) is in."""
    found: dict[int, set[int]] = {}
    for number, split in zip(of.tolist(), plan.splits.tolist(), strict=True):
        found.setdefault(number, set()).add(split)
    return found


@settings(deadline=None)
@given(catalogs(), st.sampled_from(["voice", "game"]), st.integers(0, 3), st.integers(1, 3))
def test_nothing_leaks_and_nothing_is_lost(
    catalog: tuple[Lines, list[list[int]], np.ndarray], by: str, seed: int, min_clips: int
) -> None:
    lines, voices, may_be = catalog
    wanted = Wanted(min_seconds=2.0, max_seconds=30.0, min_clips=min_clips)
    plan = planned(lines, voices, may_be, wanted, Shares(by, 0.2, 0.2, seed))  # type: ignore[arg-type]
    assert len(plan.rows) + sum(plan.left_out.values()) == len(lines)
    characters = splits_of(plan, lines.characters[plan.rows])
    sides = [characters, splits_of(plan, plan.speakers), splits_of(plan, lines.sounds[plan.rows])]
    if by == "game":
        sides.append(splits_of(plan, lines.games[plan.rows]))
    assert all(len(splits) == 1 for side in sides for splits in side.values())
    speakers = splits_of(plan, plan.speakers)
    whose = dict(zip(lines.characters.tolist(), speakers_of(lines, voices).tolist(), strict=True))
    for one, other in may_be.tolist():  # also where the characters themselves were left out, and others of theirs not
        assert len(speakers.get(whose.get(one, 0), set()) | speakers.get(whose.get(other, 0), set())) <= 1
    joined = list(voices)
    for sound in np.unique(lines.sounds):  # also through a clip that was left out
        sharing = np.unique(lines.characters[lines.sounds == sound]).tolist()
        joined += [sharing] if len(sharing) <= MOST_SHARING else []
    for together in joined:
        assert len(set().union(*(characters.get(one, set()) for one in together))) <= 1
    assert len(np.unique(lines.sounds[plan.rows])) == len(plan.rows)
    counts = np.unique(lines.characters[plan.rows], return_counts=True)[1]
    assert (counts >= min_clips).all()
    assert ((lines.seconds[plan.rows] >= 2) & (lines.seconds[plan.rows] <= 30)).all()


def test_splits_have_about_the_shares_asked_for_and_follow_the_seed() -> None:
    lines = lines_of([who for who in range(1, 101) for _ in range(5)])
    plans = [planned(lines, [], NOBODY, Wanted(), Shares("voice", 0.1, 0.2, seed)) for seed in (0, 0, 1)]
    for plan in plans:
        assert [int((plan.splits == split).sum()) for split in (TRAIN, VALIDATION, TEST)] == [350, 50, 100]
    assert plans[0].splits.tolist() == plans[1].splits.tolist()
    assert (plans[0].splits[np.argsort(plans[0].rows)] != plans[2].splits[np.argsort(plans[2].rows)]).any()


def test_of_one_recording_the_first_clip_is_kept_and_its_characters_are_one_speaker() -> None:
    lines = lines_of([1, 2, 2, 3], sounds=[7, 7, 8, 9])
    plan = planned(lines, [], NOBODY, Wanted(), Shares(validation=0, test=0))
    assert lines.ids[plan.rows].tolist() == [1, 3, 4]
    assert plan.speakers.tolist() == [1, 1, 3]
    assert plan.left_out == {"the same audio as another clip": 1}


def test_a_breath_that_many_characters_share_joins_nobody_and_is_left_out() -> None:
    shared = lines_of([*range(1, MOST_SHARING + 2), 1, 2], sounds=[7] * (MOST_SHARING + 1) + [8, 9])
    plan = planned(shared, [], NOBODY, Wanted(), Shares(validation=0, test=0))
    assert plan.speakers.tolist() == [1, 2]
    assert plan.left_out == {"of a sound that many characters share": MOST_SHARING + 1}


def test_who_may_be_a_speaker_that_is_held_out_is_left_out_of_training() -> None:
    lines = lines_of([1] * 20 + [2] * 20 + [3])
    held_out = planned(lines, [], NOBODY, Wanted(), Shares(validation=0, test=0.03))
    assert lines.characters[held_out.rows[held_out.splits == TEST]].tolist() == [3]
    plan = planned(lines, [], np.array([[3, 1]]), Wanted(), Shares(validation=0, test=0.03))
    assert np.unique(lines.characters[plan.rows]).tolist() == [2, 3]
    assert plan.left_out == {"of a speaker who may be one of another split": 20}


def test_by_game_a_speakers_lines_in_the_other_split_are_left_out() -> None:
    lines = lines_of([1] * 8 + [2] * 2, games=[1] * 8 + [2] * 2)
    plan = planned(lines, [[1, 2]], NOBODY, Wanted(), Shares("game", validation=0, test=0.2))
    assert np.unique(plan.splits).tolist() == [TRAIN]
    assert plan.left_out == {"of a speaker who is heard in games of another split": 2}


@pytest.mark.parametrize("by", ["voice", "game"])
def test_an_empty_catalog_gives_an_empty_plan(by: str) -> None:
    plan = planned(lines_of([]), [[1, 2]], NOBODY, Wanted(), Shares(by))  # type: ignore[arg-type]
    assert (len(plan.rows), plan.left_out) == (0, {})
