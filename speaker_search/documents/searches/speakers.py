"""The answer for a recording of several people: one search for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from speaker_search.documents.document import Document
from speaker_search.documents.searches.answers import Search


class Turn(Document):
    """A stretch of a recording in which one person speaks."""

    start: float = Field(description="Seconds from the beginning.")
    stop: float


class SpeakerSearch(Search):
    """The answer for one person in a recording. Its `next` is null: ask with a higher limit for more."""

    turns: list[Turn] = Field(description="When this person speaks.")

    @classmethod
    def of_answer(cls, answer: Search, turns: Sequence[Turn]) -> Self:
        fields = {name: getattr(answer, name) for name in Search.model_fields}
        return cls(**{**fields, "next": None}, turns=list(turns))


class Speakers(Document):
    """The answers for all people in a recording, sorted by how much they speak: what `split_speakers` asks for."""

    speakers: list[SpeakerSearch]
