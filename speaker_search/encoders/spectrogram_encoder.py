"""What all encoders share whose network reads a clip's whole spectrogram at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import torch

from speaker_search.encoders.backends.choose import Backend
from speaker_search.encoders.backends.start import start
from speaker_search.encoders.weights import Weights
from speaker_search.entities import Floats


class SpectrogramEncoder:
    """Embeds clips in batches of one frame count, on the first backend that is exact. Subclasses bring the network."""

    dim: ClassVar[int]
    torch_only: ClassVar[str] = ""  #: why it runs in torch and fp32 only; "" when it runs on every backend
    torch_on_cpu: ClassVar[str] = ""  #: why it runs in torch on CPUs; "" when OpenVINO is faster, if installed

    def __init__(
        self,
        weights: Weights,
        spectrograms: torch.nn.Module,
        network: torch.nn.Module,
        backend: Backend,
        *,
        mels: int,
        frame_count: Callable[[int], int],
    ) -> None:
        """Start a loaded network on `backend`, or on the next best one.

        `spectrograms` turns samples (N, n), each clip followed by zeros up to the longest, into (N, frames, mels);
        `network` turns those into embeddings (N, dim), not normalised. `frame_count` takes a clip's number of samples
        and returns its frames, 0 for a clip too short to embed.
        Raises EncoderError when the backend is on a GPU and none works there.
        """
        self.name = weights.name
        self.space = weights.space
        self._frame_count = frame_count
        #: What computes its embeddings, and why.
        self.backend: Backend
        self._run, self.backend = start(spectrograms.eval(), network.eval(), backend, mels=mels)

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips: (N, dim) unit rows in the order given, NaN for a clip too short to embed."""
        rows = np.full((len(waveforms), self.dim), np.nan, dtype=np.float32)
        frames = [self._frame_count(len(samples)) for samples in waveforms]
        heard = [position for position, count in enumerate(frames) if count]
        for batch, embedded in self._run.embed([waveforms[at] for at in heard], [frames[at] for at in heard]):
            rows[[heard[place] for place in batch]] = embedded
        return rows
