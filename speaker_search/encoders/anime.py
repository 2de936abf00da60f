"""anime-va and anime-char: SpeechBrain's ECAPA-TDNN with group normalisation, trained on visual-novel voices.

The reference is PyPI's anime_speaker_embedding 0.2.1 (MIT): the same network, read from the same files.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from speaker_search.encoders import ecapa, paths
from speaker_search.encoders.batching import FRAME_SAMPLES
from speaker_search.encoders.ecapa import DIM, MIN_SAMPLES, N_MELS
from speaker_search.encoders.filterbank import Filterbank
from speaker_search.encoders.paths import Path
from speaker_search.encoders.running import Embedder
from speaker_search.encoders.unpadded import Unpadded
from speaker_search.encoders.weights import Weights, check_tensors, read_checkpoint
from speaker_search.entities import Floats

PREFIX = "backbone."
GROUPS = 32  # of the group normalisation
INT16_SCALE = 32_768.0  # the original training fed int16-scaled audio by mistake: it is part of the weights


class AnimeEncoder:
    """Tells voice actors (anime-va) or characters (anime-char) apart."""

    dim = DIM

    def __init__(self, weights: Weights, device: str, path: Path | None = None) -> None:
        """Build the network on `device` ("auto", "cpu" or "cuda"), by the quickest path there unless `path` names one.

        Raises EncoderError when the weights are not its own, or the device does not hold it.
        """
        self.name = weights.name
        self.space = weights.space
        # Only the keys under "backbone." are the encoder's: a checkpoint may also carry the training's filterbank
        # buffers or classifier, which no embedding goes through.
        found = {key: value for key, value in read_checkpoint(weights).items() if str(key).startswith(PREFIX)}
        network = build_network()
        expected = {PREFIX + key: tensor for key, tensor in network.state_dict().items()}
        tensors = check_tensors(expected, found, weights)
        network.load_state_dict({key.removeprefix(PREFIX): tensor for key, tensor in tensors.items()}, strict=True)
        path = path or paths.choose(device, paths.this_machine())
        self._embedder = Embedder(_Spectrograms(), Unpadded(network), path, mels=N_MELS, dim=DIM)

    @property
    def path(self) -> Path:
        """What computes its embeddings, and why."""
        return self._embedder.path

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips: (N, 192) unit rows in the order given, NaN for a clip under 40 ms."""
        frames = [len(samples) // FRAME_SAMPLES if len(samples) >= MIN_SAMPLES else 0 for samples in waveforms]
        return self._embedder.embed(waveforms, frames)


class _Spectrograms(torch.nn.Module):
    """Samples (N, n) of one frame count to mel spectrograms (N, frames, 80), without mean normalisation.

    Zeros after a clip within its last frame change nothing: the filterbank is centred and sees zeros beyond the end
    anyway, and its floor is taken clip by clip.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = Filterbank(N_MELS)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        samples = samples / samples.abs().amax(dim=1, keepdim=True).clamp(min=1.0)  # each by its own peak, if over 1
        mels: torch.Tensor = self.filterbank(samples * INT16_SCALE)
        return mels


def build_network() -> torch.nn.Module:
    """ECAPA-TDNN with every batch normalisation replaced by group normalisation, weights still random."""
    network = ecapa.build_network()
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, torch.nn.BatchNorm1d):
                setattr(parent, name, torch.nn.GroupNorm(GROUPS, child.num_features))
    return network
