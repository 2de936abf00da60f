"""Kaldi's log mel filterbank, for whole batches and with its filters computed once instead of for every clip."""

from __future__ import annotations

from typing import Literal

import torch

from speaker_search.encoders.batching import FRAME_SAMPLES
from speaker_search.entities import SAMPLE_RATE

WINDOW_SAMPLES = 400  # 25 ms
N_FFT = 512  # samples, the next power of two
LOWEST_HZ = 20.0
PREEMPHASIS = 0.97
LEAST_POWER = torch.finfo(torch.float32).eps


class KaldiFilterbank(torch.nn.Module):
    """Samples (N, n) to log mel spectrograms (N, frames, mels), minus each clip's mean over time.

    Kaldi ignores the samples after the last whole window, so zeros after a clip change nothing unless they complete
    another window. No dither is added, so the result does not depend on chance.
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, mels: int, *, window: Literal["hamming", "povey"], scale: float = 1.0) -> None:
        """`scale` multiplies the samples, and so lifts them further above the floor of the logarithm."""
        super().__init__()
        self._scale = scale
        self.register_buffer("window", _window(window), persistent=False)
        self.register_buffer("filters", mel_filters(mels), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        frames = (samples * self._scale).unfold(1, WINDOW_SAMPLES, FRAME_SAMPLES)  # (N, frames, 400)
        frames = frames - frames.mean(dim=2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)  # the first sample stands in for the one before
        spectrum = torch.fft.rfft((frames - PREEMPHASIS * before) * self.window, N_FFT)
        power = torch.view_as_real(spectrum).square().sum(-1)  # (N, frames, 257)
        mels = (power @ self.filters).clamp(min=LEAST_POWER).log()
        return mels - mels.mean(dim=1, keepdim=True)


def window_count(samples: int) -> int:
    """The whole windows in a clip of that many samples; below 1 when there is none."""
    return 1 + (samples - WINDOW_SAMPLES) // FRAME_SAMPLES


def mel_filters(mels: int) -> torch.Tensor:
    """Triangular filters from 20 Hz to 8 kHz, whose sides are straight in Kaldi's mels, not in Hz: (257, mels)."""
    edges = torch.linspace(float(_mel(torch.tensor(LOWEST_HZ))), float(_mel(torch.tensor(SAMPLE_RATE / 2))), mels + 2)
    bins = _mel(torch.arange(N_FFT // 2 + 1) * (SAMPLE_RATE / N_FFT))[:, None]  # (257, 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


def _mel(hertz: torch.Tensor) -> torch.Tensor:
    return 1127 * torch.log1p(hertz / 700)


def _window(name: Literal["hamming", "povey"]) -> torch.Tensor:
    if name == "hamming":
        return torch.hamming_window(WINDOW_SAMPLES, periodic=False)
    return torch.hann_window(WINDOW_SAMPLES, periodic=False) ** 0.85  # Povey's: like Hamming's, but ends at zero
