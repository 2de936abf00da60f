"""ecapa-voxceleb: SpeechBrain's ECAPA-TDNN with batch normalisation, trained on VoxCeleb's interviews.

The reference is SpeechBrain's EncoderClassifier on the same file. Its hyperparams.yaml can create any Python object, so
it is not read: the architecture is written down here, and weights of another one are refused.
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


class EcapaVoxcelebEncoder(SpectrogramEncoder):
    """Tells speakers apart, trained on celebrities' interviews in many languages."""

    dim = ecapa.DIM

    def __init__(self, weights: Weights, backend: Backend) -> None:
        """Raises EncoderError when the weights are not its own, or no backend on the device works."""
        network = load_tensors(ecapa.build_network(), read_checkpoint(weights), weights)
        super().__init__(
            weights, Spectrograms(), Unpadded(network), backend, mels=ecapa.N_MELS, frame_count=ecapa.frame_count
        )


class Spectrograms(torch.nn.Module):
    """Samples (N, n) of one frame count to mel spectrograms (N, frames, 80), less each clip's mean over time.

    Zeros after a clip, within its last frame, change nothing: the filterbank is centred and sees zeros there anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = Filterbank(ecapa.N_MELS)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        mels: torch.Tensor = self.filterbank(samples)
        # The published configuration normalises each sentence, the mean only. The statistics in mean_var_norm_emb.ckpt
        # are for finished embeddings, and EncoderClassifier only uses them when told to normalise those. By default it
        # does not, so that file is not needed.
        return mels - mels.mean(dim=1, keepdim=True)
