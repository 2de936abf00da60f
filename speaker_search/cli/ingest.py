"""`spksearch ingest`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from speaker_search import settings
from speaker_search.cli import options, output
from speaker_search.cli.progress import ingest_progress
from speaker_search.cli.stopping import stoppable
from speaker_search.ingest.report import IngestReport
from speaker_search.ingest.scanning import Counted, find_games, preview
from speaker_search.sources import Layout

Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="Processes that decode; otherwise one a core.")
]


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders, tables or archives of voices.")],
    layout: Annotated[
        Literal["auto", "dump", "folders", "manifest", "shards"],
        typer.Option(
            help="dump: an index.json names the speakers; folders: a folder is a character; manifest: a table lists "
            "the files; shards: archives and tables with the sounds in them."
        ),
    ] = "auto",
    maker: Annotated[str | None, typer.Option(help="The maker, where folders do not tell.")] = None,
    game: Annotated[str | None, typer.Option(help="The game's title, where folders do not tell.")] = None,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Workers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is there, and write nothing.")] = False,
    retry_refused: Annotated[bool, typer.Option("--retry-refused", help="Try refused clips again.")] = False,
    enqueue: Annotated[bool, typer.Option("--enqueue", help="Note the clips, and leave embedding for later.")] = False,
    json: options.Json = False,
) -> None:
    """Take voices in: known files are not opened again, and a stopped run goes on where it was.

    Example: spksearch ingest ~/dumps/GalGame
    """
    wanted = None if layout == "auto" else Layout(layout)
    if dry_run:
        _preview(paths, wanted, maker, game, json)
        return
    opened = options.open_library
    with stoppable() as stop, opened(encoder=encoder, device=device) as library, ingest_progress(events=json) as show:
        report = library.ingest(
            paths,
            layout=wanted,
            maker=maker,
            title=game,
            retry_refused=retry_refused,
            enqueue=enqueue,
            processes=workers,
            on_progress=stop.between(show),
        )
    if json:
        output.json_document(report)
    else:
        output.ingest(report)
    raise typer.Exit(1 if report.trouble else 0)


def worker(
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Workers = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when no clip is left to be embedded.")] = False,
    json: options.Json = False,
) -> None:
    """Embed clips that `ingest --enqueue` noted, until stopped. Any number may run, on any number of machines.

    Example: spksearch worker --drain
    """
    opened = options.open_library
    with stoppable() as stop, opened(encoder=encoder, device=device) as library, ingest_progress(events=json) as show:
        report = library.work(drain=drain, processes=workers, on_progress=stop.between(show))
    if json:
        output.json_document(report)
    else:
        output.ingest(report)
    raise typer.Exit(1 if report.trouble else 0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an ingest would take in."""

    recognised: list[str]
    games: int
    counts: list[Counted]
    routes: dict[str, int]
    problems: list[str]


def _preview(paths: list[Path], layout: Layout | None, maker: str | None, game: str | None, json: bool) -> None:
    """Count by maker, game, character and route, writing nothing."""
    report = IngestReport()
    password = settings.load().password
    counted = preview(find_games(paths, layout=layout, maker=maker, title=game, password=password), report)
    if json:
        output.json_document(Preview(report.recognised, report.games, counted, dict(report.routes), report.problems))
    else:
        rows = [(c.maker, c.game, c.character or "(unknown)", c.clips, c.layout, c.route) for c in counted]
        output.table(("maker", "game", "character", "clips", "layout", "route"), rows)
        output.preview(report)
    raise typer.Exit(1 if report.trouble else 0)
