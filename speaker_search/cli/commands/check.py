"""`spksearch verify` and `spksearch index`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search.cli import CATALOG, options, output
from speaker_search.entities import counted

app = typer.Typer(help="Look at or rebuild the index, which is derived from the catalog.", no_args_is_help=True)


def verify(
    encoder: options.EncoderName = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Queue clips whose vectors are damaged, and rebuild the index.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Check the catalog for damage, and compare the index with it, vector by vector.

    Example: spksearch verify
    """
    with options.open_library(encoder=encoder) as library:
        found = library.verify(repair=repair)
    if json:
        output.json_document(found)
    else:
        clips, index = found.clips, found.index
        output.table(
            ("measure", "value"),
            [
                ("clips embedded", clips.embedded),
                ("clips pending", clips.pending),
                ("clips refused", clips.refused),
                ("vectors in the index", index.vectors),
                ("missing from the index", index.missing),
                ("in the index only", index.extra),
                ("different in the index", index.different),
            ],
        )
        for one in found.unusable:
            output.say(f"clip {one.id}: {one.why}: {one.path}")
        if found.requeued:
            output.note(f"Queued {counted(found.requeued, 'clip')}: `spksearch worker --drain` embeds what is queued.")
        mend = "verify --repair" if found.unusable else "index build"
        output.say("ok" if found.ok else f"not ok: run `spksearch {mend}`")
    raise typer.Exit(0 if found.ok else CATALOG)


@app.command()
def status(encoder: options.EncoderName = None, json: options.Json = False) -> None:
    """Show which index is on disk, and how far it is behind the catalog.

    Example: spksearch index status
    """
    with options.open_library(encoder=encoder) as library:
        found = library.index_status()
    if json:
        output.json_document(found)
    else:
        output.facts(found)


@app.command()
def build(encoder: options.EncoderName = None, json: options.Json = False) -> None:
    """Rebuild the index from the catalog.

    Example: spksearch index build
    """
    with options.open_library(encoder=encoder) as library:
        built = library.build_index()
        encoder_space = library.index_status().encoder
    if json:
        output.json_document(built)
    else:
        output.say(f"Built the index of {encoder_space}: {counted(built.index.vectors, 'vector')}.")
