"""`spksearch doctor`."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from speaker_search import encoders, settings
from speaker_search.cli import options, output
from speaker_search.encoders import Backend, weights
from speaker_search.encoders.backends.choose import choose
from speaker_search.encoders.backends.machine import cpu_name, this_machine
from speaker_search.errors import EncoderError
from speaker_search.settings import DEFAULT_ENCODER

#: Their versions decide numbers and speed. Only one of the two faiss packages is installed.
PACKAGES = (
    *("speaker-search", "torch", "torchaudio", "speechbrain", "openvino", "faiss-gpu", "faiss-cpu", "numpy"),
    *("soundfile", "soxr", "huggingface-hub"),
)
#: Raised by a broken installation or a GPU without memory, which is what people run doctor for.
BROKEN = (EncoderError, ImportError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class EncoderState:
    """What one encoder needs, and whether it has it."""

    name: str
    dim: int | None  #: None when its code cannot be imported
    ready: bool  #: its weights are on this machine and load
    space: str | None  #: None without weights
    weights: str | None  #: the weights file
    commit: str | None  #: the hub's, when the file is in the hub's cache
    needs: str  #: which file, and where it is published
    backend: str | None  #: what computes its embeddings: "openvino cpu bf16"
    backend_reason: str | None  #: why that backend
    why: str | None  #: why it is not ready


@dataclass(frozen=True, slots=True)
class MachineState:
    """What encoders run on here."""

    system: str
    python: str
    cpu: str
    cores: int | None
    gpu: str | None  #: the one that torch would use
    device: str | None  #: what `--device auto` picks; None when torch cannot be imported


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that doctor says."""

    encoders: list[EncoderState]
    machine: MachineState
    packages: dict[str, str | None]  #: versions; None for a package that is not installed


def doctor(json: options.Json = False) -> None:
    """Say which encoders are ready here, what the others lack, and what they run on. Asks no network.

    SPKSEARCH_CHECKPOINT counts for the encoder that SPKSEARCH_ENCODER names.

    Example: spksearch doctor
    """
    found = diagnose(settings.load())
    if json:
        output.json_document(found)
    else:
        _print(found)


def diagnose(chosen: settings.Settings) -> Diagnosis:
    """Look for every encoder's weights on this machine, and load those that are here."""
    own = (chosen.encoder or DEFAULT_ENCODER).partition("@")[0]
    states = [_state(name, chosen.checkpoint if name == own else None, chosen.device) for name in encoders.NAMES]
    return Diagnosis(states, _machine(), {name: _version(name) for name in PACKAGES})


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


def _print(found: Diagnosis) -> None:
    rows = [
        (one.name, "yes" if one.ready else "no", one.dim, one.backend, one.space, one.weights) for one in found.encoders
    ]
    output.table(("encoder", "ready", "dim", "backend", "space", "weights"), rows)
    out = output.console()
    out.print()
    for one in found.encoders:
        if one.backend:
            out.print(f"{one.name} is computed by {one.backend}: {one.backend_reason}.", markup=False)
        if one.why:
            out.print(f"{one.name} is not ready: {one.why}", markup=False)
    out.print()
    installed = [(name, known) for name, known in found.packages.items() if known]
    output.table(("machine", ""), [*asdict(found.machine).items(), *installed])
