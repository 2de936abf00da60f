"""`spksearch catalog confusions`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import DEFAULT_PROBABILITY, INFERENCE
from speaker_search.entities import counted

TITLES = {
    "spellings": "Nearly one name in one game (perhaps one character)",
    "namesakes": "Nearly one name in games of one maker (perhaps the same role again)",
    "others": "Other names, in two games (perhaps one person)",
}


def confusions(
    min_probability: Annotated[
        float, typer.Option("--min-probability", help="Only pairs that are one voice with at least this probability.")
    ] = DEFAULT_PROBABILITY,
    limit: Annotated[int, typer.Option(help="Number of pairs.")] = 20,
    cursor: options.Cursor = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List characters that sound like one person and that nobody has judged, those of nearly one name first.

    Example: spksearch catalog confusions --min-probability 0.9
    """
    with options.open_library(encoder=encoder) as library:
        found = library.confusions(min_probability=min_probability, limit=limit, cursor=cursor)
    if json:
        output.json_document(found)
        raise typer.Exit(0 if found.pairs else 1)
    output.notes(found.warnings)
    said = None
    for pair in found.pairs:
        if pair.kind != said:
            said = pair.kind
            output.say(f"{TITLES[pair.kind]}:")
        output.say(f"{pair.one.address} (id {pair.one.id}), {pair.other.address} (id {pair.other.id})")
        output.say(f"    One voice with probability {pair.probability:.2f}.")
        if pair.lines:
            output.command("    hear:      " + "; ".join(f"spksearch play {line.id}" for line in pair.lines))
        output.command(f"    same:      {pair.if_same}")
        output.command(f"    different: {pair.if_different}")
    if found.next:
        output.note(f"More: --cursor {found.next}")
    output.note(f"{counted(len(found.pairs), 'pair')}. {INFERENCE}")
    raise typer.Exit(0 if found.pairs else 1)
