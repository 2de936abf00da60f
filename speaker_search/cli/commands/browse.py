"""`spksearch catalog`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import MAX_LIMIT
from speaker_search.entities import Refusal, counted
from speaker_search.errors import UsageError

app = typer.Typer(help="Look at makers, games, characters and clips.", no_args_is_help=True)


@app.command("list")
def list_(
    maker: Annotated[str | None, typer.Option(help="Only from this maker.")] = None,
    game: Annotated[str | None, typer.Option(help="Only from this game.")] = None,
    limit: Annotated[int, typer.Option(help="Number of characters.")] = 100,
    cursor: options.Cursor = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List the characters in the catalog.

    Example: spksearch catalog list --maker "Some Maker"
    """
    with options.open_library(encoder=encoder) as library:
        found = library.characters(maker=maker, game=game, limit=limit, cursor=cursor)
    if json:
        output.json_document(found)
    elif not found.characters:
        output.note("No character fits: `spksearch catalog list` without --maker, --game and --cursor lists all.")
    else:
        rows = [(c.id, c.name, c.game.title, c.game.maker.name, c.clips) for c in found.characters]
        output.table(("id", "character", "game", "maker", "clips"), rows)
        if found.next:
            output.note(f"More: --cursor {found.next}")
    raise typer.Exit(0 if found.characters else 1)


@app.command()
def show(
    character: options.CharacterName,
    limit: Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="Number of clips.")] = 20,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """Show a character and its clips.

    Example: spksearch catalog show "Game/Character"
    """
    with options.open_library(encoder=encoder) as library:
        found = library.show(character, limit=limit)
    if json:
        output.json_document(found)
        return
    shown = found.character
    output.say(f"{shown.address} (id {shown.id}): {counted(shown.clips, 'embedded clip')}")
    output.table(("clip", "seconds", "text", "file"), [(c.id, c.seconds, c.text, c.path) for c in found.clips])


@app.command()
def refused(
    reason: Annotated[str | None, typer.Option(help=f"Only with this reason: {', '.join(Refusal)}.")] = None,
    encoder: options.EncoderName = None,
    json: options.Json = False,
) -> None:
    """List every refused clip with its reason.

    Example: spksearch catalog refused --reason not_audio
    """
    with options.open_library(encoder=encoder) as library:
        found = library.refused(reason)
    if json:
        output.json_document(found)
    elif found.clips:
        rows, why = [(c.id, c.reason, c.path) for c in found.clips], [(c.detail,) for c in found.clips]
        output.table(("clip", "reason", "file"), rows, below=why)
    else:
        output.say(f"No clip is refused as {reason}." if reason else "No clip is refused.")


@app.command()
def forget(
    gone: Annotated[bool, typer.Option("--gone", help="Clips whose files the last scan did not find.")] = False,
    folder: Annotated[
        str | None, typer.Option(help="With --gone: first look which files in this folder or archive are gone.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Delete clips whose files are gone, with their embeddings. Nothing else ever deletes a clip.

    Example: spksearch catalog forget --gone
    """
    if not gone:
        raise UsageError("`catalog forget` needs --gone.", "Add it to forget clips whose files are gone.")
    with options.open_library() as library:
        forgotten = library.forget_gone(folder)
    if json:
        output.json_document(forgotten)
    else:
        output.say(f"Forgot {counted(forgotten.clips, 'clip')}.")


@app.command()
def upgrade(json: options.Json = False) -> None:
    """Upgrade a catalog written by an older version to this version's schema. Back it up first.

    Example: spksearch catalog upgrade
    """
    output.waiting("Upgrading the catalog…")
    from speaker_search import settings
    from speaker_search.library import Library

    upgraded = Library.upgrade(settings.load())
    if json:
        output.json_document(upgraded)
    else:
        output.say(f"The catalog is at schema {upgraded.version}.")
