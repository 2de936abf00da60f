"""Waveforms to embeddings: one file an encoder, its weights resolved and verified in one place.

torch is imported in here only, and only once an encoder is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search.encoders import paths, weights
from speaker_search.encoders.encoder import Encoder
from speaker_search.encoders.paths import Path as EncoderPath
from speaker_search.errors import EncoderError

if TYPE_CHECKING:
    from speaker_search.encoders.anime import AnimeEncoder
    from speaker_search.encoders.ecapa_voxceleb import EcapaVoxcelebEncoder
    from speaker_search.encoders.resemblyzer import ResemblyzerEncoder
    from speaker_search.encoders.wespeaker import WespeakerEncoder

__all__ = ["NAMES", "Encoder", "EncoderPath", "class_of", "device_for", "gpu_name", "load"]

NAMES = tuple(weights.SOURCES)
DEVICES = ("auto", "cpu", "cuda")


def load(name: str, *, checkpoint: Path | None = None, device: str = "auto") -> Encoder:
    """Load the encoder of that name, fetching its weights when they are neither named nor cached.

    `checkpoint` is a local weights file to use instead, or a folder with it (see `weights.resolve`); `device` is "auto"
    (a GPU when there is one), "cpu" or "cuda".
    Raises EncoderError when the name is unknown, the weights cannot be had or are not this encoder's, or the
    device is not there.
    """
    if name not in NAMES:
        raise EncoderError(f"There is no encoder {name!r}.", f"The encoders are {', '.join(NAMES)}.")
    if device not in DEVICES:
        raise EncoderError(f"There is no device {device!r}.", f"The devices are {', '.join(DEVICES)}.")
    resolved = weights.resolve(
        name, checkpoint
    )  # before torch, whose import takes seconds: most refusals come from here
    return class_of(name)(resolved, device)


def class_of(name: str) -> type[AnimeEncoder | EcapaVoxcelebEncoder | ResemblyzerEncoder | WespeakerEncoder]:
    """The class of one of NAMES, made with its weights and a device. Imports torch."""
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


def device_for(wanted: str) -> str:
    """The device to run on, "cpu" or "cuda", for "auto", "cpu" or "cuda". Raises EncoderError when there is no GPU."""
    return paths.choose(wanted, paths.this_machine()).device


def gpu_name() -> str | None:
    """What the GPU that torch would use is called; None when there is none."""
    return paths.this_machine().gpu
