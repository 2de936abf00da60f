"""ecapa-voxceleb: SpeechBrain's ECAPA-TDNN with batch normalisation, trained on VoxCeleb's interviews.

The reference is SpeechBrain's EncoderClassifier on the same file. Its hyperparams.yaml can name any Python object to
be made, so it is not read: the architecture is written down here, and a file of another one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from speaker_search.encoders import paths
from speaker_search.encoders.batching import FRAME_SAMPLES
from speaker_search.encoders.ecapa import DIM, MIN_SAMPLES, N_MELS, build_network
from speaker_search.encoders.filterbank import Filterbank
from speaker_search.encoders.paths import Path
from speaker_search.encoders.running import Embedder
from speaker_search.encoders.unpadded import Unpadded
from speaker_search.encoders.weights import Weights, check_tensors, read_checkpoint
from speaker_search.entities import Floats


class EcapaVoxcelebEncoder:
    """Tells speakers apart, trained on celebrities' interviews in many languages."""

    dim = DIM

    def __init__(self, weights: Weights, device: str, path: Path | None = None) -> None:
        """Build the network on `device` ("auto", "cpu" or "cuda"), by the quickest path there unless `path` names one.

        Raises EncoderError when the weights are not its own, or the device does not hold it.
        """
        self.name = weights.name
        self.space = weights.space
        network = build_network()
        network.load_state_dict(check_tensors(network.state_dict(), read_checkpoint(weights), weights), strict=True)
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
    """Samples (N, n) of one frame count to mel spectrograms (N, frames, 80), each with its mean over time taken off.

    Zeros after a clip within its last frame change nothing: the filterbank is centred and sees zeros there anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = Filterbank(N_MELS)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        mels: torch.Tensor = self.filterbank(samples)
        # The published configuration normalises by sentence, the mean only: each clip's own mean over time. The
        # statistics in mean_var_norm_emb.ckpt are for finished embeddings, and only when EncoderClassifier is told to
        # normalise them, which it is not by default: that file changes nothing here and is not needed.
        return mels - mels.mean(dim=1, keepdim=True)
