"""The anime encoders against PyPI's anime_speaker_embedding, on random weights: the real ones need a download.

By every path that computes in fp32; the others have tests of their own in test_paths.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from speaker_search.encoders import Encoder
from speaker_search.encoders.anime import AnimeEncoder
from speaker_search.encoders.paths import possible, this_machine
from speaker_search.encoders.weights import resolve
from speaker_search.entities import SAMPLE_RATE, Floats

SAME = 0.99999  # cosine
# The reference reads files with librosa, whose audioread imports modules that Python 3.13 dropped.
pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")
# (seconds, Hz, channels, peak): float WAV files, so that a peak over 1 survives
SOUNDS = {
    "short": (0.3, SAMPLE_RATE, 1, 0.5),
    "second": (1.0, SAMPLE_RATE, 1, 0.5),  # 16,000 samples: a multiple of the hop of 160
    "second-and-a-bit": (16_001 / SAMPLE_RATE, SAMPLE_RATE, 1, 0.3),
    "second-and-most-of-a-hop": (16_159 / SAMPLE_RATE, SAMPLE_RATE, 1, 0.3),
    "next-hop": (16_160 / SAMPLE_RATE, SAMPLE_RATE, 1, 0.3),
    "loud-second": (1.0, SAMPLE_RATE, 1, 3.0),
    "quiet": (2.37, SAMPLE_RATE, 1, 0.003),
    "long": (5.0, SAMPLE_RATE, 1, 0.9),
    "stereo-44100": (1.7, 44_100, 2, 0.6),
    "loud-stereo-48000": (2.1, 48_000, 2, 1.8),
}


@pytest.fixture(scope="module", params=["torch cpu fp32", "openvino cpu fp32"])
def encoder(request: pytest.FixtureRequest, anime_checkpoint: Path) -> Encoder:
    paths = {path.name: path for path in possible(this_machine())}
    if request.param not in paths:
        pytest.skip("OpenVINO is not installed")
    encoder = AnimeEncoder(resolve("anime-char", anime_checkpoint), "cpu", paths[request.param])
    assert encoder.path.name == request.param, encoder.path.reason
    return encoder


@pytest.fixture(scope="module")
def reference(anime_checkpoint: Path) -> Any:
    from anime_speaker_embedding import AnimeSpeakerEmbedding

    return AnimeSpeakerEmbedding(ckpt_path=anime_checkpoint, device="cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, speak: Any) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    paths = []
    for seed, (name, (seconds, rate, channels, peak)) in enumerate(SOUNDS.items()):
        tracks = [speak(seconds, seed=seed + 100 * track, rate=rate, peak=peak) for track in range(channels)]
        soundfile.write(folder / f"{name}.wav", np.stack(tracks, axis=1), rate, subtype="FLOAT")
        paths.append(folder / f"{name}.wav")
    return paths


@pytest.fixture(scope="module")
def clips(files: list[Path], read: Any) -> list[Floats]:
    return [read(path) for path in files]


@pytest.fixture(scope="module")
def expected(files: list[Path], reference: Any) -> Floats:
    return np.stack([reference.get_embedding(path) for path in files])


def cosines(left: Floats, right: Floats) -> Floats:
    return np.sum(left * right, axis=1)


def test_rows_are_unit_float32_of_192(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed(clips[:2])
    assert rows.shape == (2, encoder.dim) == (2, 192)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_no_clips_give_no_rows(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, 192)


def test_random_weights_tell_the_clips_apart(expected: Floats) -> None:
    others = (expected @ expected.T)[~np.eye(len(expected), dtype=bool)]
    assert others.max() < 0.999  # else the tests below would prove nothing


def test_a_clip_alone_equals_the_reference(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    alone = np.concatenate([encoder.embed([clip]) for clip in clips])
    assert cosines(alone, expected).min() >= SAME


def test_clips_of_all_lengths_together_equal_the_reference(
    encoder: Encoder, clips: list[Floats], expected: Floats
) -> None:
    assert cosines(encoder.embed(clips), expected).min() >= SAME


def test_shuffling_the_clips_shuffles_the_rows(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    order = np.random.default_rng(1).permutation(len(clips))
    assert cosines(encoder.embed([clips[place] for place in order]), expected[order]).min() >= SAME


def test_clips_of_one_frame_count_equal_the_reference(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    equals = [place for place, clip in enumerate(clips) if len(clip) // 160 == 100]
    assert len({len(clips[place]) for place in equals}) == 3
    assert cosines(encoder.embed([clips[place] for place in equals]), expected[equals]).min() >= SAME


def test_a_loud_clip_does_not_change_its_neighbours(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    names = list(SOUNDS)
    for companion in ("second", "second-and-a-bit"):
        pair = [names.index("loud-second"), names.index(companion)]
        assert cosines(encoder.embed([clips[place] for place in pair]), expected[pair]).min() >= SAME


def test_a_silent_clip_does_not_change_its_neighbours(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    rows = encoder.embed([np.zeros(16_000, dtype=np.float32), clips[1]])
    assert np.isfinite(rows).all()
    assert cosines(rows[1:], expected[1:2]).min() >= SAME


def test_a_clip_under_40_ms_is_a_row_of_nan(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed([clips[0][:639], clips[0][:640], clips[0][:0]])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True]


def test_real_speech_equals_the_reference(encoder: Encoder, reference: Any, voices: list[Path], read: Any) -> None:
    expected = np.stack([reference.get_embedding(path) for path in voices])
    assert cosines(encoder.embed([read(path) for path in voices]), expected).min() >= SAME
