"""`spksearch verify` and `spksearch index`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import typer

from speaker_search.catalog import embedding as catalog_embedding
from speaker_search.cli import CATALOG, options, output
from speaker_search.index import storage
from speaker_search.index.sync import folder_of

app = typer.Typer(help="The index: a view of the catalog, to be made again at any time.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What lies on the disk."""

    encoder: str
    folder: str
    clips: int  #: embedded in the catalog
    vectors: int  #: held by the index on disk
    behind: int  #: changes of the catalog that opening it replays
    plan: str | None


def verify(encoder: options.EncoderName = None, json: options.Json = False) -> None:
    """Compare the index with the catalog, vector by vector.

    Example: spksearch verify
    """
    with options.open_library(encoder=encoder) as library:
        found = library.verify()
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
                ("missing from it", index.missing),
                ("in it alone", index.extra),
                ("different in it", index.different),
            ],
        )
        output.console().print("ok" if found.ok else "not ok: run `spksearch index build`")
    raise typer.Exit(0 if found.ok else CATALOG)


@app.command()
def status(encoder: options.EncoderName = None, json: options.Json = False) -> None:
    """Say what the index on disk is and how far behind the catalog.

    Example: spksearch index status
    """
    with options.open_library(encoder=encoder) as library:
        space = library.space
        folder = folder_of(library.settings.home, library.catalog, space)
        stamp = storage.read_stamp(folder)
        with library.catalog.read() as connection:
            embedded = catalog_embedding.count_clips(connection, space.id).embedded
    found = IndexStatus(
        encoder=space.space,
        folder=str(folder),
        clips=embedded,
        vectors=stamp.clips if stamp else 0,
        behind=space.changes - (stamp.seq if stamp else 0),
        plan=f"{stamp.plan.kind}: {stamp.plan.reason}" if stamp else None,
    )
    if json:
        output.json_document(found)
    else:
        output.table(("measure", "value"), list(asdict(found).items()))


@app.command()
def build(encoder: options.EncoderName = None, json: options.Json = False) -> None:
    """Make the index anew from the catalog.

    Example: spksearch index build
    """
    with options.open_library(encoder=encoder) as library:
        space = library.build_index()
        found = library.verify()
    if json:
        output.json_document(found)
    else:
        output.console().print(f"Built the index of {space.space}: {found.index.vectors:,} vectors.")
