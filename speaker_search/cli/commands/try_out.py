"""`spksearch demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from speaker_search import settings
from speaker_search.cli import options, output
from speaker_search.cli.commands.judge import given_sentence, undone_sentence
from speaker_search.cli.commands.serve import run_server
from speaker_search.cli.progress import ingest_progress
from speaker_search.documents import TriedVerdict, VoiceChange
from speaker_search.entities import counted


def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to keep the catalog. Default: a new temporary folder.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Then serve them: pages to search and listen on.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 picks a free one.")] = 8000,
    json: options.Json = False,
) -> None:
    """Ingest the bundled voices of four games, and find the voices that recur in them.

    Example: spksearch demo --serve
    """
    output.waiting("Loading the encoder…")
    from speaker_search.demo import tour

    with ingest_progress() as show:
        took = tour.take(keep, show)
    seen = took.seen
    if json:
        output.json_document(seen)
    else:
        title = took.speaker.game.title
        output.command(f"$ spksearch ingest {tour.VOICES} --encoder {tour.ENCODER}")
        output.ingest(seen.ingest)
        output.command(f"\n$ spksearch search {took.line.name} --exclude-game {title}")
        output.say(f"({took.speaker.name} of {title} speaks: who else sounds like this, in other games?)")
        output.search(seen.search.model_copy(update={"matches": seen.search.matches[:5], "next": None}), took.files)
        output.command("\n$ spksearch cast")
        output.cast(seen.cast)
        if seen.tried is not None:
            _tried(seen.tried)
        output.command("\n$ spksearch verify")
        output.say("ok" if seen.verify.ok else "not ok")
        output.say(
            f"\nAgainst the truth: the first match is {'right' if took.first_is_right else 'wrong'}; "
            f"{seen.found} of {counted(seen.recurring, 'recurring voice')} found, {seen.false} false."
        )
        output.command(f"\nThe catalog is kept in {seen.home}. Try next:")
        for words in (["catalog", "list"], ["similar", took.speaker.name], ["cast", "--game", title]):
            output.command("  " + _pasted(seen.home, words))
    if serve:
        with tour.opened(seen.home) as library:
            run_server(library, "127.0.0.1", port)
    raise typer.Exit(0 if seen.right else 1)


def _tried(tried: TriedVerdict) -> None:
    """A verdict, what it changed, and its undoing."""
    given = tried.verdict
    output.command(f"\n$ spksearch verdict {given.word} {given.one.id} {given.other.id}")
    output.say(given_sentence(given))
    for change in sorted(tried.changes, key=lambda change: change.kind not in ("left", "joined")):
        output.say(f"({_became(change)})")
    output.command(f"\n$ spksearch verdict undo {given.id}")
    output.say(undone_sentence(tried.undone))
    output.say("(Every voice is as before.)" if tried.restored else "(The voices are not as before.)")


def _became(change: VoiceChange) -> str:
    names = ", ".join(one.name for one in change.characters)
    return {
        "left": f"Voice {change.voice} keeps its id and loses {names}.",
        "joined": f"Voice {change.voice} keeps its id and gains {names}.",
        "new": f"Voice {change.voice} is new: {names}.",
        "split": f"Voice {change.voice} splits off voice {change.other_voice}: {names}.",
        "merged": f"Voice {change.voice} is merged into voice {change.other_voice}: {names}.",
    }.get(change.kind, f"Voice {change.voice} ends: {names}.")


def _pasted(home: Path, words: list[str]) -> str:
    """A command for that home, in the user's shell, whatever else is set there and wherever the program is."""
    own = settings.load()
    values = {"SPKSEARCH_HOME": str(home.absolute())}
    values |= {"SPKSEARCH_DATABASE_URL": ""} if own.database_url else {}
    values |= {"SPKSEARCH_ENCODER": ""} if own.encoder else {}
    beside = Path(sys.executable).with_name("spksearch")
    program = ["spksearch"] if shutil.which("spksearch") else [str(beside)]
    if program != ["spksearch"] and not beside.exists():
        program = [sys.executable, "-m", "speaker_search"]
    if sys.platform == "win32":  # PowerShell
        quoted = ["'" + word.replace("'", "''") + "'" for word in (*values.values(), *program, *words)]
        set_up = "".join(f"$env:{name}={value}; " for name, value in zip(values, quoted, strict=False))
        return f"{set_up}& " + " ".join(quoted[len(values) :])
    return (
        " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items()) + " " + shlex.join(program + words)
    )
