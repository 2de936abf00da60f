"""Ctrl-C and SIGTERM: long work stops at the next safe place."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from speaker_search.cli import STOPPED, output
from speaker_search.cli.progress import Show
from speaker_search.documents import IngestReport

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a signal has asked to stop. A second one stops immediately."""

    asked = False

    def __init__(
        self, words: str | None = "Stopping once the current clips are stored; a second signal stops immediately."
    ) -> None:
        """`words` are said at the first signal; None says nothing."""
        self._words = words

    def __call__(self, _: int, __: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._words:  # past sys.stderr, which the main thread may be writing to: it cannot be entered a second time
            os.write(2, f"{self._words}\n".encode())

    def between(self, show: Show) -> Show:
        """The same callback, which raises KeyboardInterrupt after a signal."""

        def show_or_stop(report: IngestReport) -> None:
            show(report)
            if self.asked:
                raise KeyboardInterrupt

        return show_or_stop


@contextmanager
def stoppable(*, says: bool = True) -> Iterator[Stop]:
    """Within the block both signals stop the work; it ends with exit code 130 and, if it `says` so, a sentence."""
    stop = Stop() if says else Stop(None)
    try:
        with told_of_signals(stop):
            yield stop
    except KeyboardInterrupt:
        if says:
            output.note("Stopped. What is embedded is kept: run the same command to continue.")
        raise typer.Exit(STOPPED) from None


@contextmanager
def told_of_signals(stop: Stop) -> Iterator[None]:
    """Within the block both signals go to `stop`."""
    before = [signal.signal(number, stop) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
