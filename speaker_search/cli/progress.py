"""Progress of long work on stderr: a live display on a terminal, a line now and then otherwise, events for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from speaker_search.ingest.report import Figures, IngestReport

LINE_EVERY_S = 30.0
EVENT_EVERY_S = 1.0

Show = Callable[[IngestReport], None]


@contextmanager
def ingest_progress(*, events: bool = False, live: bool | None = None) -> Iterator[Show]:
    """A callback that shows an ingest's report as it goes.

    `events`: each a JSON object on a line of its own, `{"event": "progress", ...}` with the fields of Figures.
    """
    if events:
        yield _now_and_then(_event, EVENT_EVERY_S)
    elif live if live is not None else sys.stderr.isatty():
        with _display() as show:
            yield show
    else:
        yield _now_and_then(_line, LINE_EVERY_S, at_once=False)


@contextmanager
def _display() -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scanning", total=None, words="")

        def show(report: IngestReport) -> None:
            now = report.figures
            if now.phase == "scanning":
                bar.update(task, completed=now.scanned, words=f"{now.games:,} games")
            else:
                bar.update(task, description="embedding", completed=now.clips, total=now.of, words=_so_far(now))

        yield show


def _now_and_then(say: Callable[[Figures], str], every_s: float, *, at_once: bool = True) -> Show:
    last = -every_s if at_once else time.monotonic()
    phase = ""

    def show(report: IngestReport) -> None:
        nonlocal last, phase
        now, figures = time.monotonic(), report.figures
        changed = at_once and figures.phase != phase
        if changed or now - last >= every_s:
            last, phase = now, figures.phase
            print(say(figures), file=sys.stderr, flush=True)

    return show


def _event(now: Figures) -> str:
    return json.dumps({"event": "progress", **asdict(now)}, ensure_ascii=False)


def _line(now: Figures) -> str:
    if now.phase == "scanning":
        return f"{now.scanned:,} clips seen in {now.games:,} games"
    left = "" if now.left_s is None else f", {now.left_s / 60:.0f} min left"
    return f"{now.clips:,} of {now.of:,} clips, {_so_far(now)}{left}"


def _so_far(now: Figures) -> str:
    refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(now.refused.items()))
    words = f"{now.audio_hours:.2f} h at {now.rate:.0f} s of audio/s, refused: {refused or 'none'}"
    return f"{words}, waiting: {now.waiting_for}" if now.waiting_for else words
