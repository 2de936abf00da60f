"""SpeechBrain's ECAPA-TDNN, in the size that all encoders of this family have.

The network is Desplanques et al. 2020, https://arxiv.org/abs/2005.07143.
"""

from __future__ import annotations

import sys

import torch
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN  # type: ignore[import-untyped]
from speechbrain.utils.importutils import DeprecatedModuleRedirect  # type: ignore[import-untyped]

from speaker_search.encoders.batching import FRAME_SAMPLES

# SpeechBrain leaves placeholders for its former modules in sys.modules. Anything that looks at one while walking that
# table, as hypothesis does, gets a warning, or an ImportError for a package that is not installed. None is used here.
for _name in [name for name, module in sys.modules.items() if isinstance(module, DeprecatedModuleRedirect)]:
    del sys.modules[_name]

N_MELS = 80
DIM = 192
# The widest reflected border in the network is 4 frames (kernel 3, dilation 4), which needs 5 frames to reflect.
MIN_SAMPLES = 4 * FRAME_SAMPLES


def frame_count(samples: int) -> int:
    """The whole hops in a clip of that many samples; 0 for one under 40 ms, which is too short to embed."""
    return samples // FRAME_SAMPLES if samples >= MIN_SAMPLES else 0


def build_network() -> torch.nn.Module:
    """Mel spectrograms (N, frames, 80) to embeddings (N, 1, 192), not normalised; its weights are random."""
    network: torch.nn.Module = ECAPA_TDNN(
        N_MELS,
        lin_neurons=DIM,
        channels=[1024] * 4 + [3072],
        kernel_sizes=[5, 3, 3, 3, 1],
        dilations=[1, 2, 3, 4, 1],
        attention_channels=128,
    )
    return network
