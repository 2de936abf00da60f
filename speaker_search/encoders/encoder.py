"""What every encoder promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from speaker_search.encoders.backends.choose import Backend
from speaker_search.entities import Floats


class Encoder(Protocol):
    """A network and the hash of its weights; together they define an embedding space."""

    @property
    def name(self) -> str:
        """The name that `load` takes: "anime-va"."""

    @property
    def space(self) -> str:
        """The name and the first 12 hex digits of the weights' sha256: "anime-va@41d5ad6b5c75"."""

    @property
    def dim(self) -> int:
        """The length of an embedding."""

    @property
    def backend(self) -> Backend:
        """What computes its embeddings, and why."""

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips, in the order given.

        Takes 16 kHz mono float32 arrays (n,) of any length; returns (N, dim) float32, each row of unit length and
        independent of the other clips. A row of NaN is a clip with nothing to embed: resemblyzer's voice detector heard
        no speech in it, or it is shorter than the encoder's shortest input (40 ms for anime-va, anime-char and
        ecapa-voxceleb, 45 ms for campplus, 105 ms for wespeaker-resnet34).
        """
