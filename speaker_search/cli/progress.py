"""Progress of long work on stderr: a live line on a terminal, now and then a plain one otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from speaker_search.ingest.report import IngestReport

LINE_EVERY_S = 30.0


@contextmanager
def ingest_progress(*, live: bool | None = None) -> Iterator[Callable[[IngestReport], None]]:
    """A callback that shows an ingest's report as it goes."""
    if live if live is not None else sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("scanning", total=None, rate="")

            def show(report: IngestReport) -> None:
                if report.elapsed_s:
                    done, total = _done(report)
                    rate = f"{report.rate:.0f} s of audio/s, {sum(report.refused.values())} refused"
                    bar.update(task, description="embedding", completed=done, total=total, rate=rate)
                else:
                    bar.update(task, completed=report.new + report.known, rate=f"{report.games} games")

            yield show
        return
    last = time.monotonic()

    def line(report: IngestReport) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY_S:
            return
        last = now
        done, total = _done(report)
        if report.elapsed_s and done:
            left_s = report.elapsed_s / done * (total - done)
            words = f"{done:,} of {total:,} clips, {report.rate:.0f} s of audio/s, {left_s / 60:.0f} min left"
        else:
            words = f"{report.new + report.known:,} clips seen in {report.games:,} games"
        print(words, file=sys.stderr, flush=True)

    yield line


def _done(report: IngestReport) -> tuple[int, int]:
    """Clips embedded or refused so far, and all that there were to do."""
    return report.opened, max(report.opened, report.queued)
