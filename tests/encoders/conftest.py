"""Sounds to embed and random weights, shared by the encoders' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from speaker_search.entities import SAMPLE_RATE, Floats

VOICES = Path(__file__).parents[2].parent / "shared" / "voices"  # real speech, kept outside the repository
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))  # formants, Hz

Read = Callable[[Path], Floats]
Speak = Callable[..., Floats]


def _speak(seconds: float, *, seed: int = 0, rate: int = SAMPLE_RATE, peak: float = 0.5) -> Floats:
    """A voice-like sound (n,): vowels of a gliding pitch, four syllables a second, over faint noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = rng.uniform(100, 220) * (1 + 0.08 * np.sin(2 * np.pi * rng.uniform(0.7, 2.0) * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = np.array(VOWELS)[rng.permutation(len(VOWELS))]
    vowel = formants[(time * 4).astype(int) % len(formants)]  # (n, 3)
    sound = rng.normal(scale=0.01, size=len(time))
    for harmonic in range(1, 30):
        hertz = harmonic * pitch
        gain = (np.exp(-(((hertz[:, None] - vowel) / 180) ** 2)) * [1.0, 0.5, 0.25]).sum(axis=1)
        sound += (gain + 0.02) / np.sqrt(harmonic) * np.sin(harmonic * phase)
    sound *= 0.15 + np.sin(np.pi * 4 * time) ** 2  # syllables
    return (sound * (peak / np.abs(sound).max())).astype(np.float32)


def _read(path: Path) -> Floats:
    """A sound file as the encoders take it: channels averaged, soxr HQ to 16 kHz."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return np.asarray(mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE, "HQ"), dtype=np.float32)


@pytest.fixture(scope="session")
def speak() -> Speak:
    return _speak


@pytest.fixture(scope="session")
def read() -> Read:
    return _read


@pytest.fixture(scope="session")
def voices() -> list[Path]:
    """A few files of real speech: FLAC at 16 kHz mono, and Vorbis of other rates, some of it stereo."""
    if not VOICES.is_dir():
        pytest.skip("the real voices are not on this machine; synthetic ones are tested all the same")
    return [*sorted(VOICES.rglob("*.flac"))[::90], *sorted(VOICES.rglob("*.ogg"))[::60]]


@pytest.fixture(scope="session")
def anime_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights in the layout of the anime encoders' checkpoints."""
    import torch

    from speaker_search.encoders.anime import build_network

    torch.manual_seed(20)
    tensors = build_network().state_dict()
    for key, tensor in tensors.items():
        if ".norm." in key:  # groups' scales and offsets of 1 and 0 would hide a mistaken one
            tensor += 0.3 * torch.randn(tensor.shape)
    path = tmp_path_factory.mktemp("weights") / "embedding_model.pth"
    extra = {"fbank.compute_fbanks.note": torch.zeros(1), "classifier.weight": torch.zeros(3, 192)}
    torch.save({"backbone." + key: tensor for key, tensor in tensors.items()} | extra, path)
    yield path
    path.unlink()  # 83 MB, which pytest would keep for three runs
