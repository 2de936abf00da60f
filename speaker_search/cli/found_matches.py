"""The answers to searches, printed; the exit code says whether anything was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from speaker_search import documents
from speaker_search.cli import output
from speaker_search.entities import Place

if TYPE_CHECKING:
    from speaker_search.library import Library


def speakers(library: Library, found: documents.Speakers, json: bool) -> NoReturn:
    if json:
        output.json_document(found)
    else:
        for number, one in enumerate(found.speakers, start=1):
            times = ", ".join(f"{turn.start:.1f}-{turn.stop:.1f}" for turn in one.turns)
            output.say(f"Speaker {number} of {len(found.speakers)}, at {times} s:")
            output.search(one, _files(library, one))
    raise typer.Exit(0 if any(one.matches for one in found.speakers) else 1)


def show(library: Library, found: documents.Search, json: bool) -> NoReturn:
    if json:
        output.json_document(found)
    else:
        output.search(found, _files(library, found))
    raise typer.Exit(0 if found.matches else 1)


def each(library: Library, clips: Sequence[str], found: documents.Searches, json: bool) -> NoReturn:
    if json:
        output.json_document(found)
    else:
        answers = [one.search for one in found.answers if one.search is not None]
        files = _files(library, *answers)
        for clip, one in zip(clips, found.answers, strict=True):
            output.say(f"{clip}:")
            if one.search is not None:
                output.search(one.search, files)
            elif one.problem is not None:
                output.note(one.problem.detail)
    raise typer.Exit(0 if all(one.search is not None and one.search.matches for one in found.answers) else 1)


def _files(library: Library, *found: documents.Search) -> dict[int, Place]:
    """Where the matches' nearest clips are, by id."""
    nearest = [match.hits[0].clip.id for one in found for match in one.matches if match.hits]
    return {id_: clip.path for id_, clip in library.clips(nearest).items()}
