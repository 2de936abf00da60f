"""`spksearch verdict`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import INFERENCE, JudgedVerdict, Verdict
from speaker_search.entities import counted

app = typer.Typer(help="Verdicts on which characters are one voice.", no_args_is_help=True)

One = Annotated[str, typer.Argument(metavar="A", help="A character: name, game/name or maker/game/name, or its id.")]
Other = Annotated[str, typer.Argument(metavar="B", help="Another character.")]
Note = Annotated[str, typer.Option(help="Why, for those who read it later.")]
Author = Annotated[str | None, typer.Option(help="Who says so; by default your login name.")]


@app.command()
def same(one: One, other: Other, note: Note = "", author: Author = None, json: options.Json = False) -> None:
    """Say that two characters are one voice.

    Example: spksearch verdict same "Game/Character" "Sequel/Character" --note "credited in both"
    """
    _judge(one, other, same=True, note=note, author=author, json=json)


@app.command()
def different(one: One, other: Other, note: Note = "", author: Author = None, json: options.Json = False) -> None:
    """Say that two characters are two voices.

    Example: spksearch verdict different 12 345
    """
    _judge(one, other, same=False, note=note, author=author, json=json)


@app.command("list")
def list_(
    character: Annotated[
        str | None, typer.Option(help="Only on this character: its name, game/name or maker/game/name, or its id.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Those that were undone, too.")] = False,
    limit: Annotated[int, typer.Option(help="Number of verdicts.")] = 100,
    cursor: options.Cursor = None,
    json: options.Json = False,
) -> None:
    """List verdicts, the newest first.

    Example: spksearch verdict list --character "Game/Character" --history
    """
    with options.open_library() as library:
        found = library.verdicts(character, history=history, limit=limit, cursor=cursor)
    if json:
        output.json_document(found)
    elif not found.verdicts:
        output.note("No verdicts found.")
    else:
        rows = [
            (v.id, v.word, v.one.address, v.other.address, v.author, f"{v.at:%Y-%m-%d}", _state(v), v.note)
            for v in found.verdicts
        ]
        output.table(("id", "word", "one", "other", "author", "date", "state", "note"), rows)
        if found.next:
            output.note(f"More: --cursor {found.next}")
    raise typer.Exit(0 if found.verdicts else 1)


@app.command()
def undo(
    id_: Annotated[int, typer.Argument(metavar="ID", min=1, help="The verdict's id, as `verdict list` shows it.")],
    author: Author = None,
    json: options.Json = False,
) -> None:
    """Undo a verdict. It stays in the history.

    Example: spksearch verdict undo 12
    """
    with options.open_library() as library:
        undone = library.undo_verdict(id_, author=author)
    if json:
        output.json_document(undone)
        return
    output.say(undone_sentence(undone))


def print_queue(limit: int, encoder: str | None, json: bool) -> None:
    """Print the pairs to listen to, each with its two lines, and end the command."""
    with options.open_library(encoder=encoder) as library:
        found = library.listening_queue(limit=limit)
    certain = not found.pairs and not found.warnings
    if json:
        output.json_document(found)
    else:
        output.notes(found.warnings)
        if certain:
            output.say("No pair is worth listening to: what is not judged yet is all but certain.")
        for pair in found.pairs:
            one, other = pair.lines
            output.say(f"{pair.one.address} (id {pair.one.id}), {pair.other.address} (id {pair.other.id})")
            output.say(f"    One voice with probability {pair.probability:.2f}. {pair.seconds:.0f} s to answer.")
            output.say(f"    Same: {pair.if_same} Different: {pair.if_different}")
            output.command(f"    spksearch play {one.id}; spksearch play {other.id}")
        if found.pairs:
            output.note("Then `spksearch verdict same A B` or `spksearch verdict different A B`, with names or ids.")
        output.note(f"{counted(len(found.pairs), 'pair')} to listen to. {INFERENCE}")
    raise typer.Exit(0 if found.pairs or certain else 1)


def _judge(one: str, other: str, *, same: bool, note: str, author: str | None, json: bool) -> None:
    with options.open_library() as library:
        given = library.judge(one, other, same=same, note=note, author=author)
    if json:
        output.json_document(given)
    else:
        output.say(given_sentence(given))


def given_sentence(given: JudgedVerdict) -> str:
    if given.new:
        return f"Verdict {given.id}: {_sentence(given)}"
    return f"Verdict {given.id} by {given.author} has said so since {given.at:%Y-%m-%d}: {_sentence(given)}"


def undone_sentence(undone: JudgedVerdict) -> str:
    how = "is undone" if undone.new else f"was undone before, by {undone.undone_by} on {undone.undone_at:%Y-%m-%d}"
    return f"Verdict {undone.id} {how}: {_sentence(undone)}"


def _sentence(verdict: Verdict) -> str:
    voices = "one voice" if verdict.same else "two voices"
    return f"{verdict.one.address} and {verdict.other.address} are {voices}."


def _state(verdict: Verdict) -> str:
    return verdict.state if verdict.undone_by is None else f"undone by {verdict.undone_by}"
