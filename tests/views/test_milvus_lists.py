"""How many lists an index in Milvus has, and how many of them a search looks into."""

from __future__ import annotations

import pytest

from speaker_search.views.milvus.collection import PROBED_LISTS, outgrown, planned, probed


@pytest.mark.parametrize(
    ("clips", "lists"),
    [(0, 0), (100_000, 0), (100_001, 2_048), (1_000_000, 4_096), (7_000_000, 16_384), (10**9, 32_768)],
)
def test_few_clips_are_compared_one_by_one_and_more_have_lists(clips: int, lists: int) -> None:
    assert planned(clips) == lists


@pytest.mark.parametrize(
    ("lists", "clips", "made_anew"),
    [
        (0, 200_000, False),
        (0, 200_001, True),
        (2_048, 1_000_000, False),
        (2_048, 5_000_000, True),
        (32_768, 10**9, False),
    ],
)
def test_an_index_is_made_anew_when_it_has_far_too_few_lists(lists: int, clips: int, made_anew: bool) -> None:
    assert outgrown(lists, clips) is made_anew


def test_the_fewer_clips_a_filter_leaves_the_more_lists_are_looked_into() -> None:
    shares = [1.0, 0.99, 0.5, 0.2, 0.05, 0.001, 0.0]
    found = [probed(4_096, share) for share in shares]
    assert found == sorted(found)
    assert (found[0], found[1] >= 4 * PROBED_LISTS, found[-1]) == (PROBED_LISTS, True, 4_096)
    assert probed(0, 0.5) == 1
