"""What this machine has that decides which backend is the fastest."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides the backend."""

    cpu_flags: frozenset[str]  #: as Linux names them; empty on other systems
    openvino: bool  #: is it installed?
    gpu: str | None  #: the name of the GPU that torch can use
    gpu_problem: str | None = None  #: why torch cannot use the GPU that it sees


@cache
def this_machine() -> Machine:
    """Look at this machine, and try its GPU. Imports torch."""
    gpu, problem = _try_gpu()
    return Machine(
        cpu_flags=frozenset(_cpuinfo("flags").split()),
        openvino=importlib.util.find_spec("openvino") is not None,
        gpu=gpu,
        gpu_problem=problem,
    )


def cpu_name() -> str:
    """The processor's name. Python's platform module knows it on few systems."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _try_gpu() -> tuple[str | None, str | None]:
    """The name of a GPU that computes, or why the one that torch sees does not; (None, None) when it sees none."""
    import torch

    if not torch.cuda.is_available():
        return None, None
    # A GPU that torch was not built for, full memory or a mismatched driver only shows when something is computed.
    try:
        torch.ones(1, device="cuda").add(1).item()
        return torch.cuda.get_device_name(), None
    except RuntimeError as error:
        return None, str(error).strip().partition("\n")[0].rstrip(".")


def _cpuinfo(field: str) -> str:
    """What Linux says of the first processor; "" on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")
