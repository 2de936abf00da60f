"""Which clips a step hears."""

from __future__ import annotations

import numpy as np
import pytest

from speaker_search.documents.models.trained import Recipe
from speaker_search.errors import UsageError
from speaker_search.training.draws import Drawing, check_shares, crop, crop_samples

SPEAKERS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
RECIPE = Recipe(batch=4, min_crop_s=0.5, max_crop_s=1.0, seed=3)


def test_a_step_hears_two_different_clips_of_each_speaker() -> None:
    rows = Drawing.of(SPEAKERS).rows(RECIPE, 5)
    assert SPEAKERS[rows[0]] == SPEAKERS[rows[1]]
    assert SPEAKERS[rows[2]] == SPEAKERS[rows[3]]
    assert rows[0] != rows[1]
    assert rows[2] != rows[3]


def test_every_speaker_has_its_turn_before_anyone_has_a_second() -> None:
    drawn = [SPEAKERS[Drawing.of(SPEAKERS).rows(RECIPE, step)][::2] for step in range(3)]
    assert np.bincount(np.concatenate(drawn)).tolist() == [2, 2, 2]


def test_the_seed_and_the_step_alone_decide() -> None:
    drawing = Drawing.of(SPEAKERS)
    assert (drawing.rows(RECIPE, 7) == drawing.rows(RECIPE, 7)).all()
    assert any((drawing.rows(RECIPE, step) != drawing.rows(RECIPE, step + 20)).any() for step in range(5))
    assert crop_samples(RECIPE, 1) == crop_samples(RECIPE, 1) != crop_samples(RECIPE, 2)


def test_a_part_is_whole_frames_between_the_two_lengths() -> None:
    lengths = [crop_samples(RECIPE, step) for step in range(50)]
    assert all(length % 160 == 0 and 8_000 <= length <= 16_000 for length in lengths)
    assert len(set(lengths)) > 20


def test_a_short_clip_is_repeated_and_a_long_one_cut() -> None:
    random = np.random.default_rng(0)
    assert crop(np.arange(3, dtype=np.float32), 7, random).tolist() in (
        [0, 1, 2, 0, 1, 2, 0],
        [1, 2, 0, 1, 2, 0, 1],
        [2, 0, 1, 2, 0, 1, 2],
    )
    part = crop(np.arange(100, dtype=np.float32), 10, random)
    assert (np.diff(part) == 1).all()


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(UsageError, match="A batch of 8 clips cannot be shared evenly by 3 processes in 1 parts"):
        check_shares(Recipe(batch=8), 3)
