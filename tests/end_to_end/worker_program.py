"""A worker whose encoder is a stand-in that waits at a gate before each portion, and that some clips kill."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import typer
from end_to_end.forked import Gate
from standin import StandInEncoder

from speaker_search import audio, settings
from speaker_search.cli.stopping import stoppable
from speaker_search.documents import IngestReport
from speaker_search.errors import SpeakerSearchError
from speaker_search.library import Library

WAITING = "waiting for the database"  # what a worker also says, apart from what its gate says


class GatedEncoder(StandInEncoder):
    """Waits at its gate before it embeds a portion."""

    def __init__(self, gate: Gate, deadly: Sequence[Path]) -> None:
        super().__init__()
        self.gate = gate
        self.deadly = [audio.read(path).samples.tobytes() for path in deadly]

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        self.gate.wait()
        if any(samples.tobytes() in self.deadly for samples in waveforms):
            os.kill(os.getpid(), signal.SIGKILL)  # as a driver of a GPU might
        return super().embed(waveforms)


def work(connection: Connection, deadly: Sequence[Path]) -> None:
    """Embed what waits, as `spksearch worker --drain` does. A clip with the samples of a deadly file kills it."""

    def tell(report: IngestReport) -> None:
        if report.waiting_for:
            connection.send(WAITING)

    try:
        encoder = GatedEncoder(Gate(connection), deadly)
        with stoppable() as stop, Library(settings.load(encoder="stand-in"), encoder=encoder) as library:
            library.work(drain=True, processes=1, on_progress=stop.between(tell))
    except SpeakerSearchError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    except typer.Exit as end:
        sys.exit(end.exit_code)
