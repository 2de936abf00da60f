"""`spksearch search`, `similar`, `cast` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search import documents
from speaker_search.cli import options, output


def search(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Sound files of one voice.")],
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    unlike: Annotated[list[Path] | None, typer.Option(help="A clip that the voice should not be like.")] = None,
    by: options.Kind = "character",
    encoder: options.EncoderName = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Find the characters nearest to one or more clips of one voice.

    Example: spksearch search line1.ogg line2.ogg --limit 5
    """
    wanted = options.search_options(
        limit=limit,
        cursor=cursor,
        by=by,
        maker=maker,
        game=game,
        exclude_maker=exclude_maker,
        exclude_game=exclude_game,
        min_clips=min_clips,
    )
    with options.open_library(encoder=encoder, device=device) as library:
        _print(library.search_document(clips, wanted, unlike_sounds=unlike or ()), json)


def similar(
    character: options.CharacterName,
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    same_game: Annotated[bool, typer.Option("--same-game", help="Characters of its own game too.")] = False,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    by: options.Kind = "character",
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Find the characters of other games nearest to one in the catalog.

    Example: spksearch similar "Game/Character"
    """
    wanted = options.search_options(
        limit=limit,
        cursor=cursor,
        by=by,
        maker=maker,
        game=game,
        exclude_maker=exclude_maker,
        exclude_game=exclude_game,
        min_clips=min_clips,
    )
    with options.open_library(encoder=encoder) as library:
        _print(library.similar_document(character, wanted, same_game=same_game), json)


def _print(found: documents.Search, json: bool) -> None:
    if json:
        output.json_document(found)
    else:
        output.search(found)
    raise typer.Exit(0 if found.matches else 1)


def cast(
    game: Annotated[str | None, typer.Option(help="One game's cast sheet.")] = None,
    min_probability: options.MinProbability = documents.DEFAULT_PROBABILITY,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write .csv, .json or .html instead.")
    ] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the voices that recur across games.

    Example: spksearch cast --min-probability 0.9 --export cast.csv
    """
    with options.open_library(encoder=encoder) as library:
        found = library.cast_document(min_probability=min_probability, game=game, export_to=export)
    if export is not None:
        output.note(f"{len(found.voices)} recurring voices written to {export}.")
    if json:
        output.json_document(found)
    elif export is None:
        output.cast(found)
    raise typer.Exit(0 if found.voices else 1)


def evaluate(
    truth: Annotated[Path, typer.Option(help="JSON list of maker, game, character and voice_actor.")],
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Measure search and cast against known voice actors.

    Intervals are 95 % bootstrap intervals: the voice actors are drawn 1,000 times.

    Example: spksearch evaluate --truth cast.json
    """
    with options.open_library(encoder=encoder) as library:
        found = library.evaluate(truth)
    if json:
        output.json_document(found)
    else:
        output.evaluation(found)
