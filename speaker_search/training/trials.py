"""How well held-out voices are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from speaker_search.documents.models.trained import HeldOutError
from speaker_search.encoders.backends.cpu import CpuRun
from speaker_search.encoders.backends.cuda import CudaRun
from speaker_search.entities import SAMPLE_RATE, Floats, Waveform
from speaker_search.errors import UsageError
from speaker_search.evaluation.metrics import equal_error_rate
from speaker_search.training.learner import Learner
from speaker_search.training.training_plan import HeldPairs

MOST_SECONDS = 8.0  # of each clip that is measured


def held_out_error(vectors: Floats, pairs: HeldPairs) -> HeldOutError:
    """The equal error rates of unit vectors (n, dim), over the pairs of those that are finite. Pure.

    Raises UsageError when no pair is left of one speaker, or of two.
    """
    scores = np.einsum("nd,nd->n", vectors[pairs.left], vectors[pairs.right])
    read, same = np.isfinite(scores), pairs.same == 1

    def error(among: Any) -> float | None:
        counted = among & read
        return equal_error_rate(scores[counted & same], scores[counted & ~same])

    judged = np.zeros(len(scores), bool)
    judged[pairs.judged] = True
    eer = error(judged)
    if eer is None:
        raise UsageError(
            "Too few of the held-out clips can be read to measure with.", "Look whether their folders are still there."
        )
    return HeldOutError(eer=eer, across_games=error(pairs.across == 1), within_games=error(pairs.across == 0))


def cut(waveforms: Sequence[Waveform | None]) -> list[Floats]:
    """The samples to measure with: the beginning of each clip, nothing of one that could not be read."""
    most = int(MOST_SECONDS * SAMPLE_RATE)
    return [np.empty(0, np.float32) if one is None else one.samples[:most] for one in waveforms]


def embed(learner: Learner, clips: Sequence[Floats], frame_count: Callable[[int], int]) -> Floats:
    """Unit vectors (n, dim) of clips in fp32; NaN for one that is too short."""
    rows = np.full((len(clips), learner.head.shape[1]), np.nan, np.float32)
    frames = [frame_count(len(clip)) for clip in clips]
    heard = [place for place, count in enumerate(frames) if count]
    learner.eval()
    parts = learner.spectrograms, learner.embedding
    run: CpuRun | CudaRun
    if learner.head.is_cuda:
        run = CudaRun(*parts, precision="fp32")
    else:
        run = CpuRun(*parts, workers=torch.get_num_threads())
    for batch, found in run.embed([clips[place] for place in heard], [frames[place] for place in heard]):
        rows[[heard[one] for one in batch]] = found
    learner.train()
    return rows
