"""What is in a weights file, and the proof that it is an encoder's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import torch

from speaker_search.encoders.weights import MEND, Weights
from speaker_search.errors import EncoderError

Network = TypeVar("Network", bound=torch.nn.Module)


class _Unused:
    """Read in place of an object that nobody needs: accepts whatever the file says about it and keeps nothing."""

    def __new__(cls, *_: object) -> _Unused:
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


def read_checkpoint(weights: Weights, *, unused_classes: Sequence[str] = ()) -> dict[str, Any]:
    """Read a torch checkpoint that holds a dictionary, without running code in it.

    Objects of `unused_classes`, given by their full names, are read as empty ones without importing those classes.
    Raises EncoderError when the file is anything else.
    """
    # torch takes pairs of a class to use and the name it is allowed for.
    stand_ins: list[Any] = [(_Unused, name) for name in unused_classes]
    try:
        with torch.serialization.safe_globals(stand_ins):
            content = torch.load(weights.path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling arbitrary bytes can raise anything
        mend = f"{MEND} From a checkpoint that holds more, save the state_dict alone."
        raise refused(weights, "torch cannot read it as plain tensors", mend) from error
    if not isinstance(content, dict):
        raise refused(weights, "it holds no named tensors")
    return content


def load_tensors(
    network: Network, state: Mapping[str, object], weights: Weights, *, prefix: str = "", ignored: Collection[str] = ()
) -> Network:
    """Load a network from a state_dict, and return it. The tensors must be its own in name and shape, and finite.

    Only keys that start with `prefix` count, and they are the network's without it. Keys in `ignored` may be there.
    Raises EncoderError naming the first tensor that is missing, misshapen, not finite or not the network's.
    """
    found = {key: value for key, value in state.items() if str(key).startswith(prefix)}
    tensors = {}
    for key, own in network.state_dict().items():
        tensor = found.pop(prefix + key, None)
        if not isinstance(tensor, torch.Tensor):
            raise refused(weights, f"its tensor {prefix + key} is missing")
        if tensor.shape != own.shape:
            shapes = f"{tuple(tensor.shape)} and should be {tuple(own.shape)}"
            raise refused(weights, f"its tensor {prefix + key} is {shapes}")
        if not (tensor.is_floating_point() if own.is_floating_point() else tensor.dtype == own.dtype):
            raise refused(weights, f"its tensor {prefix + key} is {tensor.dtype} and should be {own.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise refused(weights, f"its tensor {prefix + key} has values that are not finite")
        tensors[key] = tensor
    for key in found:
        if key not in ignored:
            raise refused(weights, f"its tensor {key} is not part of the network")
    network.load_state_dict(tensors, strict=True)
    return network


def refused(weights: Weights, why: str, mend: str = MEND) -> EncoderError:
    """The error for a file whose content is not the encoder's weights."""
    return EncoderError(f"{weights.path} is not a weights file of {weights.name}: {why}.", mend)
