"""`spksearch demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.cli.progress import ingest_progress
from speaker_search.index.sync import Verification
from speaker_search.ingest.report import IngestReport
from speaker_search.web import schemas


@dataclass(frozen=True, slots=True)
class Demo:
    """What the tour saw."""

    ingest: IngestReport
    search: schemas.Search
    cast: schemas.CastDocument
    verify: Verification
    recurring: int
    found: int
    false: int
    right: bool


def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the catalog there, to look around in it.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Take in bundled voices of four games, and find the voices that recur in them.

    Example: spksearch demo --keep /tmp/demo
    """
    from speaker_search.demo import tour

    with ingest_progress() as show:
        seen = tour.take(keep, show)
    search, cast = schemas.Search.of(seen.answer), schemas.CastDocument.of(seen.cast)
    if json:
        output.json_document(
            Demo(seen.report, search, cast, seen.verification, seen.voices, seen.found, seen.false, seen.right)
        )
    else:
        out = output.console()
        out.print(f"$ spksearch ingest {tour.VOICES} --encoder {tour.ENCODER}", markup=False)
        output.ingest(seen.report)
        title = seen.speaker.game.title
        out.print(f"\n$ spksearch search {seen.line.name} --exclude-game {title}", markup=False)
        out.print(f"({seen.speaker.name} of {title} speaks: who else sounds like this, in other games?)", markup=False)
        output.search(search.model_copy(update={"matches": search.matches[:5], "next": None}))
        out.print("\n$ spksearch cast", markup=False)
        output.cast(cast)
        out.print("\n$ spksearch verify", markup=False)
        out.print("ok" if seen.verification.ok else "not ok")
        out.print(
            f"\nAgainst the truth: the first match is {'right' if seen.first_is_right else 'wrong'}; "
            f"{seen.found} of {seen.voices} recurring voices found, {seen.false} false.",
            markup=False,
        )
        if keep:
            out.print(f"Look around: SPKSEARCH_HOME={keep} spksearch catalog list", markup=False)
    raise typer.Exit(0 if seen.right else 1)
