"""SpeechBrain's Fbank as the ECAPA encoders use it, with its filters computed once instead of for every batch."""

from __future__ import annotations

import torch

from speaker_search.entities import SAMPLE_RATE

N_FFT = 400  # samples, 25 ms, in a Hamming window
HOP = 160  # samples, 10 ms
FLOOR_DB = 80.0  # below each clip's own maximum
LEAST_POWER = 1e-10


class Filterbank(torch.nn.Module):
    """Samples (N, n) to mel spectrograms (N, 1 + n // 160, mels) in decibels, each clip on its own."""

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hamming_window(N_FFT), persistent=False)
        self.register_buffer("filters", mel_filters(mels), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        # Centred, with zeros beyond both ends.
        spectrum = torch.stft(samples, N_FFT, HOP, window=self.window, pad_mode="constant", return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)  # (N, frames, 201)
        decibels = 10 * (power @ self.filters).clamp(min=LEAST_POWER).log10()
        return torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - FLOOR_DB)


def mel_filters(mels: int) -> torch.Tensor:
    """Triangles on the mel scale over 0 to 8 kHz: (201, mels).

    Each is as wide, in Hz, to its right as to its left: SpeechBrain's triangles do not reach the next one's peak.
    """
    highest = 2595 * torch.log10(torch.tensor(1 + SAMPLE_RATE / 2 / 700))
    hertz = 700 * (10 ** (torch.linspace(0, float(highest), mels + 2) / 2595) - 1)  # (mels + 2,)
    width = hertz.diff()[:-1]  # (mels,)
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)  # (201,)
    distance = (frequencies[:, None] - hertz[1:-1]).abs() / width
    return (1 - distance).clamp(min=0)
