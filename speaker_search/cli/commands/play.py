"""`spksearch play`."""

from __future__ import annotations

import sys
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
        typer.Option(
            "--output", metavar="FILE", help="Write the sound, as it is stored, to this file, or - to standard output."
        ),
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
    piped = to == Path("-")
    if piped and json:
        raise UsageError("--json and --output - both write to standard output.", "Leave one of them out.")
    if piped and sys.stdout.isatty():
        raise UsageError(
            "Standard output is a terminal.", f"Pipe it: `spksearch play {clip} --output - | ffmpeg -i - a.wav`."
        )
    with options.open_library() as library:
        sound = library.sound(id_)
        played = library.clips([id_])[id_]
    line = f"clip {clip}: {played.text} ({played.path})"
    if piped:
        output.note(line)
        sys.stdout.buffer.write(_content(sound.source))
        return
    if json:
        output.json_document(played)
    else:
        output.command(line)
    if to is None:
        players.play(sound.source, sound.media_type)
        return
    content = _content(sound.source)
    try:
        to.write_bytes(content)
    except OSError as error:
        raise UsageError(f"The clip cannot be written to {to}: {error.strerror}.") from error
    output.note(f"Written to {to}.")


def _content(source: Path | bytes) -> bytes:
    """The bytes of a sound. Raises UsageError when its file cannot be read."""
    try:
        return source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise UsageError(f"The clip cannot be read from {source!s}: {error.strerror}.") from error
