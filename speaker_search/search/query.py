"""A search request: the query, the filters on its matches, and the page wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from speaker_search import documents
from speaker_search.documents import MAX_LIMIT
from speaker_search.documents.frames import WithDocument
from speaker_search.entities import Floats, Match
from speaker_search.errors import UsageError


@dataclass(frozen=True, slots=True)
class Filters:
    """Which characters may match. Makers and games are names; `min_clips` counts embedded clips.

    Raises UsageError for a negative one.
    """

    makers: tuple[str, ...] = ()
    games: tuple[str, ...] = ()
    exclude_makers: tuple[str, ...] = ()
    exclude_games: tuple[str, ...] = ()
    min_clips: int = 1
    min_probability: float | None = None  #: a match without a probability does not reach it

    def __post_init__(self) -> None:
        if self.min_clips < 0:
            raise UsageError(f"The minimum number of clips must be 0 or more, not {self.min_clips}.")


@dataclass(frozen=True, slots=True)
class Query:
    """The voice to search for, as one unit vector, and what it was made from."""

    vector: Floats = field(repr=False)  # (dim,)
    clips: int
    seconds: float | None
    warnings: tuple[str, ...] = ()
    character_id: int | None = None  #: when the voice is a character's
    game_ids: tuple[int, ...] = ()  #: that its clips are from, as far as they are the catalog's
    blended: bool = False  #: something to be unlike was subtracted, so no calibration applies
    noisy: bool = False  #: noise is about as loud as the voice, if there is one: no match is likelier than not


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the answer is wanted."""

    limit: int = 10
    cursor: str | None = None

    @property
    def start(self) -> int:
        """How many matches come before. Raises UsageError for an invalid limit or cursor."""
        if not 1 <= self.limit <= MAX_LIMIT:
            raise UsageError(f"The limit must be from 1 to {MAX_LIMIT:,}, not {self.limit}.")
        if self.cursor is None:
            return 0
        if not (self.cursor.isascii() and self.cursor.isdecimal() and len(self.cursor) < 10):
            raise UsageError(f"{self.cursor!r} is not a cursor.", "Give the `next` of an earlier answer.")
        return int(self.cursor)


EVERYBODY = Filters()
FIRST_PAGE = Page()


@dataclass(frozen=True, slots=True, repr=False)
class Answer(WithDocument):
    """Matches for a query, best first."""

    query: Query
    encoder: str
    warnings: tuple[str, ...]
    matches: tuple[Match, ...]
    complete: bool  #: no further match exists
    next: str | None  #: cursor of the following page
    nobody: float | None = None  #: the probability that none of the characters looked at is this voice

    columns: ClassVar[tuple[str, ...]] = (*documents.Search.columns, "path")

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each match, with its line nearest to the query and where that line is."""
        for match, row in zip(self.matches, self.document().cells(), strict=True):
            yield (*row, str(match.hits[0].clip.path) if match.hits else None)

    def document(self) -> documents.Search:
        seconds = self.query.seconds
        query = documents.Query(
            clips=self.query.clips,
            seconds=None if seconds is None else round(seconds, 3),
            encoder=self.encoder,
            warnings=list(self.warnings),
        )
        return documents.Search.of_matches(self.matches, query=query, next=self.next, nobody=self.nobody)


@dataclass(frozen=True, slots=True)
class SpeakerAnswer:
    """The answer for one of the people in a recording."""

    turns: tuple[tuple[float, float], ...]  #: when they speak: seconds from the beginning
    answer: Answer

    def document(self) -> documents.SpeakerSearch:
        turns = [documents.Turn(start=start, stop=stop) for start, stop in self.turns]
        return documents.SpeakerSearch.of_answer(self.answer.document(), turns)
