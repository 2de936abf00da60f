"""anime-va and anime-char: SpeechBrain's ECAPA-TDNN with group normalisation, trained on visual-novel voices.

The reference is PyPI's anime_speaker_embedding 0.2.1 (MIT): the same network, loaded from the same files.
"""

from __future__ import annotations

import torch

from speaker_search.encoders.backends.choose import Backend
from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.networks.filterbank import Filterbank
from speaker_search.encoders.networks.unpadded import Unpadded
from speaker_search.encoders.spectrogram_encoder import SpectrogramEncoder
from speaker_search.encoders.weights import Weights

# A checkpoint may also hold the training's filterbank buffers or classifier, which no embedding goes through.
PREFIX = "backbone."
GROUPS = 32  # of the group normalisation
INT16_SCALE = 32_768.0  # the original training mistakenly used int16-scaled audio, so it is part of the weights


class AnimeEncoder(SpectrogramEncoder):
    """Tells voice actors (anime-va) or characters (anime-char) apart."""

    dim = ecapa.DIM

    def __init__(self, weights: Weights, backend: Backend) -> None:
        """Raises EncoderError when the weights are not its own, or no backend on the device works."""
        network = load_tensors(build_network(), read_checkpoint(weights), weights, prefix=PREFIX)
        super().__init__(
            weights, Spectrograms(), Unpadded(network), backend, mels=ecapa.N_MELS, frame_count=ecapa.frame_count
        )


class Spectrograms(torch.nn.Module):
    """Samples (N, n) of one frame count to mel spectrograms (N, frames, 80), without mean normalisation.

    Zeros after a clip, within its last frame, change nothing: the filterbank is centred and sees zeros beyond the end
    anyway, and its floor is set for each clip.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = Filterbank(ecapa.N_MELS)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        samples = samples / samples.abs().amax(dim=1, keepdim=True).clamp(min=1.0)  # by each clip's peak, if over 1
        mels: torch.Tensor = self.filterbank(samples * INT16_SCALE)
        return mels


def build_network() -> torch.nn.Module:
    """ECAPA-TDNN with every batch normalisation replaced by group normalisation; its weights are random."""
    network = ecapa.build_network()
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, torch.nn.BatchNorm1d):
                setattr(parent, name, torch.nn.GroupNorm(GROUPS, child.num_features))
    return network
