"""`spksearch catalog suspects`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import DEFAULT_PROBABILITY, INFERENCE
from speaker_search.documents.models.suspect_clips import SuspectClip
from speaker_search.entities import counted

LISTED = 20


def suspects(
    game: Annotated[str | None, typer.Option(help="Only clips of this game.")] = None,
    limit: Annotated[int | None, typer.Option(help="Number of clips. Default: 20; all with --export.")] = None,
    min_probability: Annotated[
        float, typer.Option("--min-probability", help="Only clips that are another's with at least this probability.")
    ] = DEFAULT_PROBABILITY,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write a table (.csv) or rows for an index.json (.json)."),
    ] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List clips that sound less like their own character than like another, the most suspect first.

    Nothing is moved. Listen, correct the list or index.json that the voices came with, and ingest it again: the clips
    are given to the other character without being embedded again. A .csv names the likelier character in the columns
    maker, game and character; the table is for reading, and cannot be ingested itself. A .json holds corrected rows of
    the index.json of one game, for clips of its own characters. An existing file is replaced.

    Example: spksearch catalog suspects --game "Some Game" --export suspects.csv
    """
    wanted = limit if limit is not None or export is not None else LISTED
    with options.open_library(encoder=encoder) as library:
        output.waiting("Comparing the clips with all characters…")
        found = library.suspects(game=game, min_probability=min_probability, limit=wanted, export_to=export)
    if json:
        output.json_document(found)
        raise typer.Exit(0 if found.clips else 1)
    output.notes(found.warnings)
    if export is not None:
        written = found.clips if export.suffix.lower() == ".csv" else found.of_their_game
        elsewhere = len(found.clips) - len(written)
        rest = f" {elsewhere:,} more are of other games: write a .csv for these." if elsewhere else ""
        output.note(f"{counted(len(written), 'clip')} written to {export}. Check them by ear.{rest}")
    elif found.clips:
        rows = [(one.id, one.own.name, one.own.game, _named(one), one.probability, one.text) for one in found.clips]
        output.table(
            ("clip", "character", "game", "likelier", "probability", "text"), rows, below=map(_hear, found.clips)
        )
    alone = f" {counted(found.alone, 'clip')} could not be: no other is of the same character." if found.alone else ""
    output.note(
        f"{counted(found.found, 'suspect')} among {counted(found.compared, 'compared clip')}.{alone} {INFERENCE}"
    )
    raise typer.Exit(0 if found.clips else 1)


def _named(one: SuspectClip) -> str:
    """The likelier character, with its game where that is another one."""
    elsewhere = (one.likelier.maker, one.likelier.game) != (one.own.maker, one.own.game)
    return f"{one.likelier.name} ({one.likelier.game})" if elsewhere else one.likelier.name


def _hear(one: SuspectClip) -> tuple[str]:
    lines = [f"clip {who.line.id} of {who.name}" for who in (one.own, one.likelier) if who.line is not None]
    return (f"hear: clip {one.id}{' beside ' if lines else ''}{' and '.join(lines)}",)
