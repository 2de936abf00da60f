"""Waveforms to embeddings: one file an encoder, its weights resolved and verified in one place.

torch is imported in here only, and only once an encoder is loaded.
"""

from __future__ import annotations

from pathlib import Path

from speaker_search.encoders import weights
from speaker_search.encoders.encoder import Encoder
from speaker_search.errors import EncoderError

__all__ = ["NAMES", "Encoder", "load"]

NAMES = tuple(weights.SOURCES)
DEVICES = ("auto", "cpu", "cuda")


def load(name: str, *, checkpoint: Path | None = None, device: str = "auto") -> Encoder:
    """Load the encoder of that name, fetching its weights when they are neither named nor cached.

    `checkpoint` is a local weights file to use instead; `device` is "auto" (a GPU when there is one), "cpu" or "cuda".
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
    device = _present(device)
    if name == "resemblyzer":
        from speaker_search.encoders.resemblyzer import ResemblyzerEncoder

        return ResemblyzerEncoder(resolved, device)
    from speaker_search.encoders.anime import AnimeEncoder

    return AnimeEncoder(resolved, device)


def _present(device: str) -> str:
    """The device to run on: "cpu" or "cuda"."""
    import torch

    gpu = torch.cuda.is_available()
    if device == "cuda" and not gpu:
        raise EncoderError("There is no GPU that torch can use on this machine.", "Use --device cpu or auto.")
    return "cuda" if gpu and device != "cpu" else "cpu"
