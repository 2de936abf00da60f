"""Makers, games, characters and clips as they appear in every answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from pydantic import Field, computed_field

from speaker_search import entities
from speaker_search.documents.document import Document, Rounded, SoundPlace
from speaker_search.documents.frames import Tabular


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

    @property
    def row(self) -> tuple[object, ...]:
        return self.id, self.name, self.game.title, self.game.maker.name, self.clips


class NamedCharacter(Document):
    """A character by its names alone."""

    id: int
    name: str
    game: str
    maker: str

    @classmethod
    def of(cls, character: entities.Character, **more: object) -> Self:
        """A character's names, and the fields that a kind of this has besides."""
        game = character.game
        return cls.model_validate(
            {"id": character.id, "name": character.name, "game": game.title, "maker": game.maker.name, **more}
        )

    @property
    def address(self) -> str:
        return f"{self.maker}/{self.game}/{self.name}"

    @property
    def row(self) -> tuple[object, ...]:
        return self.id, self.name, self.game, self.maker


class Clip(Document):
    id: int
    text: str
    seconds: float | None

    @computed_field(description="Path of its sound below the server's address.")  # type: ignore[prop-decorator]
    @property
    def audio(self) -> str:
        return f"/v1/clips/{self.id}/audio"


class PlacedClip(Clip):
    path: SoundPlace = Field(description="Where its sound is.")


class Hit(Document):
    clip: Clip
    cosine: Rounded = Field(description="1.0 = the same recording.")


class ListedMaker(Maker):
    games: int = Field(description="How many games it has.")


class Makers(Tabular, Document):
    """A page of makers, by id."""

    makers: list[ListedMaker]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = ("maker_id", "maker", "games")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [(one.id, one.name, one.games) for one in self.makers]

    def brief(self) -> dict[str, object]:
        return {"makers": len(self.makers), "next": self.next}


class ListedGame(Game):
    characters: int = Field(description="How many characters it has.")


class Games(Tabular, Document):
    """A page of games, by id."""

    games: list[ListedGame]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = ("game_id", "game", "maker", "characters")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [(one.id, one.title, one.maker.name, one.characters) for one in self.games]

    def brief(self) -> dict[str, object]:
        return {"games": len(self.games), "next": self.next}


class HeldClip(Clip):
    """A clip, whose it is, and whether it can be found."""

    game: Game
    character: NamedCharacter | None = Field(description="null when the speaker is unknown.")
    state: Literal["embedded", "pending", "refused"] = Field(description="In the space being searched.")
    reason: str | None = Field(description="Why it was refused; null otherwise.")


class Clips(Tabular, Document):
    """A page of clips, by id."""

    clips: list[HeldClip]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = (
        *("clip_id", "text", "seconds", "state", "reason"),
        *("character_id", "character", "game", "maker"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for one in self.clips:
            who = (None, None) if one.character is None else (one.character.id, one.character.name)
            line = (one.id, one.text, one.seconds, one.state, one.reason)
            yield (*line, *who, one.game.title, one.game.maker.name)

    def brief(self) -> dict[str, object]:
        return {"clips": len(self.clips), "next": self.next}


class Characters(Tabular, Document):
    """A page of characters, by id."""

    characters: list[Character]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = ("character_id", "character", "game", "maker", "clips")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [one.row for one in self.characters]

    def brief(self) -> dict[str, object]:
        return {"characters": len(self.characters), "next": self.next}


class ShownCharacter(Tabular, Document):
    """A character and its first clips, by id."""

    character: Character
    clips: list[PlacedClip]

    columns: ClassVar[tuple[str, ...]] = ("clip_id", "text", "seconds", "path")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [(clip.id, clip.text, clip.seconds, str(clip.path)) for clip in self.clips]

    def brief(self) -> dict[str, object]:
        return {"character": self.character.address, "clips": len(self.clips)}


class RefusedClip(Document):
    """A clip that was not embedded, and why."""

    id: int
    path: SoundPlace
    reason: str
    detail: str


class RefusedClips(Tabular, Document):
    clips: list[RefusedClip]

    columns: ClassVar[tuple[str, ...]] = ("clip_id", "path", "reason", "detail")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [(clip.id, str(clip.path), clip.reason, clip.detail) for clip in self.clips]

    def brief(self) -> dict[str, object]:
        return {"clips": len(self.clips)}
