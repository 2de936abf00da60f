"""Flags that several commands share, each in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from speaker_search import logs
from speaker_search.cli import exit_code, output
from speaker_search.documents import By, SearchOptions
from speaker_search.errors import SpeakerSearchError

if TYPE_CHECKING:
    from speaker_search.library import Library

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")]
EncoderName = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Encoder or space. Default: SPKSEARCH_ENCODER, else the adopted space or the catalog's only one, else "
        "anime-va if its weights are on this machine, else campplus.",
    ),
]
Encoders = Annotated[
    list[str] | None, typer.Option("--encoder", help="Encoder or space; may be repeated. Default: all there are.")
]
Device = Annotated[str | None, typer.Option("--device", help="Where the encoder runs: auto, cpu or cuda.")]
LogFormat = Annotated[
    logs.Format,
    typer.Option("--log-format", help="What stderr gets: text says what goes wrong; json is a line for each event."),
]
CharacterName = Annotated[
    str, typer.Argument(metavar="CHARACTER", help="Its name, game/name or maker/game/name, or its id.")
]
Limit = Annotated[int, typer.Option("--limit", help="Number of matches.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Continue after an earlier answer, with its `next`.")]
MakerNames = Annotated[list[str] | None, typer.Option("--maker", help="Only from this maker; may be repeated.")]
GameTitles = Annotated[list[str] | None, typer.Option("--game", help="Only from this game; may be repeated.")]
NotMakers = Annotated[list[str] | None, typer.Option("--exclude-maker", help="Not from this maker; may be repeated.")]
NotGames = Annotated[list[str] | None, typer.Option("--exclude-game", help="Not from this game; may be repeated.")]
MinClips = Annotated[int, typer.Option("--min-clips", help="Only characters with at least this many embedded clips.")]
Kind = Annotated[By, typer.Option("--by", help="What to find; each is listed once, by its best match.")]
LikelyMatches = Annotated[
    float | None, typer.Option("--min-probability", help="Only matches with at least this probability.")
]
MinProbability = Annotated[
    float, typer.Option("--min-probability", help="Link characters that are one voice with at least this probability.")
]


def open_library(*, encoder: str | None = None, device: str | None = None) -> Library:
    """The library of the settings, overridden by the flags given."""
    output.waiting("Opening the catalog…")
    from speaker_search import settings
    from speaker_search.library import Library

    return Library(settings.load(encoder=encoder, device=device))


@contextmanager
def logged(log_format: logs.Format) -> Iterator[None]:
    """Within the block, events go to stderr in this format, and in JSON so does the error that ends the program."""
    logs.to_stderr(log_format)
    try:
        yield
    except SpeakerSearchError as error:
        if log_format == "text":
            raise
        logs.ended(error)
        raise typer.Exit(exit_code(error)) from error


def search_options(
    *,
    limit: int,
    cursor: str | None,
    by: By,
    maker: list[str] | None,
    game: list[str] | None,
    exclude_maker: list[str] | None,
    exclude_game: list[str] | None,
    min_clips: int,
    min_probability: float | None,
) -> SearchOptions:
    """The flags that say which matches are wanted, as the request that HTTP takes too."""
    return SearchOptions(
        limit=limit,
        cursor=cursor,
        by=by,
        maker=tuple(maker or ()),
        game=tuple(game or ()),
        exclude_maker=tuple(exclude_maker or ()),
        exclude_game=tuple(exclude_game or ()),
        min_clips=min_clips,
        min_probability=min_probability,
    )
