"""`spksearch backup`, `restore` and `export`, and `spksearch catalog import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.cli.progress import rows_progress
from speaker_search.entities import counted

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; there must be none yet.")]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `spksearch backup` wrote.")]
NewParquet = Annotated[Path, typer.Argument(metavar="FILE", help="The Parquet file to write; there must be none yet.")]
VoicesFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `spksearch export` wrote.")]


def backup(file: NewFile, json: options.Json = False) -> None:
    """Back up the whole catalog into one file, while other programs go on using it.

    Example: spksearch backup voices.backup
    """
    with options.open_library() as library, rows_progress("backing up") as show:
        made = library.backup(file, on_rows=show)
    if json:
        output.json_document(made)
    else:
        output.say(f"Backed up {counted(made.rows['clips'], 'clip')} to {made.file}: {counted(made.bytes, 'byte')}.")


def restore(
    file: BackupFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the whole file, and write nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Restore a backup into an empty catalog, on SQLite or PostgreSQL, wherever it was made.

    Example: spksearch restore voices.backup --dry-run
    """
    from speaker_search import settings
    from speaker_search.library import Library

    chosen = settings.load()
    with rows_progress("checking" if dry_run else "restoring") as show:
        done = Library.restore(chosen, file, dry_run=dry_run, on_rows=show)
    if json:
        output.json_document(done)
        return
    output.facts((name, rows) for name, rows in done.rows.items())
    made = f"Made at {done.made_at} by version {done.made_by}, in {', '.join(done.spaces) or 'no space yet'}."
    output.say(f"{made} {'Restored.' if done.restored else 'The file is whole. Nothing was written.'}")


def export(
    file: NewParquet,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Export embedded clips to Parquet: names, texts and vectors, without audio.

    Example: spksearch export voices.parquet --maker "Some Maker"
    """
    with options.open_library(encoder=encoder) as library, rows_progress("exporting") as show:
        made = library.export(file, makers=maker or (), games=game or (), on_rows=show)
    if json:
        output.json_document(made)
        return
    output.say(f"Exported {counted(made.clips, 'clip')} in {made.encoder} to {made.file}.")
    if made.left_out:
        output.say(f"Left out {counted(made.left_out, 'clip')} with damaged vectors: `spksearch verify` lists them.")


def import_(file: VoicesFile, json: options.Json = False) -> None:
    """Import an export of another catalog: its clips are found like all others, and only their audio is missing.

    Example: spksearch catalog import voices.parquet
    """
    with options.open_library() as library, rows_progress("importing") as show:
        done = library.import_voices(file, on_rows=show)
    if json:
        output.json_document(done)
    else:
        output.say(
            f"Imported {counted(done.rows, 'row')} in {done.encoder}: {done.new:,} new, {done.known:,} known, "
            f"{done.merged:,} with the audio of an older clip, {done.malformed:,} malformed."
        )
        for problem in done.problems:
            output.say(f"Malformed: {problem}")
    raise typer.Exit(1 if done.malformed else 0)
