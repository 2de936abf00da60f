"""PyanNet: who of up to three speakers speaks, frame by frame (Bredin 2023, and Plaquet and Bredin 2023).

The front end is SincNet (Ravanelli and Bengio 2018), with sine filters beside the cosine filters.
https://huggingface.co/pyannote/segmentation-3.0 has the published weights, after which the parts are named.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from speaker_search.entities import SAMPLE_RATE

SINC_BANDS = 40  # each has a cosine and a sine filter
HALF_KERNEL = 125  # samples on either side of the middle one
SINC_STRIDE = 10  # samples
MIN_HZ = 50.0  # the lowest cut-off, and the least width of a band
CHANNELS = 60
HIDDEN = 128
LSTM_LAYERS = 4
#: Which of the three speakers each class stands for: nobody, one, or two at once.
CLASSES = ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
SPEAKERS = 3

FRAME_STEP = SINC_STRIDE * 27  # samples between frames: three poolings by 3 follow the stride
FRAME_SAMPLES = 991  # that a frame sees


class PyanNet(torch.nn.Module):
    """Waveforms (N, samples) to logits of CLASSES (N, frames, 7), a frame every 270 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = _SincNet()
        self.lstm = torch.nn.LSTM(CHANNELS, HIDDEN, LSTM_LAYERS, bidirectional=True, batch_first=True)
        self.linear = torch.nn.ModuleList([torch.nn.Linear(2 * HIDDEN, HIDDEN), torch.nn.Linear(HIDDEN, HIDDEN)])
        self.classifier = torch.nn.Linear(HIDDEN, len(CLASSES))

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        frames, _ = self.lstm(self.sincnet(waveforms.unsqueeze(1)).transpose(1, 2))  # (N, frames, 256)
        for layer in self.linear:
            frames = F.leaky_relu(layer(frames))
        logits: torch.Tensor = self.classifier(frames)
        return logits


class _SincNet(torch.nn.Module):
    """Waveforms (N, 1, samples) to features (N, 60, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = torch.nn.InstanceNorm1d(1, affine=True)
        self.conv1d = torch.nn.ModuleList(
            [_SincConvolution(), torch.nn.Conv1d(2 * SINC_BANDS, CHANNELS, 5), torch.nn.Conv1d(CHANNELS, CHANNELS, 5)]
        )
        widths = (2 * SINC_BANDS, CHANNELS, CHANNELS)
        self.norm1d = torch.nn.ModuleList([torch.nn.InstanceNorm1d(width, affine=True) for width in widths])

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        features = self.conv1d[0](self.wav_norm1d(waveforms)).abs()
        features = F.leaky_relu(self.norm1d[0](F.max_pool1d(features, 3)))
        for place in (1, 2):
            features = F.leaky_relu(self.norm1d[place](F.max_pool1d(self.conv1d[place](features), 3)))
        return features


class _SincConvolution(torch.nn.Module):
    """The first convolution, under the name that its filters were published with."""

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = _SincFilters()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return F.conv1d(waveforms, self.filterbank(), stride=SINC_STRIDE)


class _SincFilters(torch.nn.Module):
    """Band-pass filters that are learnt by their cut-off frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.low_hz_ = torch.nn.Parameter(torch.zeros(SINC_BANDS, 1))
        self.band_hz_ = torch.nn.Parameter(torch.zeros(SINC_BANDS, 1))
        self.window_: torch.Tensor
        self.register_buffer("window_", torch.zeros(HALF_KERNEL))  # the left half of a Hamming window
        self.n_: torch.Tensor
        self.register_buffer("n_", torch.zeros(1, HALF_KERNEL))  # 2 pi t of its samples, t < 0 in seconds

    def forward(self) -> torch.Tensor:
        """(80, 1, 251): cosine filters, then sine filters."""
        low = MIN_HZ + self.low_hz_.abs()
        high = (low + MIN_HZ + self.band_hz_.abs()).clamp(MIN_HZ, SAMPLE_RATE / 2)
        band = high - low  # (40, 1) Hz
        shape = self.window_ / (self.n_ / 2)
        even = (torch.sin(high @ self.n_) - torch.sin(low @ self.n_)) * shape
        odd = (torch.cos(low @ self.n_) - torch.cos(high @ self.n_)) * shape
        cosines = torch.cat([even, 2 * band, even.flip(1)], dim=1)
        sines = torch.cat([odd, torch.zeros_like(band), -odd.flip(1)], dim=1)
        return torch.cat([cosines / (2 * band), sines / (2 * band)]).unsqueeze(1)


def frame_count(samples: int) -> int:
    """The frames in a waveform of that many samples."""
    steps = (samples - 2 * HALF_KERNEL - 1) // SINC_STRIDE + 1
    for _ in range(2):
        steps = steps // 3 - 4  # pooling by 3, then a convolution over 5
    return max(0, steps // 3)
