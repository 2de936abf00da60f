"""`spksearch plot`: pictures of a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents.models.pictures import ColouredBy, Picture, PointsOf

ONE = {"probabilities": "probability"}  # of what a panel shows; for others, the word without its s

app = typer.Typer(help="Draw what the catalog holds: .svg, .png, or one .html page.", no_args_is_help=True)

Out = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="The .svg, .png or .html file; one that exists is replaced.")
]
OneGame = Annotated[str | None, typer.Option("--game", help="Only this game: its title, maker/title or id.")]


@app.command("map")
def map_(
    out: Out,
    game: OneGame = None,
    encoder: options.Encoders = None,
    by: Annotated[
        PointsOf | None, typer.Option(help="What a point is. Default: a clip with --game, else a character.")
    ] = None,
    colour: Annotated[
        ColouredBy | None, typer.Option(help="What the colours stand for. Default: character with --game, else game.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the layout: another number gives another map.")
    ] = 1,
    json: options.Json = False,
) -> None:
    """Draw a map of characters or clips: those that sound alike lie near each other. A panel for each encoder.

    Example: spksearch plot map --colour voice --out map.html
    """
    with options.open_library(encoder=encoder[0] if encoder else None) as library:
        drawn = library.plot_map(
            out, game=game, encoders=encoder or (), by=by, colour=colour, seed=seed, say=output.waiting
        )
    show(drawn, json)


@app.command()
def confusion(out: Out, game: OneGame = None, encoder: options.Encoders = None, json: options.Json = False) -> None:
    """Draw which characters' clips sound most like which: of a game, or the most confused ones of the catalog.

    Example: spksearch plot confusion --game "Some Title" --out confusion.png
    """
    with options.open_library(encoder=encoder[0] if encoder else None) as library:
        show(library.plot_confusion(out, game=game, encoders=encoder or (), say=output.waiting), json)


@app.command()
def scores(out: Out, encoder: options.Encoders = None, json: options.Json = False) -> None:
    """Draw how pairs of characters score, by what is known of them, and the probability that scores stand for.

    Example: spksearch plot scores --out scores.svg
    """
    with options.open_library(encoder=encoder[0] if encoder else None) as library:
        show(library.plot_scores(out, encoders=encoder or (), say=output.waiting), json)


@app.command()
def reliability(
    out: Out,
    truth: Annotated[
        Path | None,
        typer.Option(help="JSON list of maker, game, character and voice_actor. Default: credits and verdicts."),
    ] = None,
    encoder: options.Encoders = None,
    json: options.Json = False,
) -> None:
    """Draw how often probabilities come true, by known voice actors.

    Example: spksearch plot reliability --truth cast.json --out reliability.png
    """
    with options.open_library(encoder=encoder[0] if encoder else None) as library:
        show(library.plot_reliability(out, truth=truth, encoders=encoder or (), say=output.waiting), json)


@app.command()
def coverage(out: Out, encoder: options.Encoders = None, json: options.Json = False) -> None:
    """Draw how many clips and minutes each maker, game and character has.

    Example: spksearch plot coverage --out coverage.html
    """
    with options.open_library(encoder=encoder[0] if encoder else None) as library:
        show(library.plot_coverage(out, encoders=encoder or (), say=output.waiting), json)


def show(drawn: Picture, json: bool) -> None:
    """What was drawn, a line for each panel."""
    if json:
        output.json_document(drawn)
        return
    for panel in drawn.panels:
        whole = f"{panel.of:,} {panel.shows if panel.of != 1 else ONE.get(panel.shows, panel.shows[:-1])}"
        points = whole if panel.points == panel.of else f"{panel.points:,} of {whole}"
        how = "" if panel.layout is None else f", laid out by {panel.layout}"
        output.say(f"{panel.encoder}: {points}{how}.")
    output.notes(drawn.notes)
    output.say(f"Drawn to {drawn.file}.")
