"""An open catalog to search and to ingest into. CLI, HTTP and Python use the rest of the package only through it."""

from speaker_search.library.library import Library
from speaker_search.library.listening.query_sounds import Sound

__all__ = ["Library", "Sound"]
