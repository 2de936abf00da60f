"""A sound to warm up with."""

from __future__ import annotations

import io
import wave

import numpy as np

from speaker_search.entities import SAMPLE_RATE


def sample() -> bytes:
    """A second of a voice-like tone, as a wav file."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sum([np.sin(2 * np.pi * 180 * harmonic * time) / harmonic for harmonic in range(1, 20)], axis=0)
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes((8_000 * tone).astype("<i2").tobytes())
    return file.getvalue()
