"""Verdicts: people's word on which characters are one voice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, StrictBool, StrictInt

from speaker_search import entities
from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import Character, Clip, NamedCharacter
from speaker_search.documents.searches.questions import MAX_AUTHOR, Request

MAX_NOTE = 2_000  # characters


class VerdictRequest(Request):
    """A verdict on two characters, each by id or `maker/game/name`."""

    one: StrictInt | str
    other: StrictInt | str
    same: StrictBool = Field(description="Whether they are one voice.")
    note: str = Field(default="", max_length=MAX_NOTE)
    author: str | None = Field(
        default=None,
        max_length=MAX_AUTHOR,
        description="null: the name of the key, without keys the server's login name.",
    )


class Verdict(Document):
    id: int
    one: NamedCharacter
    other: NamedCharacter
    same: bool
    author: str
    note: str
    at: datetime
    state: Literal["stands", "undone", "contradicted"] = Field(
        description="contradicted: since characters were merged, it contradicts earlier verdicts and no longer counts."
    )
    undone_at: datetime | None
    undone_by: str | None

    @classmethod
    def of(
        cls,
        verdict: entities.Verdict,
        named: dict[int, entities.Character],
        *,
        contradicted: bool = False,
        **more: object,
    ) -> Self:
        """The document of a verdict; `named` has its characters, by id."""
        undone = verdict.undone_at is not None
        return cls(
            id=verdict.id,
            one=NamedCharacter.of(named[verdict.one_id]),
            other=NamedCharacter.of(named[verdict.other_id]),
            same=verdict.same,
            author=verdict.author,
            note=verdict.note,
            at=datetime.fromtimestamp(verdict.at, UTC),
            state="undone" if undone else "contradicted" if contradicted else "stands",
            undone_at=None if verdict.undone_at is None else datetime.fromtimestamp(verdict.undone_at, UTC),
            undone_by=verdict.undone_by,
            **more,
        )

    @property
    def word(self) -> str:
        return "same" if self.same else "different"


class JudgedVerdict(Verdict):
    """A verdict that was just given or undone."""

    new: bool = Field(description="false: it had been given, or undone, before.")


class Verdicts(Tabular, Document):
    """A page of verdicts, the newest first."""

    verdicts: list[Verdict]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = (
        *("verdict", "word", "one_id", "one", "other_id", "other"),
        *("author", "note", "at", "state", "undone_by"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for v in self.verdicts:
            yield (
                v.id,
                v.word,
                v.one.id,
                v.one.address,
                v.other.id,
                v.other.address,
                v.author,
                v.note,
                v.at,
                v.state,
                v.undone_by,
            )

    def brief(self) -> dict[str, object]:
        return {"verdicts": len(self.verdicts), "next": self.next}


class ListeningPair(Document):
    """Two characters that a person should listen to, and what hangs on the answer."""

    one: Character
    other: Character
    probability: Rounded = Field(description="Of one voice, for the groups that the two stand for.")
    value: Rounded = Field(description="Expected change for each second that the answer takes.")
    change: Rounded = Field(description="Expected change of the cast, in characters whose voice changes.")
    seconds: Rounded = Field(description="Of both lines, and five to answer.")
    if_same: str = Field(description="What the cast does on the answer that they are one voice.")
    if_different: str
    joined: bool = Field(description="Whether the two are in one voice now.")
    sizes: tuple[int, int] = Field(
        description="The characters of the two groups that the answer is about: the parts of one voice, or two voices."
    )
    lines: list[Clip] = Field(description="The two lines to hear: one of each character, the most alike.")
    cosine: Rounded = Field(description="Of the two lines.")


class ListeningQueue(Tabular, Document):
    """The pairs of characters whose answers are worth most, best first: inference about voices, for people to judge."""

    encoder: str
    pairs: list[ListeningPair]
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("one_id", "one", "other_id", "other", "probability", "value", "change", "seconds"),
        *("one_clip_id", "other_clip_id", "if_same", "if_different"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for pair in self.pairs:
            ends = (pair.one.id, pair.one.address, pair.other.id, pair.other.address)
            worth = (pair.probability, pair.value, pair.change, pair.seconds)
            yield *ends, *worth, *(clip.id for clip in pair.lines), pair.if_same, pair.if_different

    def brief(self) -> dict[str, object]:
        return {"pairs": len(self.pairs), "warnings": len(self.warnings)}
