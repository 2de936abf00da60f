"""The folders layout: `<game>/<character>/**`."""

from __future__ import annotations

from collections.abc import Iterator

from speaker_search.sources.candidates import Candidate, Route, film
from speaker_search.sources.names import SOUND_FOLDERS, is_film, is_read, speaker
from speaker_search.sources.trees.tree import AudioFiles


def folder_candidates(files: AudioFiles) -> Iterator[Candidate]:
    """One candidate for each sound of a game, in order of the paths.

    The character is the topmost folder. A file directly in the game, or in a folder `？？？` or `wav`, has none. A film
    directly in the game counts as a line only if other sounds lie there too, or the game has no folders.
    """
    films_above = any("/" in path for path in files.paths) and all("/" in one or is_film(one) for one in files.paths)
    for number, path in enumerate(files.paths):
        if is_film(path) and (not is_read(path) or ("/" not in path and films_above)):
            yield film(path)
        else:
            yield files.candidate(number, Route.FOLDER, _character_of(path.split("/")))
    yield from files.unopened


def _character_of(parts: list[str]) -> str | None:
    """The character of a file, by its path below the game."""
    if len(parts) < 2 or (len(parts) == 2 and parts[0].lower() in SOUND_FOLDERS):
        return None
    return speaker(parts[0])
