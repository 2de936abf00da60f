"""The one door: a catalog opened, asked and added to. CLI, HTTP and Python go through it and nothing else."""

from speaker_search.library.library import Library
from speaker_search.library.query_sounds import Sound

__all__ = ["Library", "Sound"]
