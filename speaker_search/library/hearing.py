"""What is heard in a query's sounds: speech and its speakers, and what speaks against trusting the answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.entities import SAMPLE_RATE, Floats, Refusal, Waveform
from speaker_search.errors import AudioError

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.encoders.segmentation import Segmentation, Window
    from speaker_search.search.turns import Part, Span

LINE_SECONDS = 10.0  # shorter recordings are taken for lines, and searched with as they are
MOST_SECONDS = 60.0  # of speech that a query is made from: more says nothing new
LEAST_SPEECH_S = 1.0  # in a long recording, for the rest to be cut off
SPLIT = 'Answer each on their own with --split-speakers, or "split_speakers": true over HTTP.'


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as it is searched with."""

    samples: Floats  #: 16 kHz mono; of a long one its speech alone
    warnings: tuple[str, ...] = ()
    trust: float = 1.0  #: the share of the evidence that counts, from 0 to 1

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Hearing:
    """Listens to query sounds. The network is loaded when first needed."""

    def __init__(self) -> None:
        self._segmentation: Segmentation | None = None
        self._lock = threading.Lock()

    def listen(self, waveform: Waveform) -> Heard:
        """Find the speech in a recording, and say what disturbs it.

        A recording of up to 10 s stays as it is: shouts and breaths are voices, too.
        """
