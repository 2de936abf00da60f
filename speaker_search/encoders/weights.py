"""Where an encoder's weights come from, and the proof that they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speaker_search.errors import EncoderError

if TYPE_CHECKING:
    import torch

MEND = "Name the right weights file in SPKSEARCH_CHECKPOINT, or leave it unset."
HUB_TIMEOUT_SECONDS = 10.0  # for one answer of the hub; the download itself may take as long as it needs


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file in a model repository of the Hugging Face hub."""

    repo: str
    file: str
    revision: str
    sha256: str | None  #: None when nobody has published one: then the space, which carries it, tells versions apart


@dataclass(frozen=True, slots=True)
class InWheel:
    """A file inside an installed package."""

    package: str
    file: str
    sha256: str


SOURCES: Mapping[str, OnHub | InWheel] = {
    "anime-va": OnHub(
        "litagin/anime_speaker_embedding_by_va_ecapa_tdnn_groupnorm",
        "embedding_model.pth",
        "1677c9702cca7aca7dc5a74b3c76f3c8b05969b7",
        "41d5ad6b5c758a03e46ab53388f42394f40bf115aa9d9df25d4adff6e21072ef",
    ),
    # No revision or hash of this one is known to pin. A copy once cached is used from then on, so the space changes
    # only when a person deletes it.
    "anime-char": OnHub("litagin/anime_speaker_embedding_ecapa_tdnn_groupnorm", "embedding_model.pth", "main", None),
    "resemblyzer": InWheel(
        "resemblyzer", "pretrained.pt", "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
    ),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file, found and hashed."""

    name: str  #: the encoder's
    path: Path
    sha256: str

    @property
    def space(self) -> str:
        return f"{self.name}@{self.sha256[:12]}"


def resolve(name: str, checkpoint: Path | None = None) -> Weights:
    """Find the weights of an encoder: `checkpoint` if given, else the package or the hub (cached by its own rules).

    Raises EncoderError when they cannot be had, or are not the pinned file; a person's own `checkpoint` may be any.
    """
    source = SOURCES[name]
    if checkpoint is not None:
        path = checkpoint
    elif isinstance(source, InWheel):
        path = _in_wheel(source)
    else:
        path = _on_hub(name, source)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(
            f"The weights of {name} cannot be read from {path}: {error.strerror}.",
            "Name a readable weights file in SPKSEARCH_CHECKPOINT, or leave it unset." if checkpoint else "",
        ) from error
    if checkpoint is None and source.sha256 not in (None, sha256):
        raise EncoderError(
            f"{path} is not the {source.file} that {name} is pinned to (sha256 {sha256[:12]}…, not "
            f"{source.sha256:.12}…).",
            "Delete it to have it fetched again.",
        )
    return Weights(name, path, sha256)


def _in_wheel(source: InWheel) -> Path:
    spec = importlib.util.find_spec(source.package)  # finds the folder without running the package
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError(
            f"The package {source.package}, which holds the weights, is not installed.",
            "Name its pretrained.pt in SPKSEARCH_CHECKPOINT, or install the package.",
        )
    return Path(spec.submodule_search_locations[0]) / source.file


def _on_hub(name: str, source: OnHub) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # What the hub's own HTTP library raises, whichever it is: requests, httpx and httpx2 over its versions.
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError  # type: ignore[attr-defined]

    file, revision = source.file, source.revision
    mend = (
        f"Fetch {file} of {source.repo} at revision {revision} and name it in SPKSEARCH_CHECKPOINT "
        "(--encoder resemblyzer needs no download)."
    )
    try:
        try:
            return Path(hf_hub_download(source.repo, file, revision=revision, local_files_only=True))
        except LocalEntryNotFoundError:
            # hf_hub_download asks a hub out of reach six times, in 23 s; asking for the headers first fails at once.
            get_hf_file_metadata(hf_hub_url(source.repo, file, revision=revision), timeout=HUB_TIMEOUT_SECONDS)
            return Path(hf_hub_download(source.repo, file, revision=revision, etag_timeout=HUB_TIMEOUT_SECONDS))
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise EncoderError(
            f"The weights of {name} are not on this machine and the hub answers {status} for them.", mend
        ) from error
    except (OSError, RuntimeError, HTTPError) as error:  # no route, offline mode, disk full, hf_xet's own errors
        raise EncoderError(
            f"The weights of {name} are not on this machine and the hub cannot be reached ({type(error).__name__}).",
            mend,
        ) from error


def read_checkpoint(weights: Weights) -> dict[str, Any]:
    """Read a torch checkpoint that is a dictionary, running no code in it. Raises EncoderError when it is none."""
    import torch

    try:
        content = torch.load(weights.path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling arbitrary bytes can raise anything
        raise EncoderError(
            f"{weights.path} is no weights file of {weights.name}: torch cannot read it as plain tensors.", MEND
        ) from error
    if not isinstance(content, dict):
        raise EncoderError(f"{weights.path} is no weights file of {weights.name}: it holds no named tensors.", MEND)
    return content


def check_tensors(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, object], weights: Weights, *, ignored: Iterable[str] = ()
) -> dict[str, torch.Tensor]:
    """Return the tensors of `found`, which are exactly those of `expected` in name and shape, all finite.

    Raises EncoderError naming the first that is missing, misshapen, not finite or not expected; `ignored` may be there.
    """
    import torch

    def refuse(what: str) -> EncoderError:
        return EncoderError(f"{weights.path} holds no weights of {weights.name}: {what}.", MEND)

    tensors = {}
    for key, own in expected.items():
        tensor = found.get(key)
        if not isinstance(tensor, torch.Tensor):
            raise refuse(f"its tensor {key} is missing")
        if tensor.shape != own.shape:
            raise refuse(f"its tensor {key} is {tuple(tensor.shape)} and should be {tuple(own.shape)}")
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise refuse(f"its tensor {key} holds values that are no finite numbers")
        tensors[key] = tensor
    unexpected = [str(key) for key in found if key not in tensors and key not in set(ignored)]
    if unexpected:
        raise refuse(f"its tensor {unexpected[0]} is not part of the network")
    return tensors
