"""An open catalog to search and to ingest into. CLI, HTTP and Python use the rest of the package only through it."""

from speaker_search.library.library import Library
from speaker_search.library.questions.query_sounds import Sound
from speaker_search.library.questions.question import Example, Question
from speaker_search.search.query import Filters

__all__ = ["Example", "Filters", "Library", "Question", "Sound"]
