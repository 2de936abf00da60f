"""`spksearch demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.cli.progress import ingest_progress


def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the catalog there, to look around in it.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Ingest the bundled voices of four games, and find the voices that recur in them.

    Example: spksearch demo --keep /tmp/demo
    """
    from speaker_search.demo import tour

    with ingest_progress() as show:
        took = tour.take(keep, show)
    seen = took.seen
    if json:
        output.json_document(seen)
    else:
        out = output.console()
        title = took.speaker.game.title
        out.print(f"$ spksearch ingest {tour.VOICES} --encoder {tour.ENCODER}", markup=False)
        output.ingest(seen.ingest)
        out.print(f"\n$ spksearch search {took.line.name} --exclude-game {title}", markup=False)
        out.print(f"({took.speaker.name} of {title} speaks: who else sounds like this, in other games?)", markup=False)
        output.search(seen.search.model_copy(update={"matches": seen.search.matches[:5], "next": None}))
        out.print("\n$ spksearch cast", markup=False)
        output.cast(seen.cast)
        out.print("\n$ spksearch verify", markup=False)
        out.print("ok" if seen.verify.ok else "not ok")
        out.print(
            f"\nAgainst the truth: the first match is {'right' if took.first_is_right else 'wrong'}; "
            f"{seen.found} of {seen.recurring} recurring voices found, {seen.false} false.",
            markup=False,
        )
        if keep:
            out.print(f"Look around: SPKSEARCH_HOME={keep} spksearch catalog list", markup=False)
    raise typer.Exit(0 if seen.right else 1)
