"""The styles of a character: groups are found where they are, and none is made up."""

from __future__ import annotations

import numpy as np
import pytest
from search.filling import around, units

from speaker_search.cast.roles.styles import FEWEST_CLIPS, silhouette, styles, typical

DIM = 64


def lines(seed: int, *counts: int, spread: float = 0.5, apart: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of one voice in several styles, and the style of each."""
    rng = np.random.default_rng(seed)
    voice = units(rng.standard_normal((1, DIM)))[0]
    offsets = apart * units(rng.standard_normal((len(counts), DIM)))
    made = [
        around(units((voice + offset)[None])[0], count, rng, spread)
        for offset, count in zip(offsets, counts, strict=True)
    ]
    return np.concatenate(made), np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("counts", [(30, 10), (40, 20, 12), (50, 30, 20, 10)])
def test_each_style_is_found_the_one_with_most_clips_first(counts: tuple[int, ...]) -> None:
    vectors, truth = lines(1, *counts)
    order = np.random.default_rng(2).permutation(len(vectors))
    found = styles(vectors[order])
    assert np.mean(found == truth[order]) > 0.97
    assert np.array_equal(found, styles(vectors[order]))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [0, 1, 11, 12, 20, 300])
def test_lines_that_sound_alike_are_one_style(seed: int, count: int) -> None:
    vectors, _ = lines(seed, count)
    assert styles(vectors).tolist() == [0] * count


def test_few_lines_are_one_style() -> None:
    vectors, _ = lines(1, 6, 5)
    assert styles(vectors).tolist() == [0] * 11


def test_one_odd_line_is_no_style() -> None:
    vectors, _ = lines(1, 30)
    odd = units(np.random.default_rng(3).standard_normal((1, DIM)))
    found = styles(np.concatenate([vectors, odd]))
    assert np.bincount(found).min() >= FEWEST_CLIPS


def test_silhouettes_are_those_of_the_definition() -> None:
    vectors, labels = lines(4, 7, 5, 3)
    far = 1 - vectors @ vectors.T
    values = []
    for row, own in enumerate(labels):
        others = labels == own
        others[row] = False
        a = far[row, others].mean()
        b = min(far[row, labels == other].mean() for other in set(labels.tolist()) - {own})
        values.append((b - a) / max(a, b))
    assert silhouette(vectors, labels) == pytest.approx(np.mean(values), abs=1e-5)


def test_typical_clips_are_those_nearest_to_the_mean_of_all() -> None:
    vectors, _ = lines(5, 20)
    mean = vectors.mean(axis=0)
    assert typical(vectors, 3).tolist() == np.argsort(-(vectors @ mean))[:3].tolist()
