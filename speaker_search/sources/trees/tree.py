"""A tree of folders with audio files: what finding games and reading dumps needs to know about it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from speaker_search.entities import Place
from speaker_search.sources.archives.kinds import ARCHIVE_SUFFIXES, UNREADABLE_ARCHIVES, is_archive_name
from speaker_search.sources.candidates import Candidate, Route, unsupported
from speaker_search.sources.names import OTHER_SUFFIXES, is_read, other_stem

INDEX_NAME = "index.json"
TABLES = (".csv", ".jsonl", ".list", ".parquet")
_MARKS = frozenset(
    {".json", *TABLES, *ARCHIVE_SUFFIXES, *OTHER_SUFFIXES} | {name[name.rfind(".") :] for name in UNREADABLE_ARCHIVES}
)


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """The sounds and films of a game in order of their paths, first those that libsndfile reads, then the others.

    Others that are converted beside are left out. Columns, not objects: a game may have a million files.
    """

    paths: list[str] = field(default_factory=list)  #: POSIX, relative to the game
    sizes: array[int] = field(default_factory=lambda: array("q"))  #: bytes
    mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    unopened: list[Candidate] = field(default_factory=list)  #: files not opened because of their name, or as links

    def add(self, path: str, size: int, mtime_ns: int) -> None:
        self.paths.append(path)
        self.sizes.append(size)
        self.mtimes_ns.append(mtime_ns)

    def extend(self, others: AudioFiles) -> None:
        """Append the paths of others, with their sizes and times."""
        self.paths.extend(others.paths)
        self.sizes.extend(others.sizes)
        self.mtimes_ns.extend(others.mtimes_ns)

    def candidate(self, number: int, route: Route, character: str | None = None, text: str = "") -> Candidate:
        """The candidate for the file at this position: UNSUPPORTED, unless repeated, in a format that is not read."""
        path = self.paths[number]
        if route is not Route.REPEATED and not is_read(path):
            return unsupported(path, character, text)
        return Candidate(path, route, character, text, self.sizes[number], self.mtimes_ns[number])


class Wanted(Enum):
    """Which sounds tell how folders are nested."""

    AUDIO = auto()  # those that libsndfile reads
    SOUNDS = auto()  # in any format; films never count among them
    FILMS = auto()  # in formats that are read


@dataclass(frozen=True, slots=True)
class Level:
    """The contents of one folder, as far as they tell a layout. Names are as written, in order."""

    folders: list[str]
    index: str | None  #: the index.json, in any letter case
    tables: list[str]  #: that may be lists of voices
    archives: list[str]
    others: list[str]  #: sounds and films that libsndfile does not read


class Tree(Protocol):
    """Files in folders. `parts` are folder names from the top down."""

    name: str  #: name of the top, without an archive's suffix
    around: str  #: name of the folder that the top is in

    def level(self, parts: tuple[str, ...]) -> Level:
        """The contents of a folder. Raises SourceError when it cannot be read."""

    def shallowest_audio(self, parts: tuple[str, ...], *, wanted: Wanted = Wanted.AUDIO) -> int | None:
        """The number of folders between a folder and its least nested sound of a kind; None without any.

        A folder called wav, wavs or audio that directly holds sounds does not count.
        """

    def audio_files(self, below: str) -> AudioFiles:
        """The audio files below a folder ("" or with a trailing slash). Raises SourceError when it cannot be read."""

    def rows(self, path: str) -> Iterator[object]:
        """The JSON values in the list of an index.json. Raises SourceError when it is unusable."""

    def named(self, parts: tuple[str, ...]) -> str:
        """The folder as error messages name it."""


class FileTree(Tree, Protocol):
    """Files that lie in folders as they are, not in an archive."""

    @property
    def root(self) -> Place:
        """Where the folder is."""

    def sounds(self) -> Iterator[str]:
        """The paths of all sounds and films, except those that a file beside them holds converted."""

    def file(self, path: str) -> tuple[int, int] | None:
        """Size in bytes and mtime in ns of a file; None where there is none that may be read."""


def level_of(folders: list[str], marks: list[str]) -> Level:
    """Sort the names of files that passed is_mark() by what they mean."""
    indexes = sorted(name for name in marks if name.lower() == INDEX_NAME)
    index = INDEX_NAME if INDEX_NAME in indexes else indexes[0] if indexes else None
    marks = sorted(marks)
    return Level(
        folders=sorted(folders),
        index=index,
        tables=[name for name in marks if name.lower().endswith(TABLES)],
        archives=[name for name in marks if is_archive_name(name)],
        others=[name for name in marks if other_stem(name) is not None],
    )


def is_mark(name: str) -> bool:
    """Whether a file of this name tells a layout or is a sound that libsndfile does not read.

    Called for every file on a disk.
    """
    if name[name.rfind(".") :].lower() not in _MARKS:  # nearly every name
        return False
    lower = name.lower()
    return lower == INDEX_NAME or lower.endswith(TABLES) or is_archive_name(name) or other_stem(name) is not None
