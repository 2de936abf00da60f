"""A search request: the query, the filters on its matches, and the page wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from speaker_search import documents
from speaker_search.documents import MAX_LIMIT
from speaker_search.documents.frames import WithDocument
from speaker_search.entities import Caution, Floats, Match
from speaker_search.errors import SpeakerSearchError, UsageError


@dataclass(frozen=True, slots=True)
class Filters:
    """Which characters may match. Makers and games are names; `min_clips` counts embedded clips."""

    makers: tuple[str, ...] = ()
    games: tuple[str, ...] = ()
    exclude_makers: tuple[str, ...] = ()
    exclude_games: tuple[str, ...] = ()
    min_clips: int = 1
    min_probability: float | None = None  #: a match without a probability does not reach it


@dataclass(frozen=True, slots=True)
class Query:
    """The voice to search for, as one unit vector, and what it was made from."""

    vector: Floats = field(repr=False)  # (dim,)
    clips: int
    seconds: float | None
    warnings: tuple[Caution, ...] = ()
    character_id: int | None = None  #: when the voice is a character's
    game_ids: tuple[int, ...] = ()  #: that its clips are from, as far as they are the catalog's
    blended: bool = False  #: something to be unlike was subtracted, so no calibration applies
    asked: str = ""  #: identifies what it was made of: cursors of other queries are refused
    noisy: bool = False  #: noise is about as loud as the voice, if there is one: no match gets a probability over 0.5


@dataclass(frozen=True, slots=True)
class Given:
    """What earlier pages gave, by id: characters, games in a search by game, or clips in one by clip."""

    ids: tuple[int, ...] = ()
    voices: tuple[int, ...] = ()  #: in a search by voice, theirs as well


NOTHING = Given()


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the answer is wanted: up to `limit` of the best matches that were not given yet.

    Raises UsageError for an invalid limit.
    """

    limit: int = 10
    given: Given = NOTHING

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise UsageError(f"The limit must be from 1 to {MAX_LIMIT:,}, not {self.limit}.")


EVERYBODY = Filters()
FIRST_PAGE = Page()


@dataclass(frozen=True, slots=True, repr=False)
class Answer(WithDocument):
    """Matches for a query, best first."""

    query: Query
    encoder: str
    warnings: tuple[Caution, ...]
    matches: tuple[Match, ...]
    complete: bool  #: no further match exists
    next: str | None  #: cursor of the following page
    nobody: float | None = None  #: the probability that none of the characters looked at is this voice
    #: reads a clip's sound by its id, as its media type and bytes, for players in notebooks
    sound: Callable[[int], tuple[str, bytes] | None] | None = field(default=None, compare=False)
    cannot_tell: str | None = None  #: for a character's matches, why they have no relation

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
        return documents.Search.of_matches(
            self.matches,
            query=query,
            complete=self.complete,
            next=self.next,
            nobody=self.nobody,
            cannot_tell=self.cannot_tell,
        )

    def sounds(self) -> Iterable[tuple[str, bytes] | None]:
        """Each match's line nearest to the query."""
        for match in self.matches:
            yield self.sound(match.hits[0].clip.id) if self.sound and match.hits else None


@dataclass(frozen=True, slots=True, repr=False)
class Answers(WithDocument):
    """The answers to many searches, in the order asked. One that cannot be answered has its error instead."""

    answers: tuple[Answer | SpeakerSearchError, ...]

    columns: ClassVar[tuple[str, ...]] = ("query", *Answer.columns, "problem")

    def __iter__(self) -> Iterator[Answer | SpeakerSearchError]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, number: int) -> Answer | SpeakerSearchError:
        return self.answers[number]

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each match, with the number of its search from 0; one row for a search that was not answered."""
        for number, found in enumerate(self.answers):
            if isinstance(found, Answer):
                yield from ((number, *row, None) for row in found.cells())
            else:
                yield (number, *(None,) * len(Answer.columns), str(found))

    def document(self) -> documents.Searches:
        return documents.Searches(
            answers=[
                documents.OneSearch(search=found.document(), problem=None)
                if isinstance(found, Answer)
                else documents.OneSearch(search=None, problem=documents.Failure.of(found))
                for found in self.answers
            ]
        )

    def sounds(self) -> Iterable[tuple[str, bytes] | None]:
        for found in self.answers:
            yield from found.sounds() if isinstance(found, Answer) else (None,)


@dataclass(frozen=True, slots=True)
class SpeakerAnswer:
    """The answer for one person in a recording."""

    turns: tuple[tuple[float, float], ...]  #: when they speak: seconds from the beginning
    answer: Answer

    def document(self) -> documents.SpeakerSearch:
        turns = [documents.Turn(start=start, stop=stop) for start, stop in self.turns]
        return documents.SpeakerSearch.of_answer(self.answer.document(), turns)
