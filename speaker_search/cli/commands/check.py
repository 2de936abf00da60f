"""`spksearch verify` and `spksearch index`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search import documents
from speaker_search.cli import CATALOG, options, output
from speaker_search.entities import counted

app = typer.Typer(help="Look at or rebuild the index, which is derived from the catalog.", no_args_is_help=True)


def verify(
    encoder: options.EncoderName = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Queue clips whose vectors are damaged, and rebuild the index.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare every vector; otherwise 10,000 of them, and all labels.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Check the catalog for damage, and compare the index with it.

    Example: spksearch verify
    """
    with options.open_library(encoder=encoder) as library:
        found = library.verify(repair=repair, deep=deep)
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
                ("vectors compared", found.compared),
                ("missing from the index", index.missing),
                ("in the index only", index.extra),
                ("different in the index", index.different),
            ],
        )
        for one in found.unusable:
            output.say(f"clip {one.id}: {one.why}: {one.path}")
        if found.ahead:
            output.note(
                f"The saved index is {counted(found.ahead, 'change')} ahead of the catalog: the database was set "
                "back to an earlier moment. Give the catalog a new identity before it is used; the README says how."
            )
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
        output.facts(_facts(found))


@app.command()
def tune(
    recall: Annotated[
        float, typer.Option("--recall", help="The share of the ten nearest clips that is to be found.")
    ] = documents.DEFAULT_RECALL,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Measure how many of the nearest clips the index finds, and set how much a search looks into.

    Clips of the catalog are searched for, without filters and under several, and compared with exact scans. Stopped
    before its end, it leaves the old setting. A server that is running takes the new one up when it is started again.

    Example: spksearch index tune --recall 0.995
    """
    with options.open_library(encoder=encoder) as library:
        found = library.tune_index(recall, say=lambda words: output.waiting(f"Tuning: {words}…"))
    reached = found.recall is None or found.recall.recall_at_10 >= recall
    if json:
        output.json_document(found)
    else:
        output.facts(_facts(found))
        if found.recall is None:
            output.say("An exact scan finds all that is nearest: there is nothing to tune.")
        elif not reached:
            output.note(f"No setting finds {recall:g} of the ten nearest clips. The best one is set.")
    raise typer.Exit(0 if reached else 1)


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


def _facts(found: documents.IndexStatus) -> list[tuple[str, object]]:
    """The state of an index as names and values."""
    facts: list[tuple[str, object]] = [(name, value) for name, value in found if name != "recall"]
    if (recall := found.recall) is None:
        return facts if not found.lists else [*facts, ("recall", "not measured: `spksearch index tune` does")]
    facts += [("recall@10", recall.recall_at_10), ("recall@100", recall.recall_at_100)]
    return facts + [(f"recall@10, {kind}", share) for kind, share in recall.filtered.items()]
