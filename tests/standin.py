"""A stand-in for an encoder's weights: deterministic, quick, and able to tell synthetic voices apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from speaker_search.encoders.backends.choose import exact

RATE = 16_000
DIM = 32


class StandInEncoder:
    """Embeds a clip by the mean spectrum of its frames, in 32 bands."""

    name = "stand-in"
    space = "stand-in@000000000000"
    dim = DIM
    backend = exact("it is a stand-in")

    def __init__(self) -> None:
        self.clips = 0  # embedded so far

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        self.clips += len(waveforms)
        vectors = np.zeros((len(waveforms), DIM), np.float32)
        for row, samples in enumerate(waveforms):
            frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256]
            spectrum = np.abs(np.fft.rfft(frames * np.hanning(512))).mean(axis=0)[:256]
            bands = np.log1p(100 * spectrum.reshape(DIM, -1).mean(axis=1) / spectrum.mean())
            centred = bands - bands.mean()
            vectors[row] = centred / np.linalg.norm(centred)
        return vectors


def voice(number: int, take: int = 0, seconds: float = 0.6) -> np.ndarray:
    """A synthetic voice: harmonics of its own pitch under formants of its own; takes differ a little."""
    # Most tests of a file write the same dump. Long ones would fill the memory.
    return _kept(number, take, seconds).copy() if seconds < 3 else _made(number, take, seconds)


def _made(number: int, take: int, seconds: float) -> np.ndarray:
    rng = np.random.default_rng([number, take])
    pitch = 90 + 23 * (number % 11) * (1 + 0.02 * rng.standard_normal())
    formants = np.random.default_rng(number).uniform(300, 3800, 3)
    t = np.arange(int(seconds * RATE)) / RATE
    wave = np.zeros_like(t)
    for harmonic in range(1, int(4000 / pitch)):
        frequency = harmonic * pitch
        gain = sum(np.exp(-(((frequency - formant) / 300) ** 2)) for formant in formants) + 0.02
        wave += gain * np.sin(2 * np.pi * frequency * t + rng.uniform(0, 6.28))
    wave += 0.003 * rng.standard_normal(len(t))
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


_kept = lru_cache(1024)(_made)


def write_voice(path: Path, number: int, take: int = 0, seconds: float = 0.6) -> Path:
    """A synthetic voice as a sound file, of the kind its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(number, take, seconds), RATE)
    return path


def write_dump(root: Path, cast: dict[str, dict[str, int]], clips: int = 3) -> Path:
    """Games in the folders layout: `cast` gives each "maker/game" its characters and the voice each is spoken by."""
    for game, characters in cast.items():
        for character, number in characters.items():
            for take in range(clips):
                seed = take + 100 * (hash_of(game) % 97)
                write_voice(root / game / character / f"{take:03d}.wav", number, seed)
    return root


def hash_of(text: str) -> int:
    """A small number for a text, the same in every process."""
    return sum((place + 1) * ord(sign) for place, sign in enumerate(text))
