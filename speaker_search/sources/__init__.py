"""A folder, an archive or a list becomes games, and a game clip candidates: by names only, no audio is opened."""

from speaker_search.sources.archives import MAX_MEMBER_BYTES, Archives, is_archive
from speaker_search.sources.candidates import Candidate, Layout, Route
from speaker_search.sources.games import GameSource, Scan
from speaker_search.sources.names import speaker
from speaker_search.sources.scanning import scan

__all__ = [
    "MAX_MEMBER_BYTES",
    "Archives",
    "Candidate",
    "GameSource",
    "Layout",
    "Route",
    "Scan",
    "is_archive",
    "scan",
    "speaker",
]
