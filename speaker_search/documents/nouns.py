"""Makers, games, characters and clips as they appear in every answer."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, computed_field

from speaker_search.documents.document import Document, Rounded


class Maker(Document):
    id: int
    name: str


class Game(Document):
    id: int
    title: str
    maker: Maker


class Character(Document):
    id: int
    name: str
    game: Game
    clips: int = Field(description="Clips embedded in the space being searched.")
    voice: int | None = Field(default=None, description="The voice it belongs to, in a search by voice.")

    @property
    def address(self) -> str:
        return f"{self.game.maker.name}/{self.game.title}/{self.name}"


class Clip(Document):
    id: int
    text: str
    seconds: float | None

    @computed_field(description="Path of its sound below the server's address.")  # type: ignore[prop-decorator]
    @property
    def audio(self) -> str:
        return f"/v1/clips/{self.id}/audio"


class PlacedClip(Clip):
    path: Path = Field(description="Where its sound is.")


class Hit(Document):
    clip: Clip
    cosine: Rounded = Field(description="1.0 = the same recording.")


class Characters(Document):
    """A page of characters, by id."""

    characters: list[Character]
    next: str | None = Field(description="Cursor of the following page.")


class ShownCharacter(Document):
    """A character and its first clips, by id."""

    character: Character
    clips: list[PlacedClip]


class RefusedClip(Document):
    """A clip that was not embedded, and why."""

    id: int
    path: Path
    reason: str
    detail: str


class RefusedClips(Document):
    clips: list[RefusedClip]
