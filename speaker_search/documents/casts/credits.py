"""Reports on credits: an import, an audit against the voices, and likely actors of uncredited characters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import NamedCharacter
from speaker_search.entities import Sex

MOST_UNSETTLED = 1_000  # listed in a document; `--unmatched` writes all of them


class ListedCredit(Document):
    """Who is known to speak a character."""

    character: NamedCharacter
    voice_actor: str = Field(description="As credited.")
    actor_id: int = Field(description="The same for all names that a person is credited under.")
    actor: str = Field(description="The person's main name.")
    sex: Sex | None = Field(default=None, description="Of the person, where a list of credits says it.")
    spoiler: bool = Field(description="Whether the list that it is from marks it as a spoiler.")


class Credits(Tabular, Document):
    """A page of credits, by character."""

    credits: list[ListedCredit]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = (
        *("character_id", "character", "game", "maker"),
        *("voice_actor", "actor_id", "actor", "sex", "spoiler"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for one in self.credits:
            yield (*one.character.row, one.voice_actor, one.actor_id, one.actor, one.sex, one.spoiler)

    def brief(self) -> dict[str, object]:
        return {"credits": len(self.credits), "next": self.next}


class UnsettledCredit(Document):
    """A credit whose character is not known for certain."""

    maker: str
    game: str
    character: str
    voice_actor: str
    fit: Literal["ambiguous", "unmatched"]
    reason: str
    candidates: list[str] = Field(description="Characters of the catalog that it may be, or that have no credit yet.")


class ImportedCredits(Tabular, Document):
    """What became of a list of credits."""

    file: Path
    kind: Literal["csv", "vndb"]
    dry_run: bool = Field(description="Whether nothing was written.")
    credits: int = Field(description="In the list: of a dump, those in games that the catalog has or may have.")
    matched: int
    ambiguous: int
    unmatched: int
    malformed: int = Field(description="Rows that cannot be read.")
    spoilers: int = Field(description="Facts that were left out because they are marked as spoilers.")
    games: int = Field(description="Games of the catalog that the list has.")
    unclear_games: list[str] = Field(description="Games of the catalog that may be one of several in the list.")
    missing_games: int = Field(description="Games of the catalog that the list does not have.")
    characters: int = Field(description="Characters of the catalog that were credited.")
    new: int
    known: int
    replaced: int = Field(description="Earlier credits of the same source that are deleted.")
    problems: list[str] = Field(description="The first malformed rows, a sentence each.")
    unsettled: list[UnsettledCredit] = Field(description=f"Ambiguous and unmatched ones, {MOST_UNSETTLED:,} at most.")
    attribution: str | None = Field(description="The notice to show with these credits.")

    columns: ClassVar[tuple[str, ...]] = (
        *("fit", "maker", "game", "character", "voice_actor"),
        *("reason", "candidates"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each credit that is not settled."""
        for one in self.unsettled:
            yield (
                *(one.fit, one.maker, one.game, one.character, one.voice_actor),
                *(one.reason, " | ".join(one.candidates)),
            )

    def brief(self) -> dict[str, object]:
        return {"matched": self.matched, "ambiguous": self.ambiguous, "unmatched": self.unmatched, "new": self.new}


class HeardLines(Document):
    """The pair of lines to hear."""

    clip_id: int = Field(description="Of the character in question.")
    other_clip_id: int
    cosine: Rounded


class DoubtfulCredit(Document):
    """A credit that the voices disagree with."""

    character: NamedCharacter
    voice_actor: str
    roles: int = Field(description="The actor's other roles that the character was compared with.")
    probability: Rounded = Field(description="That it is the voice of these roles.")
    nearest: NamedCharacter = Field(description="The character of another game that sounds most like it.")
    nearest_voice_actor: str | None = Field(description="Who is credited for that one.")
    nearest_probability: Rounded = Field(description="That it is the voice of that one.")
    doubt: Rounded = Field(description="By how much the nearest is likelier than the other roles, in log-odds.")
    role: NamedCharacter = Field(description="The nearest of the actor's other roles.")
    role_lines: HeardLines | None = Field(description="The most similar lines of the character and that role.")
    nearest_lines: HeardLines | None = Field(description="Likewise of the character and the nearest one.")


class ContradictedCredit(Document):
    """A credit that a verdict contradicts; it is ignored while the verdict stands."""

    one: NamedCharacter
    other: NamedCharacter
    voice_actors: list[str]
    verdict: Literal["same", "different"]


class OnePersonMaybe(Document):
    """Two actors who sound like one person: an inference from voices, not evidence of who they are."""

    one: str
    other: str
    probability: Rounded
    one_roles: int
    other_roles: int
    pairs: int = Field(description="Pairs of their roles that were compared ...")
    alike: int = Field(description="... and how many of these sound like one voice by themselves.")
    shared_games: int = Field(description="Games in which both are credited, which speaks against it.")


class CreditAudit(Tabular, Document):
    """Credits and voices compared: inference about voices, not proof of who speaks."""

    encoder: str
    audited: int = Field(description="Credits whose actor has another role to compare with.")
    doubtful: list[DoubtfulCredit] = Field(description="The surest first.")
    contradicted: list[ContradictedCredit]
    recast: list[NamedCharacter] = Field(description="Credited to several actors: no constraint follows.")
    pen_names: list[OnePersonMaybe]
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("character_id", "character", "game", "maker", "voice_actor", "roles", "probability"),
        *("nearest_id", "nearest", "nearest_game", "nearest_maker", "nearest_voice_actor", "nearest_probability"),
        *("doubt", "clip", "role_clip", "clip_again", "nearest_clip"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each doubtful credit."""
        for one in self.doubtful:
            heard: list[int | None] = []
            for lines in (one.role_lines, one.nearest_lines):
                heard += (None, None) if lines is None else (lines.clip_id, lines.other_clip_id)
            own = (*one.character.row, one.voice_actor, one.roles, one.probability)
            yield (*own, *one.nearest.row, one.nearest_voice_actor, one.nearest_probability, one.doubt, *heard)

    def brief(self) -> dict[str, object]:
        return {"audited": self.audited, "doubtful": len(self.doubtful), "pen_names": len(self.pen_names)}


class LikelyActor(Document):
    """An uncredited character in a voice whose credited members are all one actor's."""

    character: NamedCharacter
    voice_actor: str
    probability: Rounded = Field(description="That the character belongs to the voice.")
    voice: int
    credited: int = Field(description="Characters of the voice that are credited to the actor.")


class LikelyActors(Tabular, Document):
    """Who uncredited characters are probably spoken by: inference about voices, not proof of who speaks."""

    encoder: str
    characters: list[LikelyActor]
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("character_id", "character", "game", "maker"),
        *("voice_actor", "probability", "voice", "credited"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [
            (*one.character.row, one.voice_actor, one.probability, one.voice, one.credited) for one in self.characters
        ]

    def brief(self) -> dict[str, object]:
        return {"characters": len(self.characters), "warnings": len(self.warnings)}
