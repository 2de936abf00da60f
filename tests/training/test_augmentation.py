"""Clips as other games might sound."""

from __future__ import annotations

import random

import numpy as np
import pytest
from standin import voice

from speaker_search.documents.models.trained import Recipe
from speaker_search.errors import UsageError
from speaker_search.training.augmentation import check_installed, heard

SAMPLES = voice(3, seconds=1.2)
LENGTH = 12_000


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(speed=0.1, pitch=2)])
def test_the_seed_alone_decides_how_a_clip_is_changed(recipe: Recipe) -> None:
    for place in range(6):
        once = heard(SAMPLES, LENGTH, recipe, (0, 3, 7, place))
        random.seed(place)
        np.random.seed(place)
        again = heard(SAMPLES, LENGTH, recipe, (0, 3, 7, place))
        assert (once == again).all()
        assert (once.shape, once.dtype) == ((LENGTH,), np.float32)
        assert np.isfinite(once).all()


def test_clips_are_changed_in_different_ways() -> None:
    found = [heard(SAMPLES, LENGTH, Recipe(), (0, 3, 7, place)) for place in range(8)]
    assert len({one.tobytes() for one in found}) == 8


def test_without_changes_a_clip_is_a_part_of_itself() -> None:
    part = heard(SAMPLES, LENGTH, Recipe(augment=False), (0, 3, 7, 1))
    places = np.lib.stride_tricks.sliding_window_view(SAMPLES, LENGTH)
    assert (places == part).all(axis=1).any()


def test_silence_stays_finite() -> None:
    for place in range(12):
        assert np.isfinite(heard(np.zeros(8_000, np.float32), LENGTH, Recipe(), (0, 3, 7, place))).all()


def test_a_missing_package_is_a_sentence_with_the_mend() -> None:
    check_installed()
    with pytest.raises(UsageError, match=r"package not_there, which is not installed.*speaker-search\[train\]"):
        check_installed(("audiomentations", "not_there"))
