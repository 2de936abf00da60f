"""How good the answers are, measured against known voice actors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from speaker_search.documents.document import Document
from speaker_search.documents.frames import Tabular

Interval = tuple[float, float]


class BCubed(Document):
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    best_f1: float | None = Field(default=None, description="At the threshold that the truth would choose.")


class Pairwise(Document):
    """Of all pairs of known characters."""

    precision: float | None = Field(default=None, description="The share of linked pairs that are one actor's.")
    recall: float | None = Field(default=None, description="The share of one actor's pairs that are linked.")
    f1: float | None = None


class CalibrationErrors(Document):
    ece: float = Field(description="Of pairs of characters of different games.")
    brier: float = Field(description="Of the same pairs.")
    first_match_ece: float | None = Field(description="Of each character's nearest match.")
    membership_ece: float | None = Field(description="Of the members of voices.")
    likely_pair_ece: float | None = Field(description="Of those pairs whose probability is at least 0.1.")
    voice_ece: float | None = Field(description="Of whole voices.")


class Intervals(Document):
    """95 % intervals: low and high, by bootstrap over voice actors."""

    precision_at_1: Interval | None
    map: Interval | None
    f1: Interval | None
    best_f1: Interval | None
    first_match_ece: Interval | None
    membership_ece: Interval | None
    voice_ece: Interval | None
    pairwise_f1: Interval | None


class Reliability(Document):
    """First matches, pairs, members or voices whose probability lies between two numbers."""

    low: float = Field(serialization_alias="from")  # a keyword in Python
    high: float = Field(serialization_alias="to")
    count: int
    mean_probability: float
    right: float = Field(description="The share of them that are right.")


class QuerySize(Document):
    """Queries of this many clips, searched among the characters of other games."""

    clips: int
    queries: int
    precision_at_1: float | None = Field(description="Over queries whose actor plays in another game too.")
    first_match_ece: float | None
    confident: float | None = Field(description="The share of first matches with a probability of at least 0.9.")
    confident_right: float | None = Field(description="The share of those that are right.")


class EvaluatedPart(Document):
    """Known characters of one style, game or maker, each measured against all known characters."""

    name: str = Field(description="Empty where the truth does not say.")
    characters: int
    voice_actors: int
    precision_at_1: float | None
    map: float | None
    bcubed: BCubed
    members: int = Field(description="Of voices, that can be judged.")
    members_right: float | None = Field(description="The share of them that is right.")


class Evaluation(Tabular, Document):
    """Search and cast against known voice actors; null where there is nothing to measure."""

    encoder: str
    characters: int
    voice_actors: int
    precision_at_1: float | None = Field(description="Is the nearest character of any other game the same actor?")
    map: float | None
    eer: float | None = Field(description="Of scores between characters of different games.")
    min_dcf: float | None = Field(
        description="Of the same scores: the normalised detection cost at the best threshold, with P_target 0.01 and "
        "both costs 1; 1 says nothing."
    )
    cllr: float | None = Field(description="In bits, of those pairs' probabilities: 0 is perfect, 1 says nothing.")
    bcubed: BCubed
    pairwise: Pairwise
    calibration: CalibrationErrors | None
    intervals: Intervals
    reliability: list[Reliability] = Field(description="Of first matches.")
    pair_reliability: list[Reliability] = Field(description="Of pairs whose probability is at least 0.1.")
    membership_reliability: list[Reliability] = Field(description="Of the members of voices.")
    voice_reliability: list[Reliability] = Field(
        description="Of whole voices: right where all members whose actor is known are one actor."
    )
    queries: list[QuerySize]
    by: Literal["style", "game", "maker"] | None = None
    parts: list[EvaluatedPart] = Field(default=[], description="By style, game or maker, where asked for.")
    warnings: list[str]

    @field_validator("bcubed", "pairwise", mode="before")
    @classmethod
    def _of_nothing(cls, measured: object) -> object:
        """Programs find every field, whatever was measured."""
        return {} if measured is None else measured

    columns: ClassVar[tuple[str, ...]] = ("measure", "value", "low", "high")

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each measure, with its 95 % interval where it has one."""
        found = [(name, name, getattr(self, name)) for name in ("precision_at_1", "map", "eer", "min_dcf", "cllr")]
        found += [(f"bcubed_{name}", name, value) for name, value in self.bcubed]
        found += [(f"pairwise_{name}", f"pairwise_{name}", value) for name, value in self.pairwise]
        found += [(name, name, value) for name, value in self.calibration or ()]
        for shown, name, value in found:
            yield (shown, value, *(getattr(self.intervals, name, None) or (None, None)))

    def brief(self) -> dict[str, object]:
        return {
            "characters": self.characters,
            "voice_actors": self.voice_actors,
            "precision_at_1": self.precision_at_1,
            "f1": self.bcubed.f1,
        }
