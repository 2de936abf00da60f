"""Flags that several commands share, each in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search import settings
from speaker_search.library import Library
from speaker_search.search.matching import Filters

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]
EncoderName = Annotated[
    str | None,
    typer.Option("--encoder", help="Encoder or space; otherwise SPKSEARCH_ENCODER, the catalog's only one, anime-va."),
]
Device = Annotated[str | None, typer.Option("--device", help="Where the encoder runs: auto, cpu or cuda.")]
Limit = Annotated[int, typer.Option("--limit", help="How many matches.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="The `next` of an earlier answer: what follows it.")]
MakerNames = Annotated[list[str] | None, typer.Option("--maker", help="Only this maker's; may be repeated.")]
GameTitles = Annotated[list[str] | None, typer.Option("--game", help="Only this game's; may be repeated.")]
NotMakers = Annotated[list[str] | None, typer.Option("--exclude-maker", help="All but this maker's.")]
NotGames = Annotated[list[str] | None, typer.Option("--exclude-game", help="All but this game's.")]
MinClips = Annotated[int, typer.Option("--min-clips", help="Only characters with so many embedded clips.")]
MinProbability = Annotated[
    float, typer.Option("--min-probability", help="Link characters from this probability of one voice on.")
]


def open_library(*, encoder: str | None = None, device: str | None = None, home: Path | None = None) -> Library:
    """The library of the settings, with the flags given in their place."""
    return Library(settings.load(encoder=encoder, device=device, home=home))


def filters(
    maker: list[str] | None,
    game: list[str] | None,
    exclude_maker: list[str] | None,
    exclude_game: list[str] | None,
    min_clips: int,
) -> Filters:
    """The flags that narrow an answer, as one value."""
    return Filters(
        tuple(maker or ()), tuple(game or ()), tuple(exclude_maker or ()), tuple(exclude_game or ()), min_clips
    )
