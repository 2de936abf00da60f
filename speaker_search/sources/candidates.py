"""What a scan finds: clip candidates, each with the route by which it was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from speaker_search.sources.names import is_film, is_read

ABSENT = -1  # size and mtime of a candidate without a file
_LOOSE = "It lies beside the games: move it into one of their folders."


class Layout(StrEnum):
    """How voices are arranged on disk."""

    DUMP = "dump"  # an index.json names the speaker of every file
    FOLDERS = "folders"  # each folder is a character
    MANIFEST = "manifest"  # a list gives the path, character and text of every file
    SHARDS = "shards"  # archives: WebDataset tar, Parquet with audio in it, zip or 7z with a dump or folders inside


class Route(StrEnum):
    """How a row was matched to a file, or why it was not."""

    EXACT = "exact"  # the file is where the row says, or under the speaker's name
    SIBLING = "sibling"  # the same folder, but another extension or letter case
    STEM = "stem"  # the same stem elsewhere in the game
    MISSING = "missing"  # a row without a file
    UNLISTED = "unlisted"  # a file without a row
    REPEATED = "repeated"  # another row has the file: the one with the better route, else the earlier one
    MALFORMED = "malformed"  # a row that names no file of this game, a name that is not text, a link not followed
    UNSUPPORTED = "unsupported"  # a sound in a format that is not read
    SKIPPED = "skipped"  # a sound below a list that does not name it: it is not a clip
    FILM = "film"  # a film that no row names, and that lies above the other sounds or is in a format that is not read
    FOLDER = "folder"  # the folders layout: the folder's name is the speaker


@dataclass(frozen=True, slots=True)
class Candidate:
    """A voiced line that has not been decoded yet."""

    path: str  #: POSIX, below the root or inside the archive; for MISSING and MALFORMED as written, never opened
    route: Route
    character: str | None  #: as written; None when the speaker is unknown
    text: str
    size: int  #: bytes when decompressed (Parquet: the mean of the row group); -1 without a file
    mtime_ns: int  #: nanoseconds since 1970, of the archive for its members; -1 without a file
    why: str = ""  #: a sentence, for MALFORMED


def unsupported(path: str, character: str | None = None, text: str = "") -> Candidate:
    """The candidate for a sound in a format that is not read: it is counted and never opened."""
    return Candidate(path, Route.UNSUPPORTED, character, text, ABSENT, ABSENT)


def film(path: str) -> Candidate:
    """The candidate for a film that is not a voiced line: it is counted and never opened."""
    return Candidate(path, Route.FILM, None, "", ABSENT, ABSENT)


def loose(path: str) -> Candidate:
    """The candidate for a sound in another format than libsndfile's, outside of all games."""
    if is_film(path):
        return film(path)
    return Candidate(path, Route.MALFORMED, None, "", ABSENT, ABSENT, _LOOSE) if is_read(path) else unsupported(path)
