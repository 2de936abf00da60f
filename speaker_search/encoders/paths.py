"""How a network is computed on this machine: by which engine, on what, in which precision, and why.

An embedding's space does not depend on the path: each is within a cosine of 0.9999 of torch in fp32 (see running.py).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Literal

from speaker_search.errors import EncoderError

#: Processor flags of Linux: bf16 products in hardware. Elsewhere bf16 is emulated, which is slower than fp32.
BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


@dataclass(frozen=True, slots=True)
class Path:
    """A way to compute embeddings."""

    engine: Literal["torch", "openvino"]
    device: Literal["cpu", "cuda"]
    precision: Literal["fp32", "mixed", "bf16", "fp16"]  #: "mixed": bf16 where it does little harm
    reason: str  #: why this one, for a person

    @property
    def name(self) -> str:
        """The path without its reason: "openvino cpu bf16"."""
        return f"{self.engine} {self.device} {self.precision}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides the path."""

    cpu_flags: frozenset[str]  #: as Linux names them; empty where nobody tells
    openvino: bool  #: is it installed?
    gpu: str | None  #: the name of the one that torch can use
    gpu_problem: str | None = None  #: why torch cannot use the one that is there


def choose(device: str, machine: Machine, *, torch_only: str = "") -> Path:
    """The quickest exact enough path on `device`: "auto" (the GPU when there is one), "cpu" or "cuda". Pure.

    `torch_only` is for networks of which nothing but torch in fp32 is exact or able: the reason why.
    Raises EncoderError when there is no GPU that works and one is asked for.
    """
    problem = f" (the one that is there fails: {machine.gpu_problem})" if machine.gpu_problem else ""
    if device == "cuda" and machine.gpu is None:
        raise EncoderError(f"There is no GPU that torch can use on this machine{problem}.", "Use --device cpu or auto.")
    if device != "cpu" and machine.gpu is not None:
        if torch_only:
            return Path("torch", "cuda", "fp32", torch_only)
        # Not bf16, which is as quick, but of three bits less.
        return Path("torch", "cuda", "fp16", f"there is a GPU, {machine.gpu}")
    path = exact(torch_only) if torch_only else _choose_cpu(machine)
    if device == "auto" and problem:
        return replace(path, reason=f"there is no GPU that torch can use{problem}; {path.reason}")
    return path


def _choose_cpu(machine: Machine) -> Path:
    if not machine.openvino:
        return Path("torch", "cpu", "fp32", "OpenVINO is not installed")
    if "avx2" not in machine.cpu_flags:  # all measurements in OpenVINO's favour are from x86
        return Path("torch", "cpu", "fp32", "OpenVINO is known to be faster on processors with AVX2 only")
    if flags := sorted(BF16_FLAGS & machine.cpu_flags):
        return Path("openvino", "cpu", "bf16", f"the processor multiplies bf16 ({', '.join(flags)})")
    return Path("openvino", "cpu", "fp32", "the processor does not multiply bf16 (no amx_bf16 or avx512_bf16)")


def possible(machine: Machine) -> list[Path]:
    """Every path of this machine, the exact one first: what a benchmark compares. Pure."""
    paths = [exact("it is always there")]
    if machine.openvino:
        paths.append(Path("openvino", "cpu", "fp32", "OpenVINO is installed"))
        if BF16_FLAGS & machine.cpu_flags:
            paths.append(Path("openvino", "cpu", "mixed", "the processor multiplies bf16"))
            paths.append(Path("openvino", "cpu", "bf16", "the processor multiplies bf16"))
    if machine.gpu is not None:
        paths.append(Path("torch", "cuda", "fp32", "there is a GPU"))
        paths.append(choose("cuda", machine))
    return paths


def exact(reason: str) -> Path:
    """The path that all others are measured by."""
    return Path("torch", "cpu", "fp32", reason)


def instead_of(path: Path, problem: str) -> Path:
    """The next best path on the same device after one that had a problem. Pure."""
    if path.precision == "bf16":
        return Path(path.engine, path.device, "mixed", f"{path.name} {problem}")
    if path.precision != "fp32":
        return Path(path.engine, path.device, "fp32", f"{path.name} {problem}")
    if path.engine != "torch":
        return Path("torch", path.device, "fp32", f"{path.name} {problem}")
    raise EncoderError(f"{path.name} {problem}.", "Use --device cpu." if path.device == "cuda" else "")


@cache
def this_machine() -> Machine:
    """Look at this machine, and try its GPU. Imports torch."""
    gpu, problem = _try_gpu()
    return Machine(
        cpu_flags=_cpu_flags(),
        openvino=importlib.util.find_spec("openvino") is not None,
        gpu=gpu,
        gpu_problem=problem,
    )


def _try_gpu() -> tuple[str | None, str | None]:
    """The name of a GPU that computes, or why the one that torch sees does not; neither when it sees none."""
    import torch

    if not torch.cuda.is_available():
        return None, None
    try:  # of another generation than torch was built for, its memory taken, its driver at odds: none shows before
        torch.ones(1, device="cuda").add(1).item()
        return torch.cuda.get_device_name(), None
    except RuntimeError as error:
        return None, str(error).strip().partition("\n")[0].rstrip(".")


def _cpu_flags() -> frozenset[str]:
    try:
        lines = FilePath("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), frozenset())
