"""`spksearch play`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import MAX_ID
from speaker_search.errors import UsageError


def play(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="The clip's id, as `search` shows it.")],
    to: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the sound, as it is stored, to this file instead."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Play a clip of the catalog.

    Example: spksearch play 53
    """
    from speaker_search.cli import players

    id_ = int(clip) if clip.isascii() and clip.isdecimal() and len(clip) < 20 else MAX_ID + 1
    if id_ > MAX_ID:
        raise UsageError(f"{clip!r} is not a clip's id.", "`search` and `catalog show` list the ids.")
    with options.open_library() as library:
        sound = library.sound(id_)
        played = library.clips([id_])[id_]
    if json:
        output.json_document(played)
    else:
        output.command(f"clip {clip}: {played.text} ({played.path})")
    if to is None:
        players.play(sound.source, sound.media_type)
        return
    try:
        to.write_bytes(sound.source if isinstance(sound.source, bytes) else sound.source.read_bytes())
    except OSError as error:
        raise UsageError(f"The clip cannot be written to {to}: {error.strerror}.") from error
    output.note(f"Written to {to}.")
