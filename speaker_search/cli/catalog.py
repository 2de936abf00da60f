"""`spksearch catalog`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from speaker_search import settings
from speaker_search.catalog import reading
from speaker_search.catalog.database import upgrade_catalog
from speaker_search.catalog.gone import forget_gone
from speaker_search.cli import options, output
from speaker_search.entities import Refusal
from speaker_search.errors import UsageError
from speaker_search.search.matching import MAX_LIMIT
from speaker_search.web import schemas
from speaker_search.web.app import list_characters

app = typer.Typer(help="Look at makers, games, characters and clips.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Shown:
    """A character and some of its clips."""

    character: schemas.Character
    clips: list[schemas.Clip]


@dataclass(frozen=True, slots=True)
class Upgraded:
    schema: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    clips: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused clips with their reasons."""

    clips: list[reading.RefusedClip]


@app.command("list")
def list_(
    maker: Annotated[str | None, typer.Option(help="Only this maker's.")] = None,
    game: Annotated[str | None, typer.Option(help="Only this game's.")] = None,
    limit: Annotated[int, typer.Option(help="How many characters.")] = 100,
    cursor: options.Cursor = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the characters there are.

    Example: spksearch catalog list --maker "Some Maker"
    """
    with options.open_library(encoder=encoder) as library:
        document = list_characters(library, maker=maker, game=game, limit=limit, cursor=cursor)
    if json:
        output.json_document(document)
    else:
        rows = [(c.id, c.name, c.game.title, c.game.maker.name, c.clips) for c in document.characters]
        output.table(("id", "character", "game", "maker", "clips"), rows)
        if document.next:
            output.note(f"More: --cursor {document.next}")
    raise typer.Exit(0 if document.characters else 1)


@app.command()
def show(
    character: Annotated[str, typer.Argument(metavar="CHARACTER", help="maker/game/name, or the character's id.")],
    limit: Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="How many clips.")] = 20,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Show a character and its clips.

    Example: spksearch catalog show "Maker/Game/Character"
    """
    with options.open_library(encoder=encoder) as library, library.catalog.read() as connection:
        found = reading.find_character(connection, library.space, character)
        clips = reading.clips_of(connection, found.id, limit=limit)
    if json:
        output.json_document(Shown(schemas.Character.of(found), [schemas.Clip.of(clip) for clip in clips]))
        return
    address = output.plain(found.address)
    output.console().print(f"{address} (id {found.id}): {found.clips:,} embedded clips", markup=False)
    output.table(("id", "seconds", "text", "file"), [(c.id, c.seconds, c.text, c.path) for c in clips])


@app.command()
def refused(
    reason: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(Refusal)}.")] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List every refused clip with its reason.

    Example: spksearch catalog refused --reason not_audio
    """
    if reason is not None and reason not in set(Refusal):
        raise UsageError(f"{reason} is no reason that clips are refused for.", f"The reasons: {', '.join(Refusal)}.")
    with options.open_library(encoder=encoder) as library, library.catalog.read() as connection:
        found = list(reading.refused_clips(connection, library.space, reason=reason))
    if json:
        output.json_document(Refused(found))
    elif found:
        output.table(("id", "reason", "why", "file"), [(c.id, c.reason, c.detail, c.path) for c in found])
    else:
        output.console().print("No clip is refused.")


@app.command()
def forget(
    gone: Annotated[bool, typer.Option("--gone", help="Clips whose files the last scan did not find.")] = False,
    json: options.Json = False,
) -> None:
    """Delete clips that are gone, with their embeddings. Nothing else ever deletes one.

    Example: spksearch catalog forget --gone
    """
    if not gone:
        raise UsageError("Nothing is named that could be forgotten.", "Say --gone for clips whose files are gone.")
    with options.open_library() as library:
        forgotten = Forgotten(forget_gone(library.catalog))
    if json:
        output.json_document(forgotten)
    else:
        output.console().print(f"Forgot {forgotten.clips:,} clips.")


@app.command()
def upgrade(json: options.Json = False) -> None:
    """Bring a catalog that an older version wrote to this version's schema. Back it up first.

    Example: spksearch catalog upgrade
    """
    if json:
        output.json_document(Upgraded(upgrade_catalog(settings.load().url)))
    else:
        output.console().print(f"The catalog is at schema {upgrade_catalog(settings.load().url)}.")
