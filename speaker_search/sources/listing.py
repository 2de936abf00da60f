"""What an archive lists, by name: the members that can be addressed, and those whose names cannot be trusted."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from speaker_search.entities import shown
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.fields import Row
from speaker_search.sources.names import SOUND_FOLDERS, member_name, split_suffix
from speaker_search.sources.rows import rows
from speaker_search.sources.trees import AudioFiles, Level, is_mark, level_of


class Listing:
    """The files of an archive, numbered in the order they lie in."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}  #: POSIX path inside the archive -> number
        self.sizes = array("q")  #: bytes of each number, decoded
        self.refused: list[Candidate] = []  #: audio members that no path leads to; without time

    def add(self, written: str, size: int, *, usable: bool = True) -> None:
        """The next member. Of two of one name the later counts, as it does to programs that unpack.

        `usable` is false for links and devices: what they point to was never the archive's to give. Raises
        OverflowError for a size of 2^63 bytes or more, which no file has.
        """
        name = member_name(written) if usable else None
        if name is None:
            self._refuse(written, Route.MALFORMED, size)
        else:
            if name in self.numbers:
                self._refuse(name, Route.REPEATED, self.sizes[self.numbers[name]])
            self.numbers[name] = len(self.sizes)
        self.sizes.append(size)

    def refused_below(self, folder: str) -> list[Candidate]:
        """Those whose written paths begin with a folder ("" or with a slash behind)."""
        return [one for one in self.refused if one.path.startswith(folder)]

    def _refuse(self, written: str, route: Route, size: int) -> None:
        path = shown(written.replace("\\", "/"))
        if split_suffix(path)[1] or "\0" in written:  # a name cut by a NUL hides its suffix
            self.refused.append(Candidate(path, route, None, "", size, 0))


class Archive(Protocol):
    """An open archive."""

    @property
    def listing(self) -> Listing:
        """Its files; none when its members are rows."""

    def rows(self) -> Iterator[tuple[Row, Candidate]] | None:
        """Its clips and what is said of each, when it says it itself; None for files in folders. Raises SourceError."""

    def read(self, path: str) -> bytes:
        """A member's bytes. Raises AudioError."""

    def close(self) -> None:
        """Close the file."""


class ListedTree:
    """An archive's files in their folders."""

    def __init__(self, archive: Path, listing: Listing, read: Callable[[str], bytes]) -> None:
        """`read` gives a member's bytes, and raises SourceError."""
        self.name = archive.name[: -len(archive.suffix)] if archive.suffix else archive.name
        self.around = archive.parent.name
        self._archive = archive
        self._listing = listing
        self.numbers = listing.numbers
        self._read = read
        self._folders: dict[str, set[str]] = {"": set()}  # path with a slash behind -> names of the folders in it
        self._marks: dict[str, list[str]] = {}
        self._depths: dict[str, int] = {}  # see shallowest_audio
        for path in listing.numbers:
            folder = path[: path.rfind("/") + 1]
            if folder not in self._folders:
                self._add_folder(folder)
            name = path[len(folder) :]
            if is_mark(name):
                self._marks.setdefault(folder, []).append(name)
            if folder not in self._depths or self._depths[folder] > 0:
                self._note_depth(folder, name)

    def level(self, parts: tuple[str, ...]) -> Level:
        folder = _folder(parts)
        return level_of(sorted(self._folders.get(folder, ())), self._marks.get(folder, []))

    def shallowest_audio(self, parts: tuple[str, ...]) -> int | None:
        return self._depths.get(_folder(parts))

    def audio_files(self, below: str) -> AudioFiles:
        mtime_ns = self._archive.stat().st_mtime_ns
        files = AudioFiles()
        for path in sorted(path for path in self._listing.numbers if path.startswith(below) and split_suffix(path)[1]):
            files.paths.append(path[len(below) :])
            files.sizes.append(self._listing.sizes[self._listing.numbers[path]])
            files.mtimes_ns.append(mtime_ns)
        files.unopened.extend(replace(one, mtime_ns=mtime_ns) for one in self._listing.refused_below(below))
        return files

    def rows(self, path: str) -> Iterator[object]:
        yield from rows(io.BytesIO(self._read(path)), f"{path} in {self.named(())}")

    def named(self, parts: tuple[str, ...]) -> str:
        return shown("/".join((str(self._archive), *parts)))

    def _add_folder(self, folder: str) -> None:
        parts = folder[:-1].split("/")
        for end in range(len(parts)):
            self._folders.setdefault(_folder(parts[:end]), set()).add(parts[end])
        self._folders.setdefault(folder, set())

    def _note_depth(self, folder: str, name: str) -> None:
        if not split_suffix(name)[1]:
            return
        parts = folder.split("/")[:-1]
        sound = bool(parts) and parts[-1].lower() in SOUND_FOLDERS
        for end in range(len(parts) + 1):
            place, depth = _folder(parts[:end]), len(parts) - end
            depth -= sound and depth > 0
            self._depths[place] = min(depth, self._depths.get(place, depth))


def _folder(parts: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{part}/" for part in parts)
