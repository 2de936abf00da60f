"""`spksearch export dataset`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.cli.progress import rows_progress
from speaker_search.documents.models.datasets import Dataset, DatasetOptions, Format, SplitBy
from speaker_search.entities import counted

SHOWN = 20  # sounds that cannot be read; --json names all


def export_dataset(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to write; it must not exist.")],
    form: Annotated[
        Format,
        typer.Option("--format", help="WebDataset tars, Parquet for Hugging Face's datasets, or Style-Bert-VITS2."),
    ] = "webdataset",
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    min_seconds: Annotated[float, typer.Option("--min-seconds", help="Only clips at least this long.")] = 0.0,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", help="Only clips at most this long.")] = None,
    min_clips: Annotated[
        int, typer.Option("--min-clips", help="Only characters with this many clips, after all else was left out.")
    ] = 1,
    no_clipping: Annotated[bool, typer.Option("--no-clipping", help="Leave out clipped sounds.")] = False,
    one_speaker: Annotated[
        bool, typer.Option("--one-speaker", help="Leave out lines in which several people speak.")
    ] = False,
    split_by: Annotated[
        SplitBy, typer.Option("--split-by", help="No speaker is in two splits; by game, no game either.")
    ] = "voice",
    may_be: Annotated[
        float,
        typer.Option(
            "--may-be",
            help="Leave out speakers who are one of a held-out split with at least this probability; "
            "1 leaves nobody out.",
        ),
    ] = 0.1,
    validation: Annotated[float, typer.Option(help="Share of the clips for validation.")] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the clips for the test.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Another number gives other splits.")] = 0,
    shard_mib: Annotated[int, typer.Option("--shard-mib", help="Size of a tar or Parquet file.")] = 512,
    language: Annotated[str, typer.Option(help="In Style-Bert-VITS2's lists: JP, EN or ZH.")] = "JP",
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Export clips of known characters, with their sounds, as a data set to train on.

    No speaker is in two splits: characters of one voice, by sound, credits or verdicts, or with a recording in common,
    are one speaker; who may be one of a held-out split is left out. The folder is there whole or not at all. A sound
    that cannot be read is listed, and the exit code is 1.

    Example: spksearch export dataset voices --format parquet --min-seconds 1
    """
    wanted = DatasetOptions(
        form=form,
        makers=tuple(maker or ()),
        games=tuple(game or ()),
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        min_clips=min_clips,
        no_clipping=no_clipping,
        one_speaker=one_speaker,
        split_by=split_by,
        may_be=may_be,
        validation=validation,
        test=test,
        seed=seed,
        shard_mib=shard_mib,
        language=language,
    )
    with options.open_library(encoder=encoder) as library, rows_progress("exporting") as show:
        made = library.export_dataset(folder, wanted, on_clips=show)
    if json:
        output.json_document(made)
    else:
        _show(made)
    raise typer.Exit(1 if made.missing else 0)


def _show(made: Dataset) -> None:
    output.notes(made.warnings)
    rows = [(one.name, one.clips, one.seconds / 3600, one.speakers, one.characters, one.games) for one in made.splits]
    output.table(("split", "clips", "hours", "speakers", "characters", "games"), rows)
    for reason, count in made.left_out.items():
        output.say(f"Left out: {counted(count, 'clip')} {reason}.")
    for one in made.missing[:SHOWN]:
        output.say(f"Missing: clip {one.id}, {one.path}: {one.why}")
    if len(made.missing) > SHOWN:
        output.say(f"Missing: {len(made.missing) - SHOWN:,} more, which --json names.")
    written = f"{counted(made.clips, 'clip')} in {counted(made.files, 'file')} ({counted(made.bytes, 'byte')})"
    output.say(f"Exported {written} to {made.folder}. Its README.md says what they may be used for.")
