"""Folders as characters: `<game>/<character>/**`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.names import speaker
from speaker_search.sources.walk import audio_files


def folder_candidates(root: Path) -> Iterator[Candidate]:
    """One candidate for each audio file below the game folder, in order of the paths.

    The character is the topmost folder; a file directly in the game folder, or in a folder called `？？？`, has none.
    Raises SourceError when a folder cannot be read.
    """
    files = audio_files(root)
    for number, path in enumerate(files.paths):
        folder, slash, _ = path.partition("/")
        yield files.candidate(number, Route.FOLDER, speaker(folder) if slash else None)
    yield from files.nameless
