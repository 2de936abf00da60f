"""Pairs whose answer is known, and how two spaces do on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from search.filling import fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Verdict
from speaker_search.evaluation.spaces.agreement import KnownPairs, agreement, known_pairs, sign_test
from speaker_search.library import Library
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.settings import Settings

IDS, GAMES = np.array([10, 20, 30, 40, 50]), np.array([1, 2, 3, 3, 4])


def verdict(one: int, other: int, *, same: bool) -> Verdict:
    return Verdict(1, one, other, same, "somebody", "", 0.0)


def pairs_of(known: KnownPairs) -> dict[tuple[int, int], tuple[bool, bool]]:
    """Each pair by ids: whether it is one voice, and whether a person said so."""
    rows = zip(known.one.tolist(), known.other.tolist(), known.same.tolist(), known.verdict.tolist(), strict=True)
    return {(int(IDS[one]), int(IDS[other])): (same, said) for one, other, same, said in rows}


def test_credits_answer_pairs_across_games_and_verdicts_go_before_them() -> None:
    actors = {10: 1, 20: 1, 30: 2, 40: 1}
    found = known_pairs(IDS, GAMES, [verdict(30, 10, same=False), verdict(50, 99, same=True)], actors, Groups())
    assert pairs_of(found) == {
        (10, 30): (False, True),
        (10, 20): (True, False),
        (10, 40): (True, False),
        (20, 30): (False, False),
        (20, 40): (True, False),  # 30 and 40 are of one game, and 99 is not there
    }


def test_where_nothing_is_said_there_is_no_pair() -> None:
    assert len(known_pairs(IDS, GAMES, [], {}, Groups())) == 0


def test_of_many_credited_characters_all_pairs_of_one_actor_are_asked_about() -> None:
    ids = np.arange(1, 61)
    actors = {int(id_): int(id_) % 20 for id_ in ids}
    found = known_pairs(ids, ids, [], actors, Groups(), most=50)
    assert found.same.sum() == 20 * 3
    assert 30 < (~found.same).sum() <= 50
    assert len({*zip(found.one.tolist(), found.other.tolist(), strict=True)}) == len(found)


def test_a_verdict_on_two_characters_that_have_been_merged_says_nothing() -> None:
    assert len(known_pairs(IDS, GAMES, [verdict(10, 10, same=True)], {}, Groups())) == 0


def test_a_pair_is_counted_for_the_voice_of_its_first_character() -> None:
    said = Groups()
    said.add(10, 20, same=True)
    found = known_pairs(IDS, GAMES, [verdict(10, 50, same=False), verdict(20, 50, same=False)], {}, said)
    assert len(set(found.voices.tolist())) == 1


@pytest.mark.parametrize(("worse", "better", "chance"), [(0, 0, 1.0), (1, 0, 0.5), (5, 0, 1 / 32), (1, 1, 0.75)])
def test_the_sign_test_counts_coins(worse: int, better: int, chance: float) -> None:
    assert sign_test(worse, better) == chance


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Profiles:
    voices = some_voices(8, 8, 5)
    with Library(Settings(home=tmp_path_factory.mktemp("home")), encoder=StandInEncoder()) as library:
        fill(library, voices)
        return library.ready.profiles


def all_pairs(profiles: Profiles, voices: np.ndarray) -> KnownPairs:
    one, other = np.triu_indices(len(profiles), 1)
    across = profiles.game_ids[one] != profiles.game_ids[other]
    one, other = one[across], other[across]
    return KnownPairs(one, other, voices[one] == voices[other], np.zeros(len(one), np.bool_), voices[one])


def test_a_space_that_hears_nothing_is_worse_by_more_than_chance(profiles: Profiles) -> None:
    scores = profiles.pair_scores(slice(None))
    assert profiles.pairs is not None
    linked = profiles.pairs.log_odds(scores) >= 0
    voices = np.array([int(np.flatnonzero(row | (np.arange(len(row)) == at))[0]) for at, row in enumerate(linked)])
    vectors = units(np.random.default_rng(0).standard_normal((len(profiles), DIM)))
    deaf = replace(profiles, as_pairs=replace(profiles.as_pairs, vectors=vectors))
    known = all_pairs(profiles, voices)
    found = agreement(profiles, deaf, known)
    assert found is not None
    assert found.before_right[known.same].mean() > 0.9 > found.after_right[known.same].mean()
    assert (found.better, found.chance < 0.01) == (0, True)
    same = agreement(profiles, profiles, known)
    assert same is not None
    assert (same.better, same.worse, same.chance) == (0, 0, 1.0)
    back = agreement(deaf, profiles, known)
    assert back is not None
    assert (back.better, back.worse) == (found.worse, found.better)


def test_an_uncalibrated_space_cannot_be_asked(profiles: Profiles) -> None:
    known = all_pairs(profiles, np.arange(len(profiles)))
    assert agreement(profiles, replace(profiles, pairs=None), known) is None
