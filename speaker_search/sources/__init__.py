"""Turns a folder, an archive or a list into games, and a game into clip candidates: by names only, no audio is read."""

from speaker_search.sources.archives.kinds import is_archive
from speaker_search.sources.archives.open_archives import Archives
from speaker_search.sources.candidates import Candidate, Layout, Route
from speaker_search.sources.detect import scan
from speaker_search.sources.games import GameSource, Scan

__all__ = [
    "Archives",
    "Candidate",
    "GameSource",
    "Layout",
    "Route",
    "Scan",
    "is_archive",
    "scan",
]
