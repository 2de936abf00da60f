"""Progress of long work on stderr: a live display on a terminal, a line now and then otherwise, events for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from speaker_search.cli.output import waiting
from speaker_search.documents import ClusterNode, IngestReport
from speaker_search.documents.models.trained import TrainingProgress
from speaker_search.entities import counted

LINE_EVERY_S = 30.0
EVENT_EVERY_S = 1.0

Show = Callable[[IngestReport], None]
ShowRows = Callable[[int, int], None]
ShowTraining = Callable[[TrainingProgress], None]


@contextmanager
def ingest_progress(*, events: bool = False, live: bool | None = None, silent: bool = False) -> Iterator[Show]:
    """A callback that shows an ingest's report as it goes.

    With `events` each is a line of JSON, `{"event": "progress", ...}`, with the fields of the report.
    """
    if silent:
        yield lambda _: None
    elif events:
        yield _now_and_then(_event, EVENT_EVERY_S)
    elif live if live is not None else sys.stderr.isatty():
        with _display() as show:
            yield show
    else:
        yield _now_and_then(_line, LINE_EVERY_S, at_once=False)


@contextmanager
def rows_progress(doing: str) -> Iterator[ShowRows]:
    """A callback that shows, on a terminal, how many rows are done of how many, how fast, and the time left."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    waiting("")
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None, rate="")

        def show(done: int, of: int) -> None:
            rate = done / max(time.monotonic() - began, 1e-3)
            bar.update(task, completed=done, total=of, rate=f"{rate:,.0f} rows/s")

        yield show


@contextmanager
def training_progress(*, events: bool = False) -> Iterator[ShowTraining]:
    """A callback that shows a training as it goes: in one line of a terminal, otherwise in a line now and then."""
    last, doing = -LINE_EVERY_S, ""

    def show(now: TrainingProgress) -> None:
        nonlocal last, doing
        if events:
            print(json.dumps({"event": "progress", **now.model_dump(mode="json")}), file=sys.stderr, flush=True)
        elif sys.stderr.isatty():
            waiting(_training(now))
        elif time.monotonic() - last >= LINE_EVERY_S or now.doing != doing == "measuring":
            last = time.monotonic()
            print(_training(now), file=sys.stderr, flush=True)
        doing = now.doing

    yield show


def _training(now: TrainingProgress) -> str:
    parts = [f"Step {now.step:,} of {now.steps:,}"]
    if now.loss is not None:
        parts.append(f"loss {now.loss:.3f}")
    if now.first_eer is not None:
        before = f"before {now.first_eer:.2%}"
        parts.append(f"EER {before}" if now.eer is None else f"EER {now.eer:.2%} ({before})")
    if now.step:
        parts.append(f"{now.clips_per_s:.0f} clips/s")
    if now.left_s is not None:
        parts.append(f"{now.left_s / 60:.0f} min left")
    if now.unreadable:
        parts.append(f"{counted(now.unreadable, 'clip')} unreadable")
    return ", ".join(parts) + ("; measuring" if now.doing == "measuring" else "")


@contextmanager
def _display() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
    from rich.table import Column

    # Only columns with a ratio give way where a line is too long, and counts have none.
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}", table_column=Column(ratio=3, no_wrap=True, overflow="ellipsis")),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True, expand=True)
    task = bar.add_task("scanning", total=None, words="")
    lines: dict[str, TaskID] = {}

    def show(now: IngestReport) -> None:
        if now.phase == "scanning":
            bar.update(task, completed=now.scanned, words=counted(now.games, "game"))
        else:
            bar.update(task, description="embedding", completed=now.opened, total=now.of, words=_so_far(now))
        for node in now.nodes:
            if node.name not in lines:
                lines[node.name] = bar.add_task("", total=None)
            bar.update(lines[node.name], description=f"  {node.name}", completed=node.opened, words=_of_node(node, now))
        if not bar.live.is_started:  # until the first report there is something else to wait for
            waiting("")
            bar.start()

    try:
        yield show
    finally:
        bar.stop()


def _now_and_then(say: Callable[[IngestReport], str], every_s: float, *, at_once: bool = True) -> Show:
    """Print at most every so often; with `at_once` also the first report and each change of phase."""
    last = -every_s if at_once else time.monotonic()
    phase = ""

    def show(report: IngestReport) -> None:
        nonlocal last, phase
        now = time.monotonic()
        changed = at_once and report.phase != phase
        if changed or now - last >= every_s:
            last, phase = now, report.phase
            print(say(report), file=sys.stderr, flush=True)

    return show


def _event(now: IngestReport) -> str:
    return json.dumps({"event": "progress", **now.model_dump(mode="json")}, ensure_ascii=False)


def _line(now: IngestReport) -> str:
    if now.phase == "scanning":
        return f"{counted(now.scanned, 'clip')} seen in {counted(now.games, 'game')}"
    left = "" if now.left_s is None else f", {now.left_s / 60:.0f} min left"
    lines = [f"{now.opened:,} of {counted(now.of, 'clip')}, {_so_far(now)}{left}"]
    lines += [f"  {node.name}: {counted(node.opened, 'clip')}, {_of_node(node, now)}" for node in now.nodes]
    return "\n".join(lines)


def _of_node(node: ClusterNode, now: IngestReport) -> str:
    rate = node.audio_seconds / now.elapsed_s if now.elapsed_s else 0.0
    return f"{node.audio_seconds / 3600:.2f} h at {rate:.0f} s of audio/s, {counted(node.workers, 'worker')}"


def _so_far(now: IngestReport) -> str:
    refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(now.refused.items()))
    waiting_for = f"waiting: {now.waiting_for}, " if now.waiting_for else ""
    # Refusals are last: a terminal cuts off the end.
    return f"{now.audio_seconds / 3600:.2f} h at {now.rate:.0f} s of audio/s, {waiting_for}refused: {refused or 'none'}"
