"""Waveforms to embeddings: one file an encoder, and one place that finds and checks their weights.

torch is imported only in this folder, and only once an encoder is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search.encoders import weights
from speaker_search.encoders.backends.choose import Backend, choose
from speaker_search.encoders.backends.machine import this_machine
from speaker_search.encoders.encoder import Encoder
from speaker_search.encoders.weights import Weights
from speaker_search.errors import EncoderError

if TYPE_CHECKING:
    from speaker_search.encoders.anime import AnimeEncoder
    from speaker_search.encoders.campplus import CampplusEncoder
    from speaker_search.encoders.ecapa_voxceleb import EcapaVoxcelebEncoder
    from speaker_search.encoders.resemblyzer import ResemblyzerEncoder
    from speaker_search.encoders.wespeaker import WespeakerEncoder

__all__ = ["NAMES", "PURPOSES", "Backend", "Encoder", "class_of", "load", "make"]

NAMES = tuple(weights.SOURCES)
#: What each of them is for.
PURPOSES: Mapping[str, str] = {
    "anime-va": "acted Japanese: tells voice actors apart",
    "anime-char": "acted Japanese: tells apart even one actor's characters",
    "campplus": "all other voices; needs no download",
    "ecapa-voxceleb": "comparison only; trained on interviews",
    "wespeaker-resnet34": "comparison only; trained on interviews",
    "resemblyzer": "comparison only; trained on English; no download",
}
DEVICES = ("auto", "cpu", "cuda")


def load(name: str, *, checkpoint: Path | None = None, device: str = "auto") -> Encoder:
    """Load the encoder of that name, downloading its weights when they are neither given nor cached.

    `checkpoint` is a local weights file to use instead, or a folder that holds it (see `weights.resolve`); `device` is
    "auto" (a GPU when there is one), "cpu" or "cuda".
    Raises EncoderError when the name is unknown, when the weights cannot be found or are not this encoder's, or when
    there is no such device.
    """
    if name not in NAMES:
        raise EncoderError(f"There is no encoder {name!r}.", f"The encoders are {', '.join(NAMES)}.")
    if device not in DEVICES:
        raise EncoderError(f"There is no device {device!r}.", f"The devices are {', '.join(DEVICES)}.")
    # Before torch, whose import takes seconds: most errors come from here.
    found = weights.resolve(name, checkpoint)
    return make(found, device)


def make(found: Weights, device: str) -> Encoder:
    """The encoder of these weights, on the fastest backend of `device`. Imports torch.

    Raises EncoderError when the weights are not the encoder's, or there is no such device.
    """
    kind = class_of(found.name)
    backend = choose(device, this_machine(), torch_only=kind.torch_only, torch_on_cpu=kind.torch_on_cpu)
    return kind(found, backend)


def class_of(
    name: str,
) -> type[AnimeEncoder | CampplusEncoder | EcapaVoxcelebEncoder | ResemblyzerEncoder | WespeakerEncoder]:
    """The class of one of NAMES, to be called with its weights and a backend. Imports torch."""
    if name == "campplus":
        from speaker_search.encoders.campplus import CampplusEncoder

        return CampplusEncoder
    if name == "ecapa-voxceleb":
        from speaker_search.encoders.ecapa_voxceleb import EcapaVoxcelebEncoder

        return EcapaVoxcelebEncoder
    if name == "wespeaker-resnet34":
        from speaker_search.encoders.wespeaker import WespeakerEncoder

        return WespeakerEncoder
    if name == "resemblyzer":
        from speaker_search.encoders.resemblyzer import ResemblyzerEncoder

        return ResemblyzerEncoder
    from speaker_search.encoders.anime import AnimeEncoder

    return AnimeEncoder
