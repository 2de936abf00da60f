"""ecapa-voxceleb: SpeechBrain's ECAPA-TDNN with batch normalisation, trained on VoxCeleb's interviews.

The reference is SpeechBrain's EncoderClassifier on the same file. Its hyperparams.yaml can name any Python object to
be made, so it is not read: the architecture is written down here, and a file of another one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from speaker_search.encoders.batching import FRAME_SAMPLES, embed_equals
from speaker_search.encoders.ecapa import DIM, MIN_SAMPLES, build_filterbank, build_network
from speaker_search.encoders.weights import Weights, check_tensors, read_checkpoint
from speaker_search.entities import Floats


class EcapaVoxcelebEncoder:
    """Tells speakers apart, trained on celebrities' interviews in many languages."""

    dim = DIM

    def __init__(self, weights: Weights, device: str) -> None:
        """Build the network on `device` ("cpu" or "cuda"). Raises EncoderError when the weights are not its own."""
        self.name = weights.name
        self.space = weights.space
        self._device = torch.device(device)
        network = build_network()
        network.load_state_dict(check_tensors(network.state_dict(), read_checkpoint(weights), weights), strict=True)
        self._network = network.to(self._device).eval()
        self._filterbank = build_filterbank().to(self._device).eval()

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips: (N, 192) unit rows in the order given, NaN for a clip under 40 ms."""
        frames = [len(samples) // FRAME_SAMPLES if len(samples) >= MIN_SAMPLES else 0 for samples in waveforms]
        return embed_equals(waveforms, frames, DIM, self._embed_equals)

    @torch.inference_mode()
    def _embed_equals(self, clips: Sequence[Floats]) -> Floats:
        """Embed clips of one frame count: (N, 192)."""
        # Zeros up to the longest, within the last frame: the filterbank is centred and sees zeros there anyway.
        padded = np.zeros((len(clips), max(map(len, clips))), dtype=np.float32)
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = clip
        mels = self._filterbank(torch.from_numpy(padded).to(self._device))  # (N, frames, 80)
        # The published configuration normalises by sentence, the mean only: each clip's own mean over time. The
        # statistics in mean_var_norm_emb.ckpt are for finished embeddings, and only when EncoderClassifier is told to
        # normalise them, which it is not by default: that file changes nothing here and is not needed.
        embeddings = self._network(mels - mels.mean(dim=1, keepdim=True)).squeeze(1)  # (N, 192)
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=1).cpu().numpy(), dtype=np.float32)
