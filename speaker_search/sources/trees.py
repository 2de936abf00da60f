"""Files in folders, whether they lie on a disk or in an archive: what finding games and reading dumps needs of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from speaker_search.sources.candidates import Candidate, Route

INDEX_NAME = "index.json"
ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".tar", ".parquet"})
# Recognised only to be refused with a sentence: what is inside must not be lost silently.
UNREADABLE_ARCHIVES = (".rar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z.001", ".zip.001")
MANIFEST_NAMES = frozenset(
    f"{stem}{suffix}" for stem in ("manifest", "metadata") for suffix in (".csv", ".jsonl", ".parquet")
)


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """A game's audio files in order of their paths. Columns, not objects: a game may have a million."""

    paths: list[str] = field(default_factory=list)  #: POSIX, relative to the game
    sizes: array[int] = field(default_factory=lambda: array("q"))  #: bytes
    mtimes_ns: array[int] = field(default_factory=lambda: array("q"))
    unopened: list[Candidate] = field(default_factory=list)  #: files that are not opened, for their names or as links

    def candidate(self, number: int, route: Route, character: str | None = None, text: str = "") -> Candidate:
        return Candidate(self.paths[number], route, character, text, self.sizes[number], self.mtimes_ns[number])


@dataclass(frozen=True, slots=True)
class Level:
    """What lies directly in a folder, as far as it tells a layout; names as written, in order."""

    folders: list[str]
    index: str | None  #: the index.json, in whatever case
    manifests: list[str]
    archives: list[str]


class Tree(Protocol):
    """Files in folders. `parts` are folder names from the top down."""

    name: str  #: what the top is called, without an archive's suffix
    around: str  #: the folder that the top lies in

    def level(self, parts: tuple[str, ...]) -> Level:
        """Raises SourceError when the folder cannot be read."""

    def shallowest_audio(self, parts: tuple[str, ...]) -> int | None:
        """How many folders lie between a folder and the audio file nearest to it; None without any.

        A folder called wav, wavs or audio directly around audio files does not count.
        """

    def audio_files(self, below: str) -> AudioFiles:
        """The audio files below a folder ("" or with a slash behind). Raises SourceError when it cannot be read."""

    def rows(self, path: str) -> Iterator[object]:
        """The JSON values in the list of an index.json. Raises SourceError when it is unusable."""

    def named(self, parts: tuple[str, ...]) -> str:
        """The folder as a sentence names it."""


def level_of(folders: list[str], marks: list[str]) -> Level:
    """Sort file names that is_mark() let through by what they tell."""
    indexes = sorted(name for name in marks if name.lower() == INDEX_NAME)
    index = INDEX_NAME if INDEX_NAME in indexes else indexes[0] if indexes else None
    manifests = sorted(name for name in marks if is_manifest(name))
    archives = sorted(name for name in marks if is_archive_name(name) and not is_manifest(name))
    return Level(sorted(folders), index, manifests, archives)


def is_mark(name: str) -> bool:
    """Whether a file of this name tells a layout: asked of every file of a disk, so quick to say no."""
    lower = name[-16:].lower()
    return lower.endswith((INDEX_NAME, *ARCHIVE_SUFFIXES, ".list", ".csv", ".jsonl", *UNREADABLE_ARCHIVES)) and (
        name.lower() == INDEX_NAME or is_manifest(name) or is_archive_name(name)
    )


def is_manifest(name: str) -> bool:
    return name.lower() in MANIFEST_NAMES or name.lower().endswith(".list")


def is_archive_name(name: str) -> bool:
    """By the name alone, those that can only be refused included."""
    lower = name.lower()
    return lower.endswith(tuple(ARCHIVE_SUFFIXES)) or lower.endswith(UNREADABLE_ARCHIVES)
