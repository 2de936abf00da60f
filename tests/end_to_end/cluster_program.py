"""A command that embeds on a Ray cluster. Its stand-in encoder waits at a gate, a folder, and dies of some clips."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import typer
from standin import StandInEncoder

from speaker_search import audio, settings
from speaker_search.cli import exit_code
from speaker_search.cli.stopping import stoppable
from speaker_search.documents import IngestReport
from speaker_search.errors import SpeakerSearchError
from speaker_search.library import Library

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class FolderGate:
    """Where processes on any node wait until the test lets them go on.

    DIR/waiting/PID   exists while that process waits
    DIR/permits/N     lets one of them through, once
    DIR/open          lets all through
    DIR/stopping      exists once the command has been told to stop
    """

    folder: Path

    def make(self) -> None:
        for name in ("waiting", "permits"):
            (self.folder / name).mkdir()

    def wait(self) -> None:
        if self.is_open:
            return
        mine = self.folder / "waiting" / str(os.getpid())
        mine.touch()
        while not self.is_open and not self._take():
            time.sleep(POLL_S)
        mine.unlink()

    def permit(self, name: str) -> None:
        (self.folder / "permits" / name).touch()

    def open(self) -> None:
        (self.folder / "open").touch()

    @property
    def is_open(self) -> bool:
        return (self.folder / "open").exists()

    @property
    def permits(self) -> int:
        """How many have not been used."""
        return len([*(self.folder / "permits").iterdir()])

    @property
    def waiting(self) -> set[int]:
        """The pids of those that wait, and of those that were killed as they did."""
        return {int(mine.name) for mine in (self.folder / "waiting").iterdir()}

    def _take(self) -> bool:
        for permit in (self.folder / "permits").iterdir():
            try:
                permit.unlink()
            except FileNotFoundError:  # another one took it
                continue
            return True
        return False


@dataclass
class ClusterEncoder(StandInEncoder):
    """A stand-in that travels to the nodes."""

    gate: FolderGate
    deadly: Sequence[bytes] = ()
    clips: int = field(default=0)

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        self.gate.wait()
        if any(samples.tobytes() in self.deadly for samples in waveforms):
            os.kill(os.getpid(), signal.SIGKILL)  # as a driver of a GPU might
        return super().embed(waveforms)


class OtherWeights(ClusterEncoder):
    """On a node it has another space, as where other weights are installed."""

    def __reduce__(self) -> tuple[object, ...]:
        return made_elsewhere, (self.gate,)


def made_elsewhere(gate: FolderGate) -> ClusterEncoder:
    encoder = ClusterEncoder(gate)
    encoder.space = "stand-in@111111111111"
    return encoder


def work(address: str, gate: Path, deadly: Sequence[Path], drain: bool, other_weights: bool) -> None:
    """Embed what waits, as `spksearch worker --ray ADDRESS` does. The report is all of stdout."""
    last = IngestReport()

    def show(report: IngestReport) -> None:
        nonlocal last
        last = report
        if stop.asked:
            (gate / "stopping").touch()

    try:
        kind = OtherWeights if other_weights else ClusterEncoder
        encoder = kind(FolderGate(gate), [audio.read(path).samples.tobytes() for path in deadly])
        with stoppable() as stop, Library(settings.load(encoder="stand-in"), encoder=encoder) as library:
            library.work_on_cluster(address, drain=drain, on_progress=stop.between(show))
        print(last.model_dump_json())
    except SpeakerSearchError as error:
        print(error, file=sys.stderr)
        sys.exit(exit_code(error))
    except typer.Exit as end:
        sys.exit(end.exit_code)
