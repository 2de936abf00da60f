"""What runs on a node: a worker like every other, which somebody may ask how far it is and tell to stop."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.catalog.spaces import Space, check_space
from speaker_search.encoders import Encoder
from speaker_search.errors import SpeakerSearchError
from speaker_search.ingest import processes
from speaker_search.settings import Settings

if TYPE_CHECKING:
    from speaker_search.library import Library


@dataclass(frozen=True, slots=True)
class Orders:
    """What all workers are told. It goes from process to process, and never into a command line or a log."""

    settings: Settings
    encoder: Encoder | None  #: to use instead of loading the one of the settings
    space: Space


@dataclass(frozen=True, slots=True)
class Ready:
    """Which process a worker is."""

    machine: str
    pid: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of ours, as it travels: exceptions with arguments of their own do not."""

    kind: type[SpeakerSearchError]
    detail: str
    mend: str


class _StoppedError(Exception):
    """Raised between two portions to end the work."""


class Embedder:
    """A worker. `begin` comes first; the other methods may be called while `work` runs."""

    def __init__(self) -> None:
        self._library: Library | None = None
        self._now = documents.IngestReport()
        self._stopping = threading.Event()

    def begin(self, orders: Orders) -> Ready | Trouble:
        """Open the catalog and load the encoder, whose space must be the one of the orders."""
        from speaker_search.library import Library

        try:
            self._library = Library(orders.settings, encoder=orders.encoder)
            check_space(self._library.encoder_for_ingest().space, orders.space.name)
        except SpeakerSearchError as error:
            return _trouble(error)
        return Ready(processes.machine(), os.getpid())

    def work(self, decoders: int) -> documents.IngestReport | Trouble:
        """Embed until no clip is left or `stop` is called; the report of this call."""
        if self._library is None:
            raise RuntimeError("`begin` comes first")
        self._now = documents.IngestReport()
        try:
            return self._library.work(drain=True, processes=decoders, on_progress=self._note, save_index=False)
        except _StoppedError:
            return self._now
        except SpeakerSearchError as error:
            return _trouble(error)

    def report(self) -> documents.IngestReport:
        """What the call of `work` has done so far."""
        return self._now

    def stop(self) -> None:
        """Have `work` return once the portion in hand is stored; its other claims are given back."""
        self._stopping.set()

    def _note(self, report: documents.IngestReport) -> None:
        self._now = report
        if self._stopping.is_set() and report.phase != "done":
            raise _StoppedError


def _trouble(error: SpeakerSearchError) -> Trouble:
    return Trouble(type(error), error.detail, error.mend)
