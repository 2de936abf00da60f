"""What a scan finds: clip candidates, each with the way it was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ABSENT = -1  # size and mtime of a candidate without a file


class Layout(StrEnum):
    """How voices lie on a disk."""

    DUMP = "dump"  # an index.json names the speaker of every file
    FOLDERS = "folders"  # a folder is a character
    MANIFEST = "manifest"  # a list names path, character and text of every file
    SHARDS = "shards"  # archives: WebDataset tar, Parquet with audio in it, zip or 7z holding a dump or folders


class Route(StrEnum):
    """How a row and a file came together, or why they did not."""

    EXACT = "exact"  # the file lies where the row says, or under the speaker's name
    SIBLING = "sibling"  # the same folder, another extension or case
    STEM = "stem"  # the same stem elsewhere in the game
    MISSING = "missing"  # a row without a file
    UNLISTED = "unlisted"  # a file without a row
    REPEATED = "repeated"  # the row names a file that another row has: the nearer by route, else the earlier
    MALFORMED = "malformed"  # a row that names no file of this game, a file whose name is no text, a link not followed
    FOLDER = "folder"  # the folders layout: the folder says who speaks


@dataclass(frozen=True, slots=True)
class Candidate:
    """A voiced line before anyone listened to it."""

    path: str  #: POSIX, below the root folder or inside the archive; MISSING, MALFORMED: as written, never to be opened
    route: Route
    character: str | None  #: as written; None when nobody knows who speaks
    text: str
    size: int  #: bytes as decoded (Parquet: the mean of the row group); -1 without a file
    mtime_ns: int  #: nanoseconds since 1970, in an archive that of the archive itself; -1 without a file
