"""A network computed by torch on a GPU: in mixed precision, with as much audio at a time as the memory holds.

Kernels are launched one by one. torch.compile and CUDA graphs need one shape many times over, and here nearly every
batch has a different number of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from speaker_search.encoders.batching import FRAME_SAMPLES, batch_size, equal_length
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import EncoderError

# Seconds of audio in a batch at first, halved whenever memory runs out. The ECAPA encoders take about 10 MB for a
# second. Launching a batch's few hundred kernels takes some milliseconds, in which a large GPU computes this much.
CUDA_BATCH_SECONDS = 300.0
CUDA_BATCH_FRAMES = int(CUDA_BATCH_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)

T = TypeVar("T")


class CudaRun:
    """Batches one after the other on the GPU, which copies and computes while the next batch is prepared."""

    def __init__(self, features: torch.nn.Module, network: torch.nn.Module, *, precision: str) -> None:
        """Move both to the GPU. `precision` is that of the products, "fp32" or "fp16"; sums stay in fp32."""
        self._device = torch.device("cuda")
        self._features = features.to(self._device)
        self._network = network.to(self._device)
        self._fp16 = precision == "fp16"
        self._copies = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # uploads run beside the products
        self._max_frames = CUDA_BATCH_FRAMES

    def embed(self, waveforms: Sequence[Floats], frames: Sequence[int]) -> list[tuple[list[int], Floats]]:
        """Embed clips of known frame counts: batches of their positions, each with its unit rows (N, dim).

        Raises EncoderError when the GPU's memory does not hold even a single clip.
        """

        def attempt(batch: list[int], fp16: bool = self._fp16) -> tuple[list[int], torch.Tensor]:
            return batch, self._start([waveforms[position] for position in batch], fp16)

        started: list[tuple[list[int], torch.Tensor]] = []
        for batch in equal_length(frames, CUDA_BATCH_FRAMES):
            size = batch_size(frames[batch[0]], self._max_frames)
            for start in range(0, len(batch), size):
                parts = halving(attempt, batch[start : start + size])
                if len(parts) > 1:  # later batches start at the size that fitted
                    self._max_frames = frames[batch[0]] * max(len(part) for part, _ in parts)
                started += parts
        torch.cuda.current_stream().synchronize()
        done: list[tuple[list[int], torch.Tensor]] = []
        for batch, rows in started:
            if self._fp16 and not bool(torch.isfinite(rows).all()):  # a sum exceeded fp16's largest number, 65,504
                done += halving(lambda part: attempt(part, False), batch)
            else:
                done.append((batch, rows))
        torch.cuda.current_stream().synchronize()
        return [(batch, rows.numpy()) for batch, rows in done]

    @torch.inference_mode()
    def _start(self, clips: Sequence[Floats], fp16: bool) -> torch.Tensor:
        """Queue a batch of one frame count. Its rows (N, dim) may be read once the GPU has caught up."""
        padded = torch.zeros(len(clips), max(map(len, clips)), pin_memory=True)  # torch reuses pinned memory
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        with torch.cuda.stream(self._copies):
            audio = padded.to(self._device, non_blocking=True)
        products = torch.cuda.current_stream()
        products.wait_stream(self._copies)
        audio.record_stream(products)
        spectrograms = self._features(audio)
        with torch.autocast("cuda", torch.float16, enabled=fp16):
            embeddings = self._network(spectrograms)
        rows = torch.nn.functional.normalize(embeddings.float(), dim=1)
        return torch.empty(rows.shape, pin_memory=True).copy_(rows, non_blocking=True)


def halving(attempt: Callable[[list[int]], T], batch: list[int]) -> list[T]:
    """Attempt a batch; when the GPU's memory runs out, attempt both of its halves instead, down to single clips.

    Raises EncoderError when a single clip does not fit.
    """
    try:
        return [attempt(batch)]
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise EncoderError(
                "The GPU's memory does not hold the embedding of a single clip.",
                "Close other programs that use the GPU, or use --device cpu.",
            ) from error
    # Outside the handler: the error's traceback holds on to the batch's tensors, whose memory is needed now.
    torch.cuda.empty_cache()
    middle = (len(batch) + 1) // 2
    return [*halving(attempt, batch[:middle]), *halving(attempt, batch[middle:])]
