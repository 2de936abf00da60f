"""A speaker search engine for game voices: hear one line and ask who else sounds like this, in other games.

import speaker_search

with speaker_search.open() as library:
    for match in library.search("line.ogg", limit=5).matches:
        print(match.character.name, match.probability)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speaker_search.documents import Reference
    from speaker_search.library import Filters, Library, Question

__all__ = ["Filters", "Library", "Question", "Reference", "open"]


def open(
    home: str | Path | None = None,
    *,
    database_url: str | None = None,
    encoder: str | None = None,
    checkpoint: str | Path | None = None,
    device: str | None = None,
) -> Library:
    """Open the catalog. What is not given comes from the settings (SPKSEARCH_*).

    Raises CatalogError when the catalog cannot be used, UsageError for an invalid setting.
    """
    from speaker_search import settings
    from speaker_search.library import Library

    flags = {"home": home, "database_url": database_url, "encoder": encoder, "checkpoint": checkpoint, "device": device}
    return Library(settings.load(**flags))


def __getattr__(name: str) -> Any:
    """What searches take, imported when first used: numpy, SQLAlchemy and pydantic take a while."""
    if name == "Reference":
        from speaker_search.documents import Reference

        return Reference
    if name in __all__:
        from speaker_search import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
