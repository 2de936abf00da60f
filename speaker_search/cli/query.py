"""`spksearch search`, `similar`, `cast` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from speaker_search.cast.export import export
from speaker_search.cast.voices import DEFAULT_PROBABILITY
from speaker_search.cli import options, output
from speaker_search.search.matching import Page
from speaker_search.web import schemas

By = Annotated[
    Literal["character", "voice", "game", "clip"], typer.Option("--by", help="What is found; each once, by its best.")
]


def search(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Sound files of one voice.")],
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    unlike: Annotated[list[Path] | None, typer.Option(help="A clip that the voice is not to be like.")] = None,
    by: By = "character",
    encoder: options.EncoderName = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Find the nearest characters to one or more clips of one voice.

    Example: spksearch search line1.ogg line2.ogg --limit 5
    """
    with options.open_library(encoder=encoder, device=device) as library:
        answer = library.search(
            clips,
            unlike=unlike or (),
            filters=options.filters(maker, game, exclude_maker, exclude_game, min_clips),
            page=Page(limit, cursor),
            by=by,
        )
        _show(schemas.Search.of(answer), json)


def similar(
    character: Annotated[str, typer.Argument(metavar="CHARACTER", help="maker/game/name, or the character's id.")],
    limit: options.Limit = 10,
    cursor: options.Cursor = None,
    same_game: Annotated[bool, typer.Option("--same-game", help="Characters of its own game too.")] = False,
    maker: options.MakerNames = None,
    game: options.GameTitles = None,
    exclude_maker: options.NotMakers = None,
    exclude_game: options.NotGames = None,
    min_clips: options.MinClips = 1,
    by: By = "character",
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Find the nearest characters of other games to one in the catalog.

    Example: spksearch similar "Maker/Game/Character"
    """
    with options.open_library(encoder=encoder) as library:
        answer = library.similar(
            character,
            same_game=same_game,
            filters=options.filters(maker, game, exclude_maker, exclude_game, min_clips),
            page=Page(limit, cursor),
            by=by,
        )
        _show(schemas.Search.of(answer), json)


def _show(document: schemas.Search, json: bool) -> None:
    if json:
        output.json_document(document)
    else:
        output.search(document)
    raise typer.Exit(0 if document.matches else 1)


def cast(
    game: Annotated[str | None, typer.Option(help="One game's cast sheet.")] = None,
    min_probability: options.MinProbability = DEFAULT_PROBABILITY,
    export_to: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write .csv, .json or .html instead.")
    ] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the voices that recur across games.

    Example: spksearch cast --min-probability 0.9 --export cast.csv
    """
    with options.open_library(encoder=encoder) as library:
        found = library.cast(min_probability=min_probability, game=game)
    document = schemas.CastDocument.of(found)
    if export_to is not None:
        export(found, document.model_dump_json(indent=1), export_to)
        output.note(f"{len(document.voices)} recurring voices written to {export_to}.")
    if json:
        output.json_document(document)
    elif export_to is None:
        output.cast(document)
    raise typer.Exit(0 if document.voices else 1)


def evaluate(
    truth: Annotated[Path, typer.Option(help="JSON list of maker, game, character and voice_actor.")],
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Measure search and cast against known voice actors.

    Example: spksearch evaluate --truth cast.json
    """
    with options.open_library(encoder=encoder) as library:
        found = library.evaluate(truth)
    if json:
        output.json_document(found)
        return
    rows: list[tuple[str, object]] = [
        ("encoder", found.encoder),
        ("characters", found.characters),
        ("voice actors", found.voice_actors),
        ("precision@1 across games", found.precision_at_1),
        ("mean average precision", found.map),
        ("equal error rate", found.eer),
        ("B-cubed precision", found.bcubed.precision),
        ("B-cubed recall", found.bcubed.recall),
        ("B-cubed F1", found.bcubed.f1),
    ]
    if found.calibration:
        rows += [("calibration error", found.calibration.ece), ("Brier score", found.calibration.brier)]
    output.table(("measure", "value"), rows)
