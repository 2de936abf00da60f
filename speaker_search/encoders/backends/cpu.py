"""A network computed on the CPU: one batch on each core, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from speaker_search.encoders.batching import FRAME_SAMPLES, equal_length
from speaker_search.entities import SAMPLE_RATE, Floats

# Seconds of audio in a batch; each core has one batch. From 2.7 s on OpenVINO's speed on a thread does not depend on
# it, and torch's hardly does. 10 s take the ECAPA encoders 0.2 GB.
CPU_BATCH_SECONDS = 10.0
CPU_BATCH_FRAMES = int(CPU_BATCH_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)


class CpuRun:
    """Batches side by side on all cores, each on one thread.

    With all threads in one batch they would wait for each other at every layer: with other work on the machine, torch
    was measured to take six times as long that way.
    """

    def __init__(
        self, features: torch.nn.Module, network: Callable[[torch.Tensor], torch.Tensor], *, workers: int
    ) -> None:
        """`features` turns samples into spectrograms and `network` those into embeddings, on up to `workers` threads.

        `network` is torch's own or OpenVINO's.
        """
        self._features = features
        self._network = network
        # The limit belongs to each thread, but threads that first use torch after this one inherit it.
        self._pool = ThreadPoolExecutor(workers, "embed", initializer=torch.set_num_threads, initargs=(1,))

    def embed(self, waveforms: Sequence[Floats], frames: Sequence[int]) -> list[tuple[list[int], Floats]]:
        """Embed clips of known frame counts: batches of their positions, each with its unit rows (N, dim)."""
        batches = equal_length(frames, CPU_BATCH_FRAMES)
        rows = self._pool.map(self._embed_batch, [[waveforms[position] for position in batch] for batch in batches])
        return list(zip(batches, rows, strict=True))

    @torch.inference_mode()
    def _embed_batch(self, clips: Sequence[Floats]) -> Floats:
        padded = torch.zeros(len(clips), max(map(len, clips)))
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        embeddings = self._network(self._features(padded))
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=1).numpy(), dtype=np.float32)
