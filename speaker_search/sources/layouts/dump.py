"""The dump layout of visual novels: the rows of an index.json matched with the audio files around it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from speaker_search.entities import shown
from speaker_search.sources.candidates import ABSENT, Candidate, Route, film
from speaker_search.sources.layouts.file_lookup import NOBODY, FileLookup
from speaker_search.sources.names import is_film, path_in_game, place_fault, speaker, storable
from speaker_search.sources.trees.tree import AudioFiles


@dataclass(frozen=True, slots=True)
class _Row:
    speaker: str
    written: str  # Voice or FilePath
    text: str


def dump_candidates(files: AudioFiles, rows: Iterable[object], base: str) -> Iterator[Candidate]:
    """One candidate for each row of an index in its order, then one for each file without a row.

    A row's file is looked for where the row says (relative to `base`, the folder of the index, then to the game) and
    under `<Speaker>/`, with any audio suffix if the row gives none. Next in the same places with any suffix or letter
    case, and last by its stem anywhere in the game. Names are compared by NFKC and casefold. The character is always
    the row's Speaker.

    A row means a file that libsndfile reads if it finds one, else a sound or film in another format.

    A file belongs to one row. A row that finds it in the right place comes before one that finds only its stem,
    wherever they stand in the list. Otherwise a missing file would take another character's clip.

    All rows are read before the first candidate, so an unusable index raises before anything is ingested.
    """
    lookup = FileLookup(files.paths)
    speakers: dict[str, str] = {}  # one string for each name, not one for each row
    listed: list[_Row | Candidate] = []  # a Candidate is a malformed row
    found = array("q")  # the file of each row; NOBODY when its own places are empty
    routes: list[Route] = []
    owners = array("q", [NOBODY]) * len(files.paths)  # the row of each file
    for number, entry in enumerate(rows):
        row = _row(entry, number, base, speakers)
        route, file = _find(row, base, lookup) if isinstance(row, _Row) else (Route.MALFORMED, NOBODY)
        listed.append(row)
        found.append(file)
        routes.append(route)
        if file != NOBODY:
            owner = owners[file]
            if owner == NOBODY or (route is Route.EXACT and routes[owner] is Route.SIBLING):
                owners[file] = number

    for number, row in enumerate(listed):
        if isinstance(row, Candidate):
            yield row
            continue
        route, file = routes[number], found[number]
        if file == NOBODY:
            target = path_in_game(row.written, base) or row.written
            elsewhere = lookup.elsewhere(target, row.speaker, owners)
            if elsewhere is None:
                # Two speakers may both lack their 001, so the speaker becomes part of a bare name.
                path = path_in_game(row.written) or target
                path = path if "/" in path else path_in_game(f"{row.speaker}/{path}") or path
                yield Candidate(path, Route.MISSING, speaker(row.speaker), row.text, ABSENT, ABSENT)
                continue
            route, file = Route.STEM, elsewhere
            if owners[file] == NOBODY:
                owners[file] = number
        yield files.candidate(file, route if owners[file] == number else Route.REPEATED, speaker(row.speaker), row.text)
    for file, owner in enumerate(owners):
        if owner == NOBODY:
            yield film(files.paths[file]) if is_film(files.paths[file]) else files.candidate(file, Route.UNLISTED)
    yield from files.unopened


def _row(entry: object, number: int, base: str, speakers: dict[str, str]) -> _Row | Candidate:
    """The row, if Speaker and Voice (or FilePath) are texts that can be stored and name a place in this game."""
    fields = entry if isinstance(entry, dict) else {}
    name, written, text = fields.get("Speaker"), fields.get("Voice"), fields.get("Text")
    if not isinstance(written, str):
        written = fields.get("FilePath")
    text = shown(text) if isinstance(text, str) else ""
    if not isinstance(entry, dict):
        fault = "is not an object"
    elif not isinstance(name, str):
        fault = "has no text as its Speaker"
    elif not isinstance(written, str):
        fault = "has no text as its Voice or FilePath"
    elif not storable(name):
        fault = "has a Speaker that is not valid Unicode, or too long"
    elif not storable(written):
        fault = "has a Voice or FilePath that is not valid Unicode, or too long"
    elif path_in_game(written, base) is None:
        fault = place_fault(written, base)
    else:
        return _Row(speakers.setdefault(name, name), written, text)
    path = shown(written.replace("\\", "/")) if isinstance(written, str) else ""
    character = speaker(shown(name)) if isinstance(name, str) else None
    why = f"Row {number + 1:,} of the index.json {fault}."
    return Candidate(path, Route.MALFORMED, character, text, ABSENT, ABSENT, why)


def _find(row: _Row, base: str, lookup: FileLookup) -> tuple[Route, int]:
    """The file in one of a row's own places; (MISSING, NOBODY) leaves it to its stem."""
    target = path_in_game(row.written, base) or row.written
    name = target[target.rfind("/") + 1 :]
    targets = [target, f"{base}{row.speaker}/{name}"]
    if base:
        targets[1:1] = [path_in_game(row.written) or target]
        targets.append(f"{row.speaker}/{name}")
    sibling: tuple[Route, int] | None = None
    for place in targets:
        hit = lookup.at(place)
        if hit and hit[0] is Route.EXACT:
            return hit
        sibling = sibling or hit
    return sibling or (Route.MISSING, NOBODY)
