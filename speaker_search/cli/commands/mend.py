"""`spksearch catalog rename`, `merge`, `undo` and `edits`."""

from __future__ import annotations

from typing import Annotated

import typer

from speaker_search.cli import options, output
from speaker_search.documents import Mended, Noun
from speaker_search.entities import counted

Kind = Annotated[Noun, typer.Argument(metavar="NOUN", help="maker, game or character.")]
What = Annotated[
    str, typer.Argument(metavar="WHAT", help="Its name, with maker and game in front where several have it, or its id.")
]
Author = Annotated[str | None, typer.Option("--author", help="Who says so; by default your login name.")]


def rename(
    noun: Kind,
    what: What,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.")],
    author: Author = None,
    json: options.Json = False,
) -> None:
    """Rename a maker, game or character. Its former name still finds it, also when folders are ingested again.

    Example: spksearch catalog rename character "Game/Aoi" "Aoi Sora"
    """
    with options.open_library() as library:
        done = library.rename(noun, what, name, author=author)
    _say(done, f"{done.edit.before} is now called {done.edit.after}.", json=json)


def merge(
    noun: Kind,
    what: What,
    into: Annotated[str, typer.Argument(metavar="INTO", help="What is to stand for both.")],
    author: Author = None,
    json: options.Json = False,
) -> None:
    """Merge a maker, game or character into another. Games and characters in them that have one name are merged, too.

    Example: spksearch catalog merge character "Game/Aoi (child)" "Game/Aoi"
    """
    with options.open_library() as library:
        done = library.merge(noun, what, into, author=author)
    _say(done, f"{done.edit.before} is now part of {done.edit.after}.", json=json)


def undo(
    edit: Annotated[int, typer.Argument(metavar="ID", help="The edit, as `catalog edits` lists it.")],
    author: Author = None,
    json: options.Json = False,
) -> None:
    """Undo a rename or a merge.

    Example: spksearch catalog undo 3
    """
    with options.open_library() as library:
        done = library.undo_edit(edit, author=author)
    what = "called" if done.edit.kind == "rename" else "on its own, as"
    how = "Undone" if done.new else f"Undone before, by {done.edit.undone_by} at {done.edit.undone_at}"
    _say(done, f"{how}: what became {done.edit.after} is {what} {done.edit.before} again.", json=json)


def edits(
    limit: Annotated[int, typer.Option(help="Number of edits.")] = 100,
    cursor: options.Cursor = None,
    json: options.Json = False,
) -> None:
    """List renames and merges, the latest first.

    Example: spksearch catalog edits --limit 10
    """
    with options.open_library() as library:
        found = library.edits(limit=limit, cursor=cursor)
    if json:
        output.json_document(found)
    elif not found.edits:
        output.say("Nothing has been renamed or merged.")
    else:
        output.table(("id", "at", "author", "kind", "noun", "before", "after", "undone"), found.cells())
        if found.next:
            output.note(f"More: --cursor {found.next}")


def _say(done: Mended, what: str, *, json: bool) -> None:
    if json:
        output.json_document(done)
        return
    moved = f" {counted(done.clips, 'clip')} moved." if done.clips else ""
    output.say(f"{what}{moved}")
    if done.edit.undone_at is None:
        output.note(f"To undo this: spksearch catalog undo {done.edit.id}")
