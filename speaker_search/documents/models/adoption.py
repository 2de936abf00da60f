"""The space that is searched: chosen with proof, and what the proof is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from speaker_search.documents.casts.credits import HeardLines
from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.models.spaces_compared import SpacesCompared
from speaker_search.documents.nouns import NamedCharacter


class HeldSpace(Document):
    """A space of the catalog."""

    space: str
    encoder: str
    dim: int
    embedded: int
    pending: int
    refused: int
    searched: bool
    weights: Literal["kept", "found", "missing"] = Field(
        description="kept: a user's own, of which the home has a copy; found: published, or named in "
        "SPKSEARCH_CHECKPOINT; missing: not on this machine."
    )


class SpacesHeld(Document):
    """All spaces, oldest first, and which of them was adopted."""

    spaces: list[HeldSpace]
    adopted: str | None = Field(description="null: nobody has chosen, and the rules of --encoder decide.")
    before: str | None = Field(description="What was searched before; `adopt --back` returns to it.")
    author: str | None
    at: datetime | None


class Agreed(Document):
    """Pairs whose answer is known, and how many of them each space gets right at its own threshold."""

    pairs: int
    before: int
    after: int


class DisputedPair(Document):
    """A pair of characters that one of the two spaces gets right and the other wrong."""

    one: NamedCharacter
    other: NamedCharacter
    same: bool = Field(description="Whether the two are one voice.")
    said_by: Literal["verdict", "credits"]
    before: Rounded = Field(description="The probability of one voice in the space searched before.")
    after: Rounded
    lines: HeardLines | None = Field(description="The two lines to hear.")


class ListeningSet(Document):
    """The pairs of characters that verdicts and credits answer, asked of both spaces by sound alone."""

    verdicts: Agreed
    credits_same: Agreed = Field(description="Pairs of one actor's characters.")
    credits_different: Agreed = Field(description="Pairs of two actors' characters.")
    better: int = Field(description="Voices of which the new space has more pairs right.")
    worse: int = Field(description="Voices of which it has fewer right.")
    chance: float = Field(
        description="The probability that as many voices are worse, or more, where both are equally good (sign test)."
    )
    disputed: int = Field(description="Pairs that only one of the two gets right.")
    pairs: list[DisputedPair] = Field(description="Up to 20 of them, those first that the new space gets most wrong.")


class Adoption(Document):
    """A space that was to be searched from now on, and what speaks for it."""

    space: str
    before: str | None = Field(description="The space that was searched before; null where there is no other.")
    adopted: bool = Field(description="Whether it is searched from now on.")
    new: bool = Field(description="false where it was adopted already, or is not adopted now.")
    why_not: str | None = Field(description="Why it was not adopted, and what to do.")
    unembedded: int = Field(description="Clips of the space before that are neither embedded nor refused in this one.")
    imported: int = Field(description="Of these, clips without audio, which no encoder can embed.")
    refused: dict[str, int] = Field(description="Clips of the space before that this one has refused, by reason.")
    comparison: SpacesCompared | None
    listening: ListeningSet | None = Field(description="null where nothing is known, or scores are not calibrated.")
