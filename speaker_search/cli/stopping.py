"""Ctrl-C and SIGTERM: long work ends at its next safe place, and nothing is torn in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from speaker_search.cli import STOPPED, output
from speaker_search.cli.progress import Show
from speaker_search.ingest.report import IngestReport

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked for an end. The second time it comes at once."""

    asked = False

    def __call__(self, _: int, __: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        output.note("Stopping once the clips in hand are stored; once more stops at once.")

    def between(self, show: Show) -> Show:
        """The same callback, from which work does not return once an end is asked for."""

        def show_or_stop(report: IngestReport) -> None:
            show(report)
            if self.asked:
                raise KeyboardInterrupt

        return show_or_stop


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within the block both signals stop the work, which then ends with a sentence and exit code 130."""
    stop = Stop()
    before = [signal.signal(number, stop) for number in SIGNALS]
    try:
        yield stop
    except KeyboardInterrupt:
        output.note("Stopped: what is embedded is kept. Run the same command to go on.")
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
