"""wespeaker-resnet34: WeSpeaker's ResNet34, trained on VoxCeleb with large margins, as pyannote publishes it.

The reference is pyannote.audio's WeSpeakerResNet34 (MIT; the network is WeSpeaker's, Apache-2.0), on the same file.
"""

from __future__ import annotations

import torch

from speaker_search.encoders.backends.choose import Backend
from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint, refused
from speaker_search.encoders.networks.kaldi import KaldiFilterbank, window_count
from speaker_search.encoders.networks.residual import residual_stage
from speaker_search.encoders.spectrogram_encoder import SpectrogramEncoder
from speaker_search.encoders.weights import Weights

# A fine-tuned network's checkpoint may also hold its loss, which no embedding goes through.
PREFIX = "resnet."
N_MELS = 80
DIM = 256
CHANNELS = (32, 64, 128, 256)  # of the four stages; each but the first halves time and frequency
BLOCKS = (3, 4, 6, 3)  # residual blocks of each stage
REDUCTION = 8  # of time and frequency, by all stages together

INT16_SCALE = 32_768.0  # Kaldi's scale, in which speech is far above the floor of the logarithm
# The pooling takes the sample standard deviation over time, which needs two frames after the reduction.
MIN_FRAMES = REDUCTION + 1

# What pyannote.audio saves beside the tensors: what the network was trained for. No embedding depends on it.
UNUSED_CLASSES = (
    "pyannote.audio.core.task.Specifications",
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "torch.torch_version.TorchVersion",
)


class WespeakerEncoder(SpectrogramEncoder):
    """Tells speakers apart, trained on celebrities' interviews in many languages."""

    dim = DIM

    def __init__(self, weights: Weights, backend: Backend) -> None:
        """Raises EncoderError when the weights are not its own, or no backend on the device works."""
        content = read_checkpoint(weights, unused_classes=UNUSED_CLASSES)
        state = content.get("state_dict", content)  # Lightning's checkpoint, or its tensors alone
        if not isinstance(state, dict):
            raise refused(weights, "its state_dict is not a dictionary")
        network = load_tensors(build_network(), state, weights, prefix=PREFIX)
        spectrograms = KaldiFilterbank(N_MELS, window="hamming", scale=INT16_SCALE)
        super().__init__(weights, spectrograms, network, backend, mels=N_MELS, frame_count=frame_count)


def frame_count(samples: int) -> int:
    """The whole windows in a clip of that many samples; 0 when they are too few to embed (under 105 ms)."""
    frames = window_count(samples)
    return frames if frames >= MIN_FRAMES else 0


def build_network() -> torch.nn.Module:
    """The network; its weights are random."""
    return _Network()


class _Network(torch.nn.Module):
    """Mel spectrograms (N, frames, 80), less their mean, to embeddings (N, 256), not normalised.

    Its parts are named as the published tensors are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, CHANNELS[0], 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(CHANNELS[0])
        self.layer1 = residual_stage(CHANNELS[0], CHANNELS[0], BLOCKS[0], (1, 1))
        self.layer2 = residual_stage(CHANNELS[0], CHANNELS[1], BLOCKS[1], (2, 2))
        self.layer3 = residual_stage(CHANNELS[1], CHANNELS[2], BLOCKS[2], (2, 2))
        self.layer4 = residual_stage(CHANNELS[2], CHANNELS[3], BLOCKS[3], (2, 2))
        self.seg_1 = torch.nn.Linear(2 * CHANNELS[3] * N_MELS // REDUCTION, DIM)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        image = mels.transpose(1, 2).unsqueeze(1)  # (N, 1, 80, frames)
        image = torch.relu(self.bn1(self.conv1(image)))  # (N, 32, 80, frames)
        image = self.layer4(self.layer3(self.layer2(self.layer1(image))))  # (N, 256, 10, frames / 8, rounded up)
        features = image.flatten(1, 2)
        pooled = torch.cat([features.mean(dim=2), features.std(dim=2, correction=1)], dim=1)  # (N, 5120)
        return torch.as_tensor(self.seg_1(pooled))
