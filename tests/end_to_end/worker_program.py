"""A worker as a process of its own, with the stand-in for an encoder: `python worker_program.py [NAME ...]`.

It reads SPKSEARCH_* like the program itself, ends when no clip is left, and prints how many it embedded. Clips whose
samples are those of a file named on the command line kill it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from standin import StandInEncoder

from speaker_search import audio, settings
from speaker_search.cli.stopping import stoppable
from speaker_search.errors import SpeakerSearchError
from speaker_search.library import Library


class DeadlyEncoder(StandInEncoder):
    """Dies of some clips, as a driver of a GPU might."""

    def __init__(self, deadly: Sequence[str]) -> None:
        super().__init__()
        self.deadly = [audio.read(Path(name)).samples.tobytes() for name in deadly]

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        if any(samples.tobytes() in self.deadly for samples in waveforms):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(waveforms)


def main() -> int:
    chosen = settings.load(encoder="stand-in")
    try:
        with stoppable() as stop, Library(chosen, encoder=DeadlyEncoder(sys.argv[1:])) as library:
            told = stop.between(lambda _: None)
            print(library.work(drain=True, processes=1, on_progress=told).embedded)
    except SpeakerSearchError as error:
        print(error, file=sys.stderr)
        return 3
    except typer.Exit as end:
        return end.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
