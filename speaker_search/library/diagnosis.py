"""What works on this machine: which encoders are ready, what the others lack, and what they run on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from speaker_search import encoders
from speaker_search.audio import containers, decode
from speaker_search.documents import (
    Diagnosis,
    EncoderHealth,
    EncoderState,
    Health,
    IndexPlace,
    MachineState,
    SoundState,
)
from speaker_search.encoders import Backend, weights
from speaker_search.encoders.backends.choose import choose
from speaker_search.encoders.backends.machine import cpu_name, this_machine
from speaker_search.errors import EncoderError, SpeakerSearchError
from speaker_search.library.encoder_choice import defaults, encoder_of
from speaker_search.settings import Settings
from speaker_search.sources.names import CONTAINER_SUFFIXES

#: Their versions affect results and speed. Only one of the two faiss packages is installed.
PACKAGES = (
    *("speaker-search", "torch", "torchaudio", "speechbrain", "openvino", "faiss-gpu", "faiss-cpu", "numpy"),
    *("soundfile", "av", "soxr", "huggingface-hub", "s3fs", "gcsfs", "pymilvus"),
)
#: Raised by a broken installation or a GPU without memory, which is what people run doctor for.
BROKEN = (EncoderError, ImportError, OSError, RuntimeError)


def diagnose(chosen: Settings) -> Diagnosis:
    """Look for every encoder's weights on this machine, and load those that are here."""
    own = encoder_of(chosen.encoder or defaults(chosen.checkpoint).names[0])
    states = [_state(name, chosen.checkpoint if name == own else None, chosen.device) for name in encoders.NAMES]
    packages = {name: _version(name) for name in PACKAGES}
    return Diagnosis(
        encoder=own,
        encoders=states,
        machine=_machine(),
        packages=packages,
        sounds=_sounds(),
        index=_index(chosen.index_url.get_secret_value()),
    )


def health(chosen: Settings) -> Health:
    """The same without folders and files of this machine, for people who ask over the network."""
    found = diagnose(chosen)
    encoders = [
        EncoderHealth(
            name=one.name,
            purpose=one.purpose,
            dim=one.dim,
            state="ready" if one.ready else "missing" if one.weights is None else "broken",
            space=one.space,
            needs=one.needs,
            backend=one.backend,
            backend_reason=one.backend_reason,
        )
        for one in found.encoders
    ]
    formats = found.sounds.read + (found.sounds.more if found.sounds.ready else [])
    return Health(
        encoder=found.encoder, encoders=encoders, machine=found.machine, packages=found.packages, formats=formats
    )


def _state(name: str, checkpoint: Path | None, device: str) -> EncoderState:
    dim = found = why = None
    backend: Backend | None = None
    try:
        dim = encoders.class_of(name).dim
        found = weights.resolve(name, checkpoint, download=False)
        backend = encoders.make(found, device).backend
    except BROKEN as error:
        why = str(error) or type(error).__name__
    return EncoderState(
        name=name,
        purpose=encoders.PURPOSES[name],
        dim=dim,
        ready=why is None,
        space=found.space if found else None,
        weights=str(found.path) if found else None,
        commit=found.commit if found else None,
        needs=str(weights.SOURCES[name]),
        backend=backend.name if backend else None,
        backend_reason=backend.reason if backend else None,
        why=why,
    )


def _index(url: str) -> IndexPlace:
    """What keeps the index at the address of the setting; a server is asked."""
    if not url:
        return IndexPlace(engine="faiss", address=None, version=None, ready=True)
    from speaker_search.views.milvus.milvus_server import Server

    place: str | None = None
    try:
        server = Server(url)
        place = server.address.shown
        with server.client() as client:
            version = str(client.get_server_version())
        server.close()
    except SpeakerSearchError as error:
        return IndexPlace(engine="milvus", address=place, version=None, ready=False, why=str(error))
    return IndexPlace(engine="milvus", address=place, version=version, ready=True)


def _sounds() -> SoundState:
    why: str | None = None
    try:
        import av  # noqa: F401  # a broken installation is there and does not load
    except ModuleNotFoundError:
        why = "The package av is not installed: `pip install av`."
    except BROKEN as error:
        why = f"The package av cannot be loaded: {error}"
    return SoundState(
        read=decode.PLAIN_FORMATS.split(", "),
        more=containers.FORMATS.split(", "),
        ingested=sorted(suffix[1:] for suffix in CONTAINER_SUFFIXES),
        ready=why is None,
        why=why,
    )


def _machine() -> MachineState:
    device: str | None = None
    gpu: str | None = None
    with suppress(*BROKEN):  # each encoder's state says why
        device, gpu = choose("auto", this_machine()).device, this_machine().gpu
    return MachineState(
        system=platform.platform(),
        python=platform.python_version(),
        cpu=cpu_name(),
        cores=os.cpu_count(),
        gpu=gpu,
        device=device,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
