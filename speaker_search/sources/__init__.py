"""A folder becomes game folders, and a game folder clip candidates: by their names only, no sound file is opened."""

from speaker_search.sources.candidates import Candidate, Layout, Route
from speaker_search.sources.games import GameFolder
from speaker_search.sources.names import speaker
from speaker_search.sources.scanning import scan

__all__ = ["Candidate", "GameFolder", "Layout", "Route", "scan", "speaker"]
