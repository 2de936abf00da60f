"""Characters that are heard as one voice, and whom nobody has judged yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import Character, Clip

Kind = Literal["spellings", "namesakes", "others"]


class ConfusedPair(Document):
    """Two characters that sound like one person, with the lines to hear and the commands that settle it."""

    kind: Kind = Field(
        description="spellings: nearly one name in one game; namesakes: nearly one name in games of one maker; others: "
        "other names, in two games."
    )
    one: Character
    other: Character
    probability: Rounded = Field(description="Of one voice. Nearly one name counts, as it does in linking.")
    lines: list[Clip] = Field(description="The two lines to hear, the most alike: one of each character.")
    cosine: Rounded | None = Field(description="Of the two lines.")
    if_same: str = Field(description="The command to run if they are one: a merge within a game, else a verdict.")
    if_different: str


class Confusions(Tabular, Document):
    """A page of confused pairs: inference about voices, for people to judge."""

    encoder: str
    pairs: list[ConfusedPair]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("kind", "one_id", "one", "other_id", "other", "probability"),
        *("one_clip_id", "other_clip_id", "if_same", "if_different"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for pair in self.pairs:
            ends = (pair.one.id, pair.one.address, pair.other.id, pair.other.address)
            lines = tuple(clip.id for clip in pair.lines) or (None, None)
            yield pair.kind, *ends, pair.probability, *lines, pair.if_same, pair.if_different

    def brief(self) -> dict[str, object]:
        return {"pairs": len(self.pairs), "next": self.next}
