"""What a list of credits says, whatever its format: games, their characters, and who speaks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from speaker_search.entities import Sex

MOST_PROBLEMS = 20  # malformed rows that are named

Key = tuple[str, str]  # of a person: the source and the key in it, such as ("vndb", "s17")


@dataclass(frozen=True, slots=True)
class Person:
    """A voice actor as a list knows them."""

    key: Key
    name: str
    pen_names: tuple[str, ...] = ()  #: other names
    sex: Sex | None = None  #: None where the list does not say it


@dataclass(frozen=True, slots=True)
class ListedCredit:
    person: Key
    under: str  #: the name that it was given under
    spoiler: bool = False
    row: int | None = None  #: of the file, where it is one row of it


@dataclass(frozen=True, slots=True)
class ListedCharacter:
    """A character of one game."""

    name: str  #: to show
    names: tuple[str, ...]  #: all, also in Latin letters
    aliases: tuple[str, ...]
    credits: tuple[ListedCredit, ...]  #: one for each person; several when the sources say several
    doubt: str = ""  #: why it is not clear which of its credits holds; empty when it is
    chosen: str = ""  #: the catalog's character, where a person has filled it in


@dataclass(frozen=True, slots=True)
class ListedGame:
    id: str
    title: str  #: to show
    titles: tuple[str, ...]  #: all, also in Latin letters
    makers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedCast:
    """Who is in a game."""

    own: tuple[ListedCharacter, ...]
    related: tuple[ListedCharacter, ...] = ()  #: of its sequels, fan discs and the like, who may be in it as well


@dataclass(slots=True)
class Malformed:
    """Rows that cannot be read: counted, and the first of them named."""

    count: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        self.count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


class CreditList(Protocol):
    """A file of credits that was read."""

    source: str  #: csv or vndb
    malformed: Malformed
    persons: dict[Key, Person]

    @property
    def games(self) -> Sequence[ListedGame]: ...

    @property
    def left_out(self) -> int:
        """How many spoilers were left out so far: rows of a CSV, of a dump facts of the games asked for."""
        ...

    def cast(self, game: ListedGame) -> ListedCast:
        """Who is in one of the games."""
        ...
