"""The audio files below a folder, by their names and what the file system says of them."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.names import split_suffix, storable


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """A game's audio files in order of their paths. Columns, not objects: a game may have a million."""

    paths: list[str] = field(default_factory=list)  #: POSIX, relative to the root
    sizes: array[int] = field(default_factory=lambda: array("q"))  #: bytes
    mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    nameless: list[Candidate] = field(default_factory=list)  #: files whose name is no UTF-8, MALFORMED

    def candidate(self, number: int, route: Route, character: str | None = None, text: str = "") -> Candidate:
        return Candidate(self.paths[number], route, character, text, self.sizes[number], self.mtimes_ns[number])


def audio_files(root: Path) -> AudioFiles:
    """Walk `root`, which must be resolved. Raises SourceError when a folder cannot be read.

    Symlinks to folders are not followed, and symlinks to files that lie outside of `root` are left out.
    """
    files = AudioFiles()
    folders = [""]  # relative, with a slash behind
    while folders:
        folder = folders.pop()
        below: list[str] = []
        here: list[tuple[str, int, int]] = []
        for entry in _entries(root, folder):
            if entry.is_dir(follow_symlinks=False):
                below.append(f"{folder}{entry.name}/")
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # deleted since the folder was listed
                continue
            except OSError as error:
                raise unreadable(root / folder, error) from error
            here.append((folder + entry.name, status.st_size, status.st_mtime_ns))
        for path, size, mtime_ns in sorted(here):
            if storable(path):
                files.paths.append(path)
                files.sizes.append(size)
                files.mtimes_ns.append(mtime_ns)
            else:
                files.nameless.append(Candidate(shown(path), Route.MALFORMED, None, "", size, mtime_ns))
        folders.extend(sorted(below, reverse=True))
    return files


def shallowest_audio(root: Path) -> int | None:
    """How many folders lie between `root` and the audio file nearest to it; None without any."""
    level, depth = [""], 0
    while level:
        below: list[str] = []
        for folder in level:
            for entry in _entries(root, folder):
                if not entry.is_dir(follow_symlinks=False):
                    return depth
                below.append(f"{folder}{entry.name}/")
        level, depth = below, depth + 1
    return None


def _entries(root: Path, folder: str) -> Iterator[os.DirEntry[str]]:
    """The folders and usable audio files directly in a folder, in the file system's order."""
    place = root / folder
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) or (split_suffix(entry.name)[1] and _usable(entry, root)):
                    yield entry
    except OSError as error:
        raise unreadable(place, error) from error


def unreadable(place: Path, error: OSError) -> SourceError:
    return SourceError(f"{shown(str(place))} cannot be read: {error.strerror or error}.", "Mend its permissions.")


def _usable(entry: os.DirEntry[str], root: Path) -> bool:
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        target = os.path.realpath(entry.path, strict=True)
    except OSError:  # it leads nowhere, or in a circle
        return False
    # A dump is a stranger's archive: its links must not bring in files that the user did not name.
    return Path(target).is_relative_to(root) and entry.is_file()
