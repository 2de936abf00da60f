"""Maps: characters or clips as points, those that sound alike near each other. A list for each column, as there are
many points.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from speaker_search.documents.document import Document
from speaker_search.documents.nouns import Game
from speaker_search.documents.searches.answers import INFERENCE
from speaker_search.entities import Sex

Place = Annotated[float, AfterValidator(lambda value: round(value, 4))]


class _Map(Document):
    encoder: str
    better: bool = Field(description="A better map is being made: ask again in some seconds.")
    x: list[Place] = Field(description="From 0 to 1; only nearness on the map means anything.")
    y: list[Place]


class CharacterMap(_Map):
    """Every character as a point, by id."""

    ids: list[int]
    names: list[str]
    games: list[int] = Field(description="The place of its game in `of_games`.")
    voices: list[int | None] = Field(description="The recurring voice it belongs to.")
    sexes: list[Sex | None] = Field(
        description="Of who speaks it, as lists of credits say: of its actor, or of the actor of its voice."
    )
    clips: list[int] = Field(description="How many clips it has.")
    of_games: list[Game]
    inference: str = INFERENCE


class ClipMap(_Map):
    """A game's clips as points, by id; evenly chosen where there are too many."""

    game: Game
    ids: list[int]
    characters: list[int | None] = Field(description="Who speaks each, by id; null where that is unknown.")
    names: dict[int, str] = Field(description="Names of the characters.")
    voices: dict[int, int] = Field(description="Their recurring voices, of those that have one.")
    sexes: dict[int, Sex] = Field(description="Of who speaks them, where lists of credits say it.")
    of: int = Field(description="How many clips of the game are embedded.")


class NearClips(Document):
    """Some clips of each of some characters, to be shown around them on the map."""

    encoder: str
    ids: list[int]
    characters: list[int] = Field(description="Who speaks each.")
    x: list[Place] = Field(
        description="Its place around its character, in the disc of radius 1. Clips of one character that sound alike "
        "lie near each other; directions, and clips of different characters, cannot be compared."
    )
    y: list[Place]
