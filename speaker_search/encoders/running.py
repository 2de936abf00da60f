"""A network set going on a path, and the proof that its embeddings are those of torch in fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from speaker_search.encoders import paths
from speaker_search.encoders.batching import FRAME_SAMPLES, equal_length
from speaker_search.encoders.cuda_path import CudaRun
from speaker_search.encoders.openvino_path import OpenVinoNetwork
from speaker_search.encoders.paths import Path
from speaker_search.entities import SAMPLE_RATE, Floats

#: Least cosine of a path's embeddings to those of torch in fp32.
SAME = 0.9999

# Seconds of audio in a batch, of which every core has one. With OpenVINO a thread's speed does not depend on it from
# 2.7 s on, with torch hardly; 10 s take the ECAPA encoders 0.2 GB.
CPU_BATCH_SECONDS = 10.0
CPU_BATCH_FRAMES = int(CPU_BATCH_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)


class CpuRun:
    """Batches side by side on all cores, each on one thread.

    All threads in one batch would wait for each other at every layer: beside other work on the machine, torch was
    seen to take six times as long that way.
    """

    def __init__(
        self, features: torch.nn.Module, network: Callable[[torch.Tensor], torch.Tensor], *, workers: int
    ) -> None:
        """`features` makes spectrograms of samples, `network` embeddings of those, for up to `workers` threads."""
        self._features = features
        self._network = network
        # The limit is the thread's own, but threads that use torch for the first time after this one inherit it.
        self._pool = ThreadPoolExecutor(workers, "embed", initializer=torch.set_num_threads, initargs=(1,))

    def embed(self, waveforms: Sequence[Floats], frames: Sequence[int]) -> list[tuple[list[int], Floats]]:
        """Embed clips of known frame counts: batches of their positions, each with its unit rows (N, dim)."""
        batches = equal_length(frames, CPU_BATCH_FRAMES)
        rows = self._pool.map(self._embed_equals, [[waveforms[position] for position in batch] for batch in batches])
        return list(zip(batches, rows, strict=True))

    @torch.inference_mode()
    def _embed_equals(self, clips: Sequence[Floats]) -> Floats:
        padded = torch.zeros(len(clips), max(map(len, clips)))
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        embeddings = self._network(self._features(padded))
        return np.asarray(torch.nn.functional.normalize(embeddings, dim=1).numpy(), dtype=np.float32)


class Embedder:
    """A network on its path: waveforms to embeddings.

    `features` takes samples (N, n), where zeros follow each clip up to the longest, to spectrograms (N, frames, mels);
    `network` takes those to embeddings (N, dim), not normalised.
    """

    def __init__(self, features: torch.nn.Module, network: torch.nn.Module, path: Path, *, mels: int, dim: int) -> None:
        """Set it going on `path`, or on the next best when that one fails or is not exact enough. Takes the network."""
        self._dim = dim
        self._run, self.path = settle(features.eval(), network.eval(), path, mels=mels)

    def embed(self, waveforms: Sequence[Floats], frames: Sequence[int]) -> Floats:
        """Embed clips of known frame counts: (N, dim) unit rows in the order given, NaN for a clip of 0 frames."""
        rows = np.full((len(waveforms), self._dim), np.nan, dtype=np.float32)
        heard = [position for position, count in enumerate(frames) if count]
        for batch, embedded in self._run.embed([waveforms[at] for at in heard], [frames[at] for at in heard]):
            rows[[heard[place] for place in batch]] = embedded
        return rows


def settle(
    features: torch.nn.Module, network: torch.nn.Module, path: Path, *, mels: int
) -> tuple[CpuRun | CudaRun, Path]:
    """Try `path`, then what comes instead of it, and return the first that embeds two sounds as torch in fp32 does.

    Raises EncoderError when the path is on a GPU and none works there.
    """
    workers = torch.get_num_threads()
    exact = CpuRun(features, network, workers=workers)
    if path.name == paths.exact("").name:
        return exact, path
    sounds = [_sound(0.4), _sound(1.7)]
    expected = _rows(exact, sounds)  # before the network goes to another device
    while path.name != paths.exact("").name:
        try:
            run = _set_going(features, network, path, mels, workers)
            cosine = float((_rows(run, sounds) * expected).sum(axis=1).min())
        except (RuntimeError, ImportError) as error:  # OpenVINO or CUDA does not get along with this machine
            problem = f"does not work here: {str(error).strip().partition(chr(10))[0]}"
        else:
            if cosine >= SAME:
                return run, path
            problem = f"is not exact enough with this network: its cosine to fp32 is {cosine:.5f}"
        path = paths.instead_of(path, problem)
    return exact, path


def _set_going(
    features: torch.nn.Module, network: torch.nn.Module, path: Path, mels: int, workers: int
) -> CpuRun | CudaRun:
    if path.device == "cuda":
        return CudaRun(features, network, precision=path.precision)
    fast = OpenVinoNetwork(network, mels=mels, precision=path.precision, workers=workers)
    return CpuRun(features, fast, workers=workers)


def _rows(run: CpuRun | CudaRun, sounds: list[Floats]) -> Floats:
    """The sounds' rows (N, dim)."""
    batches = run.embed(sounds, [len(sound) // FRAME_SAMPLES for sound in sounds])
    rows: Floats = np.concatenate([rows for _, rows in sorted(batches, key=lambda batch: batch[0])])
    return rows


def _sound(seconds: float) -> Floats:
    """Something like a voice (n,): the harmonics of a gliding pitch in syllables, over noise."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(180 + 40 * np.sin(2 * np.pi * 1.3 * time)) / SAMPLE_RATE
    voice = np.sum([np.sin(harmonic * phase) / harmonic for harmonic in range(1, 30)], axis=0)
    noise = np.random.default_rng(0).normal(scale=0.02, size=len(time))
    return np.asarray(0.3 * voice * (0.1 + np.sin(4 * np.pi * time) ** 2) + noise, dtype=np.float32)
