"""resemblyzer against the package of that name, on its real weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speaker_search.encoders import Encoder, load
from speaker_search.entities import Floats

SAME = 0.99999  # cosine
# The reference imports scipy.ndimage.morphology, a name that SciPy is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `binary_dilation`:DeprecationWarning")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load("resemblyzer", device="cpu")


@pytest.fixture(scope="module")
def clips(speak: Any) -> list[Floats]:
    lengths = (0.4, 1.0, 1.6, 1.61, 2.4, 2.41, 3.3, 5.0)
    voiced = [speak(seconds, seed=seed) for seed, seconds in enumerate(lengths)]
    pause = np.random.default_rng(5).normal(scale=0.0005, size=24_000).astype(np.float32)
    return [
        *voiced,
        np.concatenate([voiced[1], pause, voiced[2], pause, pause]),  # a pause to shorten
        speak(2.0, seed=30, peak=0.004),  # quiet enough to be raised
        speak(2.0, seed=31, peak=0.999),
    ]


@pytest.fixture(scope="module")
def reference() -> Any:
    """The package: samples in, embedding out."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    network = VoiceEncoder("cpu", verbose=False)
    return lambda samples: network.embed_utterance(preprocess_wav(samples))


def cosines(left: Floats, right: Floats) -> Floats:
    return np.sum(left * right, axis=1)


def test_the_space_names_the_weights(encoder: Encoder) -> None:
    assert (encoder.name, encoder.space, encoder.dim) == ("resemblyzer", "resemblyzer@39373b86598f", 256)


def test_rows_are_unit_float32_of_256(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed(clips)
    assert rows.shape == (len(clips), 256)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_synthetic_speech_equals_the_reference_alone_and_together(
    encoder: Encoder, reference: Any, clips: list[Floats]
) -> None:
    expected = np.stack([reference(samples) for samples in clips])
    assert cosines(encoder.embed(clips), expected).min() >= SAME
    assert cosines(np.concatenate([encoder.embed([clip]) for clip in clips]), expected).min() >= SAME


def test_real_speech_equals_the_reference(encoder: Encoder, reference: Any, voices: list[Path], read: Any) -> None:
    clips = [read(path) for path in voices]
    assert cosines(encoder.embed(clips), np.stack([reference(samples) for samples in clips])).min() >= SAME


def test_shuffling_the_clips_shuffles_the_rows(encoder: Encoder, clips: list[Floats]) -> None:
    order = np.random.default_rng(1).permutation(len(clips))
    assert np.allclose(encoder.embed([clips[place] for place in order]), encoder.embed(clips)[order], atol=1e-5)


def test_a_clip_without_speech_is_a_row_of_nan_and_leaves_its_neighbours_alone(
    encoder: Encoder, clips: list[Floats]
) -> None:
    silence = np.zeros(16_000, dtype=np.float32)
    noise = np.random.default_rng(2).normal(scale=0.01, size=16_000).astype(np.float32)
    rows = encoder.embed([silence, clips[0], noise, clips[0][:479], clips[0][:0], clips[3]])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True, True, True, False]
    assert np.allclose(rows[[1, 5]], encoder.embed([clips[0], clips[3]]), atol=1e-5)


def test_no_clips_or_none_with_speech_give_rows_all_the_same(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, 256)
    assert encoder.embed([np.zeros(8_000, dtype=np.float32)]).shape == (1, 256)


def test_a_clip_over_full_scale_is_embedded(encoder: Encoder, speak: Any) -> None:
    rows = encoder.embed([speak(2.0, seed=31, peak=0.999), speak(2.0, seed=31, peak=1.3)])
    assert rows[0] @ rows[1] > 0.95
