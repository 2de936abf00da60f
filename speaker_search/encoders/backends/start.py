"""Starts a network on its backend, and checks that its embeddings are those of torch in fp32."""

from __future__ import annotations

import numpy as np
import torch

from speaker_search.encoders.backends.choose import Backend, exact, instead_of
from speaker_search.encoders.backends.cpu import CpuRun
from speaker_search.encoders.backends.cuda import CudaRun
from speaker_search.encoders.backends.openvino import OpenVinoNetwork
from speaker_search.encoders.batching import FRAME_SAMPLES
from speaker_search.entities import SAMPLE_RATE, Floats

#: The least cosine between a backend's embeddings and those of torch in fp32.
SAME = 0.9999


def start(
    features: torch.nn.Module, network: torch.nn.Module, backend: Backend, *, mels: int
) -> tuple[CpuRun | CudaRun, Backend]:
    """Start `backend`, or the next best one until two sounds are embedded as torch does in fp32. Takes the network.

    `features` turns samples (N, n), each clip followed by zeros up to the longest, into spectrograms
    (N, frames, mels); `network` turns those into embeddings (N, dim), not normalised.
    Raises EncoderError when the backend is on a GPU and none works there.
    """
    workers = torch.get_num_threads()
    reference = CpuRun(features, network, workers=workers)
    exact_name = exact("").name
    if backend.name == exact_name:
        return reference, backend
    sounds = [_sound(0.4), _sound(1.7)]
    expected = _rows(reference, sounds)  # before the network moves to another device
    while backend.name != exact_name:
        try:
            run = _run(features, network, backend, mels, workers)
            cosine = float((_rows(run, sounds) * expected).sum(axis=1).min())
        except (RuntimeError, ImportError) as error:  # OpenVINO or CUDA fails on this machine
            problem = f"does not work here: {str(error).strip().partition(chr(10))[0]}"
        else:
            if cosine >= SAME:
                return run, backend
            problem = f"is not exact enough with this network: its cosine to fp32 is {cosine:.5f}"
        backend = instead_of(backend, problem)
    return reference, backend


def _run(
    features: torch.nn.Module, network: torch.nn.Module, backend: Backend, mels: int, workers: int
) -> CpuRun | CudaRun:
    if backend.device == "cuda":
        return CudaRun(features, network, precision=backend.precision)
    compiled = OpenVinoNetwork(network, mels=mels, precision=backend.precision, workers=workers)
    return CpuRun(features, compiled, workers=workers)


def _rows(run: CpuRun | CudaRun, sounds: list[Floats]) -> Floats:
    """The sounds' rows (N, dim)."""
    batches = run.embed(sounds, [len(sound) // FRAME_SAMPLES for sound in sounds])
    rows: Floats = np.concatenate([rows for _, rows in sorted(batches, key=lambda batch: batch[0])])
    return rows


def _sound(seconds: float) -> Floats:
    """A voice-like sound (n,): the harmonics of a gliding pitch in syllables, over noise."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(180 + 40 * np.sin(2 * np.pi * 1.3 * time)) / SAMPLE_RATE
    voice = np.sum([np.sin(harmonic * phase) / harmonic for harmonic in range(1, 30)], axis=0)
    noise = np.random.default_rng(0).normal(scale=0.02, size=len(time))
    return np.asarray(0.3 * voice * (0.1 + np.sin(4 * np.pi * time) ** 2) + noise, dtype=np.float32)
