"""Which backend computes a network on this machine, in which precision, and why.

The backend does not change an embedding's space: every backend is within a cosine of 0.9999 of torch in fp32, and
start.py checks it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from speaker_search.encoders.backends.machine import Machine
from speaker_search.errors import EncoderError

#: Linux names of the processor features that multiply bf16. Without one bf16 is emulated, which is slower than fp32.
BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


@dataclass(frozen=True, slots=True)
class Backend:
    """What computes embeddings."""

    engine: Literal["torch", "openvino"]
    device: Literal["cpu", "cuda"]
    precision: Literal["fp32", "mixed", "bf16", "fp16"]  #: "mixed": bf16 only in the layers that tolerate it
    reason: str  #: why this one, for a person to read

    @property
    def name(self) -> str:
        """The backend without its reason: "openvino cpu bf16"."""
        return f"{self.engine} {self.device} {self.precision}"


def choose(device: str, machine: Machine, *, torch_only: str = "", torch_on_cpu: str = "") -> Backend:
    """The fastest backend on `device`: "auto" (the GPU when there is one), "cpu" or "cuda". Pure.

    `torch_only` gives the reason why a network runs in torch and fp32 only, `torch_on_cpu` why it does so on a CPU.
    Raises EncoderError for "cuda" when there is no GPU that works.
    """
    problem = f" (the GPU that is there fails: {machine.gpu_problem})" if machine.gpu_problem else ""
    if device == "cuda" and machine.gpu is None:
        raise EncoderError(f"There is no GPU that torch can use on this machine{problem}.", "Use --device cpu or auto.")
    if device != "cpu" and machine.gpu is not None:
        if torch_only:
            return Backend("torch", "cuda", "fp32", torch_only)
        # Not bf16: it is as fast as fp16 but has three fewer mantissa bits.
        return Backend("torch", "cuda", "fp16", f"there is a GPU, {machine.gpu}")
    reason = torch_only or torch_on_cpu
    backend = exact(reason) if reason else _choose_cpu(machine)
    if device == "auto" and problem:
        return replace(backend, reason=f"there is no GPU that torch can use{problem}; {backend.reason}")
    return backend


def _choose_cpu(machine: Machine) -> Backend:
    if not machine.openvino:
        return Backend("torch", "cpu", "fp32", "OpenVINO is not installed")
    if "avx2" not in machine.cpu_flags:  # OpenVINO was only measured on x86
        return Backend("torch", "cpu", "fp32", "OpenVINO is known to be faster only on processors with AVX2")
    if flags := sorted(BF16_FLAGS & machine.cpu_flags):
        return Backend("openvino", "cpu", "bf16", f"the processor multiplies bf16 ({', '.join(flags)})")
    return Backend("openvino", "cpu", "fp32", "the processor does not multiply bf16 (no amx_bf16 or avx512_bf16)")


def exact(reason: str) -> Backend:
    """The backend that every other one is compared with."""
    return Backend("torch", "cpu", "fp32", reason)


def instead_of(backend: Backend, problem: str) -> Backend:
    """The next best backend on the same device after one that had a problem. Pure.

    Raises EncoderError when there is none.
    """
    reason = f"{backend.name} {problem}"
    if backend.precision == "bf16":
        return replace(backend, precision="mixed", reason=reason)
    if backend.precision != "fp32":
        return replace(backend, precision="fp32", reason=reason)
    if backend.engine != "torch":
        return replace(backend, engine="torch", reason=reason)
    raise EncoderError(f"{reason}.", "Use --device cpu." if backend.device == "cuda" else "")
