"""A network computed by OpenVINO: optional, and the fastest on CPUs.

Measured with the ECAPA encoders in fp32 on one core of an AMD EPYC (Zen 3, AVX2), for clips of 2.7 s: 20 s of audio a
second, where torch reaches 13. Loading takes about 3 s longer than with torch, to import, convert and compile. The
first batch of a new shape takes about 10 ms longer, to compile kernels for it.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import torch

KEPT_SHAPES = "64"


class OpenVinoNetwork:
    """A torch network (N, frames, mels) -> (N, dim) on the CPU, for up to `workers` threads at a time."""

    def __init__(self, network: torch.nn.Module, *, mels: int, precision: str, workers: int) -> None:
        """Convert and compile it in "fp32", "bf16" or "mixed": only its last stage in bf16, if it has stages.

        Raises RuntimeError when OpenVINO cannot.
        """
        stages = getattr(network, "stages", [network]) if precision == "mixed" else [network]
        hints = ["f32"] * (len(stages) - 1) + ["f32" if precision == "fp32" else "bf16"]
        self._models = []
        # Two examples of each stage's inputs: the sizes in which they differ stay dynamic.
        inputs, others = [torch.zeros(2, 16, mels)], [torch.zeros(3, 17, mels)]
        for stage, hint in zip(stages, hints, strict=True):
            self._models.append(_compiled(stage, inputs, others, hint, workers))
            with torch.inference_mode():
                inputs, others = _listed(stage(*inputs)), _listed(stage(*others))
        self._own = threading.local()  # an infer request serves one thread at a time

    def __call__(self, mels: torch.Tensor) -> torch.Tensor:
        """Embeddings (N, dim) of spectrograms (N, frames, mels), not normalised."""
        requests: list[Any] | None = getattr(self._own, "requests", None)
        if requests is None:
            requests = self._own.requests = [model.create_infer_request() for model in self._models]
        values = [mels.contiguous().numpy()]
        for request in requests:
            # The shared outputs are read before this thread's request runs again.
            values = list(request.infer(values, share_inputs=True, share_outputs=True).values())
        return torch.from_numpy(values[0].copy())


def _compiled(
    stage: torch.nn.Module, inputs: Sequence[torch.Tensor], others: Sequence[torch.Tensor], hint: str, workers: int
) -> Any:
    openvino, level = _import_openvino(), logging.getLogger().level
    shapes = [
        [-1 if size != other else size for size, other in zip(one.shape, another.shape, strict=True)]
        for one, another in zip(inputs, others, strict=True)
    ]
    with torch.no_grad(), warnings.catch_warnings():
        # torch warns that tracing is deprecated (OpenVINO's converter uses it, and torch is pinned), and of every
        # shape that decides a branch (in these networks all of those are constants).
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(stage, tuple(inputs), check_trace=False)  # type: ignore[no-untyped-call]
        try:
            model = openvino.convert_model(traced, example_input=tuple(inputs), input=shapes)
        except openvino.frontend.OpConversionFailure as error:
            raise RuntimeError("OpenVINO lacks some of its operations") from error
        finally:
            logging.getLogger().setLevel(level)  # the converter leaves it at ERROR, which hides other warnings
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": workers,  # batches side by side, one on each thread
        "INFERENCE_NUM_THREADS": workers,
        "ENABLE_CPU_PINNING": False,  # pinned threads of several processes would crowd onto the same cores
        # Shapes whose kernels are kept. Nearly every batch has a shape of its own: with OpenVINO's default of 5,000 a
        # process grew by 0.7 GiB over 20,000 clips of 30 lengths and was no faster.
        "CPU_RUNTIME_CACHE_CAPACITY": KEPT_SHAPES,
    }
    return openvino.Core().compile_model(model, "CPU", settings)


def _listed(output: torch.Tensor | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return [output] if isinstance(output, torch.Tensor) else list(output)


def _import_openvino() -> Any:
    """Import openvino without its telemetry, which reports the import over the network unless the user opted out."""
    # A module that is None in sys.modules counts as not installed, and openvino then works without it.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # type: ignore[import-untyped, import-not-found, unused-ignore]

    return openvino
