"""How good a recording is: noise, clipping and bandwidth. Arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speaker_search.entities import SAMPLE_RATE, Floats

FRAME = 512  # samples, 32 ms
STEP = 160  # samples, 10 ms
HZ = SAMPLE_RATE / FRAME  # of a frequency bin
NOISE_FROM_HZ = 300  # hum and rumble below it disturb no encoder
QUIET_SHARE = 0.1  # of the frames of a frequency: as loud as its noise at most ...
QUIET_TO_MEAN = 1 / -np.log(
    1 - QUIET_SHARE
)  # ... whose power varies exponentially, so that its mean is this much higher
FULL = 0.98  # of the highest peak: clipped samples lie between the two ...
CLIPPED_SHARE = 0.003  # ... and unclipped speech has fewer there than this share
VOICE_HZ, OVER_VOICE_HZ = (300, 3_400), (4_200, 7_600)  # what a telephone transmits, and what it does not
NARROW_DB = -50.0  # of the second to the first: in wide-band recordings the quiet ends of words alone give more


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of a recording."""

    voice_db: float  #: how much louder the voice is than the noise that never stops
    clipped: bool
    narrow: bool  #: nothing above 4 kHz, as over a telephone


def quality(samples: Floats) -> Quality:
    """Measure 16 kHz mono float32 (n,), of at least one frame."""
    power = _power(samples)
    floor = np.quantile(power[:, _bin(NOISE_FROM_HZ) :], QUIET_SHARE, axis=0).sum() * QUIET_TO_MEAN
    whole = power[:, _bin(NOISE_FROM_HZ) :].mean(axis=0).sum()
    means = power.mean(axis=0)
    voice, over = (means[_bin(low) : _bin(high)].sum() for low, high in (VOICE_HZ, OVER_VOICE_HZ))
    loud = np.abs(samples)
    return Quality(
        voice_db=_decibels(max(whole - floor, 0.0), floor),
        clipped=bool((loud > FULL * loud.max()).mean() > CLIPPED_SHARE),
        narrow=_decibels(over, voice) < NARROW_DB,
    )


def _power(samples: Floats) -> npt.NDArray[np.float32]:
    """The power spectrum of a recording's frames, (frames, bins); of a long one at most a thousand frames."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::STEP]
    frames = frames[:: 1 + len(frames) // 1_000]
    spectrum = np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32))
    return np.asarray(np.abs(spectrum) ** 2, np.float32)


def _bin(hertz: float) -> int:
    return round(hertz / HZ)


def _decibels(power: float, reference: float) -> float:
    return float(10 * np.log10((power + 1e-12) / (reference + 1e-12)))
