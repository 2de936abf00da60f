"""A game's cast sheet, and who may speak its lines of unknown speakers. Inference, not proof of who speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from speaker_search.documents.document import Document, Rounded, SoundPlace
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import Clip, NamedCharacter
from speaker_search.documents.searches.answers import Cast, CastCharacter, Relation


class LikelyVoice(Document):
    """A voice that a character may be of, or a single character of another game that belongs to none."""

    voice: int | None = Field(description="null for a single character.")
    probability: Rounded
    characters: list[CastCharacter] = Field(description="Of other games, the nearest first.")
    relations: list[Relation | None] = Field(
        default=[], description="To each of `characters`, in their order; empty without embeddings of both encoders."
    )


class SheetLines(Document):
    """The nearest lines of two characters: listen to both."""

    clip: Clip
    other: Clip
    other_character: int = Field(description="Its id.")
    cosine: Rounded


class SheetCredit(Document):
    """A credit of another character of the same voice."""

    character: CastCharacter
    voice_actor: str


class SheetCharacter(CastCharacter):
    """A character on a game's cast sheet."""

    seconds: float = Field(description="Of its embedded speech.")
    voice: int | None = Field(description="The voice it is linked to.")
    voice_actor: str | None = Field(description="As credited.")
    likely: list[LikelyVoice] = Field(description="The likeliest voices: its own first, then by probability.")
    margin: Rounded | None = Field(
        description="The first voice's probability less the next one's: negative where the next is likelier."
    )
    roles: list[CastCharacter] = Field(description="The other characters of its voice.")
    lines: SheetLines | None = Field(description="Its nearest pair of lines with the first likely voice.")
    disagreeing: list[SheetCredit] = Field(
        description="Credits within its voice that name other people than its own credit."
    )


class CastSheet(Cast):
    """A game's cast sheet: inference about voices, not proof of who speaks."""

    game: str
    sheet: list[SheetCharacter] = Field(
        description="Every character of the game with embedded clips, most clips first."
    )
    cannot_tell: str | None = Field(default=None, description="Why likely voices have no `relations`; null otherwise.")

    columns: ClassVar[tuple[str, ...]] = (
        *("voice", "probability", "maker", "game", "character", "clips", "seconds"),
        *("likeliest", "likeliest_probability", "margin", "roles", "voice_actor", "disagreeing"),
        *("clip_id", "line", "other_clip_id", "other_line", "cosine"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each character of the game."""
        for one in self.sheet:
            first = one.likely[0] if one.likely else None
            lines = one.lines
            heard: tuple[object, ...] = (None,) * 5
            if lines is not None:
                heard = (lines.clip.id, lines.clip.text, lines.other.id, lines.other.text, lines.cosine)
            against = "; ".join(f"{_named([each.character])}: {each.voice_actor}" for each in one.disagreeing)
            yield (
                *(one.voice, one.probability, one.maker, one.game, one.name, one.clips, one.seconds),
                *((None, None) if first is None else (_named(first.characters), first.probability)),
                *(one.margin, _named(one.roles), one.voice_actor, against, *heard),
            )

    def brief(self) -> dict[str, object]:
        return {"game": self.game, "characters": len(self.sheet), **super().brief()}


def _named(characters: Iterable[CastCharacter]) -> str:
    return "; ".join(one.address for one in characters)


class Suspect(NamedCharacter):
    """A character that may speak a line."""

    probability: Rounded | None = Field(description="null when it cannot be calibrated.")


class UnknownClip(Clip):
    """A line of an unknown speaker."""

    here: list[Suspect] = Field(description="Characters of its game that may speak it, the likeliest first.")
    elsewhere: list[Suspect] = Field(description="Characters of other games that may be the same voice.")
    nobody: Rounded | None = Field(description="The probability that no character in the catalog is this voice.")


class UnknownLine(UnknownClip):
    path: SoundPlace = Field(description="Where its sound is.")


class UnknownPage(Document):
    """A page of a game's lines of unknown speakers: inference about voices, not proof of who speaks."""

    encoder: str
    game: str
    lines: list[UnknownClip] = Field(description="Those with the likeliest character of the game first.")
    next: str | None = Field(description="Cursor of the following page; null on the last one.")
    warnings: list[str]


class UnknownLines(Tabular, Document):
    """A game's lines of unknown speakers: inference about voices, not proof of who speaks."""

    encoder: str
    game: str
    lines: list[UnknownLine] = Field(description="Those with the likeliest character of the game first.")
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("clip_id", "seconds", "character_id", "character", "probability"),
        *("elsewhere_id", "elsewhere", "elsewhere_probability", "nobody", "text", "path"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each line, with its likeliest character of the game and of all others."""
        for line in self.lines:
            own = line.here[0] if line.here else None
            other = line.elsewhere[0] if line.elsewhere else None
            yield (
                *(line.id, line.seconds),
                *((None,) * 3 if own is None else (own.id, own.name, own.probability)),
                *((None,) * 3 if other is None else (other.id, f"{other.game}/{other.name}", other.probability)),
                *(line.nobody, line.text, str(line.path)),
            )

    def likely(self, least: float) -> list[UnknownLine]:
        """The lines whose likeliest character of the game has at least this probability."""
        return [line for line in self.lines if line.here and (line.here[0].probability or 0.0) >= least]

    def brief(self) -> dict[str, object]:
        return {"game": self.game, "lines": len(self.lines), "warnings": len(self.warnings)}
