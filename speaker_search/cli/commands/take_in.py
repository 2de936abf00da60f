"""`spksearch ingest` and `spksearch worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search import documents
from speaker_search.cli import options, output
from speaker_search.cli.found_rows import Listing
from speaker_search.cli.progress import ingest_progress
from speaker_search.cli.stopping import stoppable
from speaker_search.documents import Layout, Route
from speaker_search.errors import UsageError

if TYPE_CHECKING:
    from speaker_search.library import Library

Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=256, help="Number of processes that decode. Default: one per core."),
]


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...", help="Folders, tables or archives of voices, also s3://, gs:// and hf:// addresses."
        ),
    ] = None,
    layout: Annotated[
        Layout,
        typer.Option(
            help="dump: an index.json names the speakers; folders: a folder is a character; manifest: a table lists "
            "the files; shards: archives and tables with the sounds in them."
        ),
    ] = "auto",
    maker: Annotated[str | None, typer.Option(help="The maker, where the folders do not say.")] = None,
    game: Annotated[str | None, typer.Option(help="The game's title, where the folders do not say.")] = None,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Workers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is there, and write nothing.")] = False,
    listed: Annotated[
        Route | None, typer.Option("--list", help="With --dry-run: list each row or file that was matched this way.")
    ] = None,
    retry_refused: Annotated[bool, typer.Option("--retry-refused", help="Try refused clips again.")] = False,
    enqueue: Annotated[bool, typer.Option("--enqueue", help="Register clips, and leave embedding to workers.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Instead of paths: all clips of the catalog, to embed with another encoder.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Ingest voices. Known files are not opened again, and a stopped run continues where it stopped.

    Example: spksearch ingest ~/dumps/GalGame
    """
    if again and (paths or dry_run or listed or maker or game or layout != "auto"):
        raise UsageError("--again is about the clips that the catalog has.", "Leave out the paths and what they are.")
    if not again and not paths:
        raise UsageError("`ingest` needs a PATH.", "Name a folder, table or archive of voices; or use --again.")
    paths = paths or []
    if dry_run:
        _preview(paths, layout, maker, game, listed, json)
    if listed is not None:
        raise UsageError("--list works only with --dry-run.", "Add --dry-run, or leave --list out.")
    opened, stays = options.open_library, None
    with opened(encoder=encoder, device=device) as library, stoppable() as stop, ingest_progress(events=json) as show:
        _load(library, json)
        on_progress = stop.between(show)
        if again:
            report = library.embed_again(
                retry_refused=retry_refused, enqueue=enqueue, processes=workers, on_progress=on_progress
            )
            if encoder is not None:  # otherwise the adopted space's, or SPKSEARCH_ENCODER, which searches follow, too
                adopted = library.spaces_held().adopted
                stays = None if adopted == report.encoder else adopted
        else:
            report = library.ingest(
                paths,
                layout=layout,
                maker=maker,
                title=game,
                retry_refused=retry_refused,
                enqueue=enqueue,
                processes=workers,
                on_progress=on_progress,
            )
    _print(report, json, encoder=encoder, of_scan=not again, stays=stays)


def worker(
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Workers = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when no clip is left to embed.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Embed on the nodes of a Ray cluster: HOST:PORT of its head, or auto."),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --ray: at most this many workers. Default: one a GPU, or, with no GPU, one a node."
        ),
    ] = None,
    log_format: options.LogFormat = "text",
    json: options.Json = False,
) -> None:
    """Embed clips that `ingest --enqueue` registered, until stopped. Any number may run, on any number of machines.

    Example: spksearch worker --drain
    """
    if actors is not None and ray is None:
        raise UsageError("--actors is for --ray.", "Add --ray ADDRESS, or leave --actors out.")
    lines = log_format == "json"
    with (
        options.logged(log_format),
        options.open_library(encoder=encoder, device=device) as library,
        stoppable(says=not lines) as stop,
        ingest_progress(events=json, silent=lines) as show,
    ):
        on_progress = stop.between(show)
        if ray is None:
            _load(library, json or lines)
            report = library.work(drain=drain, processes=workers, on_progress=on_progress)
        else:
            if not json and not lines:
                output.waiting("Joining the Ray cluster…")
            report = library.work_on_cluster(
                ray, drain=drain, workers=actors, processes=workers, on_progress=on_progress
            )
    _print(report, json, encoder=encoder, of_scan=False)


def _load(library: Library, json: bool) -> None:
    """Tell people which encoder is being loaded and, when they chose none, why this one."""
    choice = library.encoder_choice()
    if json:
        return
    if choice.reason:
        output.note(choice.reason)
    output.waiting(f"Loading encoder {choice.name}…")


def _print(
    report: documents.IngestReport,
    json: bool,
    *,
    encoder: str | None,
    of_scan: bool = True,
    stays: str | None = None,
) -> None:
    """The report, what to do next, and the space that searches stay in, if that is another."""
    if json:
        output.json_document(report)
    else:
        (output.ingest if of_scan else output.work)(report)
        if report.pending:
            flag = f" --encoder {encoder}" if encoder else ""
            output.say(f"Next: `spksearch worker --drain{flag}` embeds what is pending.")
        if stays:
            output.say(f"Searches stay in {stays}; `spksearch adopt {report.encoder}` switches, with proof.")
    raise typer.Exit(1 if report.trouble else 0)


def _preview(
    paths: list[str], layout: Layout, maker: str | None, game: str | None, listed: Route | None, json: bool
) -> None:
    """Count by maker, game, character and route, or list the rows of one route; writes nothing."""
    output.waiting("Looking through the folders…")
    from speaker_search import settings
    from speaker_search.library import Library

    listing = Listing(json=json) if listed else None
    on_row = listing.row if listing else None
    found = Library.preview(settings.load(), paths, layout=layout, maker=maker, title=game, route=listed, on_row=on_row)
    if listing:
        listing.end(found)
    elif json:
        output.json_document(found)
    else:
        counts = [(c.maker, c.game, c.character or "(unknown)", c.clips, c.layout, c.route) for c in found.counts]
        output.table(("maker", "game", "character", "clips", "layout", "route"), counts)
        output.preview(found)
    raise typer.Exit(1 if found.trouble else 0)
