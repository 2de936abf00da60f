"""anime-va and anime-char: SpeechBrain's ECAPA-TDNN with group normalisation, trained on visual-novel voices.

The reference is PyPI's anime_speaker_embedding 0.2.1 (MIT): the same network, read from the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch
from speechbrain.lobes.features import Fbank  # type: ignore[import-untyped]
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # type: ignore[import-untyped]
from speechbrain.utils.importutils import DeprecatedModuleRedirect  # type: ignore[import-untyped]

from speaker_search.encoders.batching import FRAME_SAMPLES, equal_length
from speaker_search.encoders.weights import Weights, check_tensors, read_checkpoint
from speaker_search.entities import SAMPLE_RATE, Floats

# SpeechBrain leaves placeholders for its former modules in sys.modules; whatever walks that table (hypothesis does) and
# looks at one gets a warning, or an ImportError for a package that is not installed. None is used here: they go.
for _name in [name for name, module in sys.modules.items() if isinstance(module, DeprecatedModuleRedirect)]:
    del sys.modules[_name]

PREFIX = "backbone."
N_MELS = 80
DIM = 192
GROUPS = 32  # of the group normalisation
INT16_SCALE = 32_768.0  # the original training fed int16-scaled audio by mistake: it is part of the weights
# The widest reflected border in the network is 4 frames (kernel 3, dilation 4), which needs 5 frames to reflect.
MIN_SAMPLES = 4 * FRAME_SAMPLES


class AnimeEncoder:
    """Tells voice actors (anime-va) or characters (anime-char) apart."""

    dim = DIM

    def __init__(self, weights: Weights, device: str) -> None:
        """Build the network on `device` ("cpu" or "cuda"). Raises EncoderError when the weights are not its own."""
        self.name = weights.name
        self.space = weights.space
        self._device = torch.device(device)
        # Only the keys under "backbone." are the encoder's: a checkpoint may also carry the training's filterbank
        # buffers or classifier, which no embedding goes through.
        found = {key: value for key, value in read_checkpoint(weights).items() if str(key).startswith(PREFIX)}
        network = build_network()
        expected = {PREFIX + key: tensor for key, tensor in network.state_dict().items()}
        tensors = check_tensors(expected, found, weights)
        network.load_state_dict({key.removeprefix(PREFIX): tensor for key, tensor in tensors.items()}, strict=True)
        self._network = network.to(self._device).eval()
        self._fbank = Fbank(sample_rate=SAMPLE_RATE, n_mels=N_MELS).to(self._device).eval()

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips: (N, 192) unit rows in the order given, NaN for a clip under 40 ms."""
        rows = np.full((len(waveforms), DIM), np.nan, dtype=np.float32)
        long_enough = [position for position, samples in enumerate(waveforms) if len(samples) >= MIN_SAMPLES]
        frames = [len(waveforms[position]) // FRAME_SAMPLES for position in long_enough]
        for batch in equal_length(frames):
            positions = [long_enough[member] for member in batch]
            rows[positions] = self._embed_equals([waveforms[position] for position in positions])
        return rows

    @torch.inference_mode()
    def _embed_equals(self, clips: Sequence[Floats]) -> Floats:
        """Embed clips of one frame count: (N, 192)."""
        # Zeros up to the longest, within the last frame. The filterbank is centred and sees zeros beyond the end
        # anyway, so they change nothing; nor does its floor of 80 dB under the maximum, taken clip by clip.
        padded = np.zeros((len(clips), max(map(len, clips))), dtype=np.float32)
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = clip
        audio = torch.from_numpy(padded).to(self._device)  # (N, samples)
        audio = audio / audio.abs().amax(dim=1, keepdim=True).clamp(min=1.0)  # each by its own peak, if over 1
        mels = self._fbank(audio * INT16_SCALE)  # (N, frames, 80), without mean normalisation
        embeddings = self._network(mels).squeeze(1)  # (N, 192)
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=1).cpu().numpy(), dtype=np.float32)


def build_network() -> torch.nn.Module:
    """ECAPA-TDNN with every batch normalisation replaced by group normalisation, weights still random."""
    network: torch.nn.Module = ECAPA_TDNN(
        N_MELS, lin_neurons=DIM, channels=[1024] * 4 + [3072], kernel_sizes=[5, 3, 3, 3, 1]
    )
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, torch.nn.BatchNorm1d):
                setattr(parent, name, torch.nn.GroupNorm(GROUPS, child.num_features))
    return network
