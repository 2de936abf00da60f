"""`spksearch compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search.cli import options, output

if TYPE_CHECKING:
    from speaker_search.documents.models.spaces_compared import ComparedSpace, SpacesCompared

NAMED_GAMES = 20  # that the table lists; --json has all


def compare(
    encoder: options.Encoders = None,
    truth: Annotated[
        Path | None, typer.Option(help="JSON list of maker, game, character and voice_actor, as for `evaluate`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an .html page with maps and scores.")
    ] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Also load each encoder and time it on clips.")] = False,
    json: options.Json = False,
) -> None:
    """Measure the encoders that the catalog has embeddings of, on the clips that all of them have embedded.

    Without --truth they are judged by credits and verdicts, or where these say too little by halves of characters.

    Example: spksearch compare --truth cast.json --out compare.html
    """
    with options.open_library() as library:
        found = library.compare(encoders=encoder or (), truth=truth, speed=speed, export_to=out, say=output.waiting)
    output.json_document(found) if json else show(found)
    if out is not None:
        output.note(f"Written to {out}.")


def show(found: SpacesCompared) -> None:
    """The spaces side by side, a row for each measure, then games."""
    output.notes(found.warnings)
    output.say(found.summary())
    output.table(("measure", *(_name(one) for one in found.spaces)), found.measures())
    if len(found.games) > 1:
        output.say("\nSilhouette by game:")
        games = [(one.game, one.maker, *one.silhouettes) for one in found.games[:NAMED_GAMES]]
        output.table(("game", "maker", *(one.space for one in found.spaces)), games)
        if len(found.games) > NAMED_GAMES:
            output.note(f"{len(found.games) - NAMED_GAMES:,} more games with --json.")


def _name(one: ComparedSpace) -> str:
    return f"{one.space} (searched)" if one.searched else one.space
