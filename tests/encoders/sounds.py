"""Sounds to embed: synthetic ones, and real speech where it is beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speaker_search.entities import SAMPLE_RATE, Floats

VOICES = Path(__file__).parents[2].parent / "shared" / "voices"  # kept outside the repository
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))  # formants, Hz


def speak(seconds: float, *, seed: int = 0, rate: int = SAMPLE_RATE, peak: float = 0.5) -> Floats:
    """A voice-like sound (n,): vowels with a gliding pitch, four syllables a second, over faint noise."""
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


def noise(samples: int, level: float) -> Floats:
    """White noise (n,)."""
    return np.random.default_rng(samples).normal(scale=level, size=samples).astype(np.float32)


def real_voices() -> list[Path]:
    """A few files of real speech: FLAC at 16 kHz mono, and Vorbis at other rates, some of it stereo. May be none."""
    return [*sorted(VOICES.rglob("*.flac"))[::250], *sorted(VOICES.rglob("*.ogg"))[::280]]
