"""A tree of folders with audio files: what finding games and reading dumps needs to know about it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from speaker_search.sources.archives.kinds import ARCHIVE_SUFFIXES, UNREADABLE_ARCHIVES, is_archive_name
from speaker_search.sources.candidates import Candidate, Route
from speaker_search.sources.names import UNREAD_SUFFIXES, split_suffix, unread_stem

INDEX_NAME = "index.json"
TABLES = (".csv", ".jsonl", ".list", ".parquet")
_MARKS = frozenset(
    {".json", *TABLES, *ARCHIVE_SUFFIXES, *UNREAD_SUFFIXES} | {name[name.rfind(".") :] for name in UNREADABLE_ARCHIVES}
)


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """The audio files of a game in order of their paths. Columns, not objects: a game may have a million files."""

    paths: list[str] = field(default_factory=list)  #: POSIX, relative to the game
    sizes: array[int] = field(default_factory=lambda: array("q"))  #: bytes
    mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    unopened: list[Candidate] = field(default_factory=list)  #: files not opened because of their name, or as links
    unread: list[str] = field(default_factory=list)  #: paths of sounds in formats that are not read

    def candidate(self, number: int, route: Route, character: str | None = None, text: str = "") -> Candidate:
        """The candidate for the file at this position."""
        return Candidate(self.paths[number], route, character, text, self.sizes[number], self.mtimes_ns[number])

    def unsupported(self) -> list[str]:
        """The sounds in formats that are not read, except where a file beside them holds them converted."""
        converted = {split_suffix(path)[0] for path in self.paths} if self.unread else set()
        return sorted(path for path in self.unread if unread_stem(path) not in converted)


@dataclass(frozen=True, slots=True)
class Level:
    """The contents of one folder, as far as they tell a layout. Names are as written, in order."""

    folders: list[str]
    index: str | None  #: the index.json, in any letter case
    tables: list[str]  #: that may be lists of voices
    archives: list[str]
    unread: list[str]  #: sounds in formats that are not read


class Tree(Protocol):
    """Files in folders. `parts` are folder names from the top down."""

    name: str  #: name of the top, without an archive's suffix
    around: str  #: name of the folder that the top is in

    def level(self, parts: tuple[str, ...]) -> Level:
        """The contents of a folder. Raises SourceError when it cannot be read."""

    def shallowest_audio(self, parts: tuple[str, ...], *, unread: bool = False) -> int | None:
        """The number of folders between a folder and its least nested audio file; None when it has no audio.

        A folder called wav, wavs or audio that directly holds audio files does not count. Sounds in formats that are
        not read count with `unread` alone, and films never.
        """

    def audio_files(self, below: str) -> AudioFiles:
        """The audio files below a folder ("" or with a trailing slash). Raises SourceError when it cannot be read."""

    def rows(self, path: str) -> Iterator[object]:
        """The JSON values in the list of an index.json. Raises SourceError when it is unusable."""

    def named(self, parts: tuple[str, ...]) -> str:
        """The folder as error messages name it."""


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
        unread=[name for name in marks if unread_stem(name) is not None],
    )


def is_mark(name: str) -> bool:
    """Whether a file of this name tells a layout or is a sound that is not read. Called for every file on a disk."""
    if name[name.rfind(".") :].lower() not in _MARKS:  # nearly every name
        return False
    lower = name.lower()
    return lower == INDEX_NAME or lower.endswith(TABLES) or is_archive_name(name) or unread_stem(name) is not None
