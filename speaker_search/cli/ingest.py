"""`spksearch ingest`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from speaker_search.cli import STOPPED, options, output
from speaker_search.cli.progress import ingest_progress
from speaker_search.ingest.report import IngestReport
from speaker_search.ingest.scanning import find_games, preview
from speaker_search.sources import Layout


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders of voices.")],
    layout: Annotated[
        Literal["auto", "dump", "folders"],
        typer.Option(help="dump: an index.json names the speakers; folders: a folder is a character."),
    ] = "auto",
    maker: Annotated[str | None, typer.Option(help="The maker, where folders do not tell.")] = None,
    game: Annotated[str | None, typer.Option(help="The game's title, where folders do not tell.")] = None,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Decoding threads; otherwise one a core.")] = None,
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
    with options.open_library(encoder=encoder, device=device) as library, ingest_progress() as show:
        try:
            report = library.ingest(
                paths,
                layout=wanted,
                maker=maker,
                title=game,
                retry_refused=retry_refused,
                enqueue=enqueue,
                threads=workers,
                on_progress=show,
            )
        except KeyboardInterrupt:
            output.note("Stopped: what is embedded is kept. Run the same command to go on.")
            raise typer.Exit(STOPPED) from None
    if json:
        output.json_document(report)
    else:
        output.ingest(report)
    raise typer.Exit(1 if report.trouble else 0)


def _preview(paths: list[Path], layout: Layout | None, maker: str | None, game: str | None, json: bool) -> None:
    """Count by maker, game, character and route, writing nothing."""
    report = IngestReport()
    rows = []
    for folder, candidates in preview(find_games(paths, layout=layout, maker=maker, title=game), report):
        spoken = Counter(candidate.character or "(unknown)" for candidate in candidates)
        rows += [(folder.maker, folder.title, name, count, str(folder.layout)) for name, count in spoken.items()]
    if json:
        output.json_document(report)
    else:
        output.table(("maker", "game", "character", "clips", "layout"), rows)
        routes = ", ".join(f"{name} {count:,}" for name, count in sorted(report.routes.items()))
        output.console().print(f"{report.games:,} games: {routes}. Nothing was written.", markup=False)
        for problem in report.problems:
            output.console().print(f"Problem: {output.plain(problem)}", markup=False)
    raise typer.Exit(1 if report.trouble else 0)
