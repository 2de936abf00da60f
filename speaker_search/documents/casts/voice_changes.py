"""The stored voices, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from speaker_search.documents.document import Document
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import NamedCharacter
from speaker_search.documents.searches.answers import INFERENCE, Cast, Voice


class Voices(Tabular, Document):
    """A page of recurring voices, by id: inference about voices, not proof of who speaks."""

    encoder: str
    voices: list[Voice]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")
    warnings: list[str]
    inference: str = INFERENCE

    columns: ClassVar[tuple[str, ...]] = Cast.columns

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each character."""
        return [row for voice in self.voices for row in voice.cells]

    def brief(self) -> dict[str, object]:
        return {"voices": len(self.voices), "next": self.next}


class ShownVoice(Tabular, Document):
    """A recurring voice: inference about voices, not proof of who speaks."""

    encoder: str
    voice: Voice
    warnings: list[str]
    inference: str = INFERENCE

    columns: ClassVar[tuple[str, ...]] = Cast.columns

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each character."""
        return self.voice.cells

    def brief(self) -> dict[str, object]:
        return {"voice": self.voice.id, "probability": self.voice.probability, "characters": len(self.voice.characters)}


class VoiceChange(Document):
    """What became of a voice."""

    at: datetime
    kind: str = Field(
        description="first (the space was linked for the first time), relinked (all characters were linked anew; the "
        "changes with the same time follow from that), new, split (from the other voice), ended, merged (into the "
        "other voice), joined or left (the characters did)."
    )
    voice: int | None = Field(default=None, description="null for first and relinked.")
    other_voice: int | None = None
    characters: list[NamedCharacter] = Field(default=[], description="All of a voice that began or ended.")
    voices: int | None = Field(default=None, description="How many voices were found at first.")


class VoiceChanges(Tabular, Document):
    """What became of recurring voices, newest first: inference about voices, not proof of who speaks."""

    encoder: str
    changes: list[VoiceChange]
    inference: str = INFERENCE

    columns: ClassVar[tuple[str, ...]] = ("at", "kind", "voice", "other_voice", "character_id", "character")

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each character of a change, or one with None."""
        for one in self.changes:
            for who in one.characters or (None,):
                named = (None, None) if who is None else (who.id, who.address)
                yield (one.at, one.kind, one.voice, one.other_voice, *named)

    def brief(self) -> dict[str, object]:
        return {"changes": len(self.changes)}
