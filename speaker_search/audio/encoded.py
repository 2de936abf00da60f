"""Lines as small sound files that every browser plays."""

from __future__ import annotations

import io

import numpy as np
import soundfile  # type: ignore[import-untyped]  # soundfile carries no types

from speaker_search.entities import SAMPLE_RATE, Floats, Waveform

LEVEL = 0.05  # the root mean square that lines are brought to, -26 dBFS: none of them startles
HIGHEST_PEAK = 0.7
FADE_S = 0.05  # at the end of a line that is cut


def wav(waveform: Waveform, rate: int = SAMPLE_RATE) -> bytes:
    """A line as mono WAV of 16 bits, all of it and as loud as it is."""
    file = io.BytesIO()
    soundfile.write(file, waveform.samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def mp3(waveform: Waveform, most_seconds: float) -> bytes:
    """The first seconds of a line as mono MP3, all lines about equally loud; about 4 kB a second."""
    most = int(most_seconds * SAMPLE_RATE)
    samples: Floats = waveform.samples[:most].astype(np.float32)
    loudness, peak = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))), float(np.abs(samples).max())
    if peak > 0:
        samples = samples * np.float32(min(LEVEL / loudness, HIGHEST_PEAK / peak))
    if len(waveform.samples) > most:
        fade = int(FADE_S * SAMPLE_RATE)
        samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()
