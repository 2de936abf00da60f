"""Requests converted to searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from speaker_search.documents import By, Reference, SearchOptions
from speaker_search.errors import UsageError
from speaker_search.search.query import Filters, Page


class Narrowing(TypedDict):
    """The keyword arguments of Library's searches that select matches."""

    filters: Filters
    page: Page
    by: By


def narrowing(options: SearchOptions) -> Narrowing:
    """Which matches are wanted, and which page of them, from a request."""
    filters = Filters(
        makers=options.maker,
        games=options.game,
        exclude_makers=options.exclude_maker,
        exclude_games=options.exclude_game,
        min_clips=options.min_clips,
        min_probability=options.min_probability,
    )
    return {"filters": filters, "page": Page(options.limit, options.cursor), "by": options.by}


def ids_of(references: Sequence[Reference]) -> tuple[list[int], list[int]]:
    """The ids of the clips and of the characters. Raises UsageError for a reference that is not one or the other."""
    if any((reference.clip is None) == (reference.character is None) for reference in references):
        raise UsageError('Each `like` and `unlike` is either {"clip": ID} or {"character": ID}.')
    clips = [reference.clip for reference in references if reference.clip is not None]
    return clips, [reference.character for reference in references if reference.character is not None]
