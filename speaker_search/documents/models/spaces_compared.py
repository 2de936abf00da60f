"""Encoders side by side, on the same clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Literal

from pydantic import Field

from speaker_search.documents.document import Document
from speaker_search.documents.evaluation import Interval
from speaker_search.documents.frames import Tabular
from speaker_search.entities import counted

JudgedBy = Literal["truth", "credits and verdicts", "halves"]


class FoundClips(Document):
    """Clips compared with the characters of their own game."""

    clips: int
    own_first: float | None = Field(
        description="The share that is nearest to its own character, known by the character's other clips."
    )


class ComparedSpace(Document):
    """What one space makes of the clips; null where there is nothing to measure."""

    space: str
    encoder: str
    searched: bool = Field(description="Whether it is the one that searches use.")
    dim: int
    embedded: int = Field(description="Clips that it holds, those left out here included.")
    left_out: int = Field(description="Of these, clips that another space lacks.")
    bytes: int = Field(description="Of the vectors it holds, as the catalog stores them.")
    precision_at_1: float | None
    precision_at_1_interval: Interval | None = Field(description="95 % interval over voice actors.")
    eer: float | None
    f1: float | None = Field(description="B-cubed, of the voices that it links; null without known voices.")
    f1_interval: Interval | None
    best_f1: float | None = Field(description="At the threshold that suits best.")
    within: float | None = Field(description="Mean cosine of a clip with its character's other clips, together.")
    between: float | None = Field(description="Mean cosine of a clip with another character of its game.")
    separation: float | None = Field(description="Their difference in standard deviations (d').")
    silhouette: float | None = Field(description="Of characters by their clips, the mean over games.")
    spoken: FoundClips
    wordless: FoundClips = Field(description="Clips whose text says that they are no speech, such as screams.")
    seconds_per_second: float | None = Field(
        description="Seconds of sound that it embeds in a second here, where asked for: decoding is not counted."
    )


def _within(value: float | None, interval: Interval | None) -> str | float | None:
    """A value with its 95 % interval, for people."""
    if value is None or interval is None:
        return value
    return f"{value:.3f} ({interval[0]:.2f} to {interval[1]:.2f})"


#: What people see them called, and how each is shown.
MEASURES: dict[str, Callable[[ComparedSpace], object]] = {
    "precision@1": lambda one: _within(one.precision_at_1, one.precision_at_1_interval),
    "equal error rate": lambda one: one.eer,
    "B-cubed F1": lambda one: _within(one.f1, one.f1_interval),
    "B-cubed F1, best threshold": lambda one: one.best_f1,
    "cosine within characters": lambda one: one.within,
    "cosine between characters of a game": lambda one: one.between,
    "separation (d')": lambda one: one.separation,
    "silhouette, mean of games": lambda one: one.silhouette,
    "spoken clips nearest to their own character": lambda one: one.spoken.own_first,
    "wordless clips nearest to their own character": lambda one: one.wordless.own_first,
    "seconds of sound embedded per second": lambda one: one.seconds_per_second,
    "dimensions": lambda one: one.dim,
    "MiB of vectors": lambda one: one.bytes / 2**20,
    "clips embedded": lambda one: one.embedded,
    "of these, left out here": lambda one: one.left_out,
}


class ComparedGame(Document):
    game: str
    maker: str
    silhouettes: list[float | None] = Field(description="Of each space, in the order of `spaces`.")


class SpacesCompared(Tabular, Document):
    """Spaces of the catalog, measured on the clips that all of them have embedded."""

    clips: int = Field(description="That all spaces have embedded.")
    characters: int = Field(description="With such clips.")
    left_out: int = Field(description="Clips that some of the spaces have embedded and others have not.")
    judged_by: JudgedBy = Field(description="What says who speaks whom, for precision@1, EER and F1.")
    basis: str = Field(description="The same in words, with what it is worth.")
    judged: int = Field(description="Characters that these measures are over.")
    spaces: list[ComparedSpace]
    games: list[ComparedGame]
    warnings: list[str]

    def summary(self) -> str:
        """What was compared, what was left out and who is judged, for people."""
        lacked = f" {counted(self.left_out, 'clip')} that some spaces lack are left out." if self.left_out else ""
        return (
            f"{counted(self.clips, 'clip')} of {counted(self.characters, 'character')} are embedded in all spaces."
            f"{lacked} {counted(self.judged, 'character')} are judged. {self.basis}"
        )

    def measures(self) -> list[tuple[object, ...]]:
        """The name of each measure, for people, and its value in every space; those that no space has are left out."""
        rows: list[tuple[object, ...]] = [(name, *map(value, self.spaces)) for name, value in MEASURES.items()]
        return [row for row in rows if any(value is not None for value in row[1:])]

    columns: ClassVar[tuple[str, ...]] = (
        *("space", "precision_at_1", "eer", "f1", "best_f1", "within", "between", "separation", "silhouette"),
        *("spoken_own_first", "wordless_own_first", "dim", "bytes", "embedded", "left_out", "seconds_per_second"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        for one in self.spaces:
            yield (
                one.space,
                *(one.precision_at_1, one.eer, one.f1, one.best_f1),
                *(one.within, one.between, one.separation, one.silhouette),
                *(one.spoken.own_first, one.wordless.own_first),
                *(one.dim, one.bytes, one.embedded, one.left_out, one.seconds_per_second),
            )

    def brief(self) -> dict[str, object]:
        return {"spaces": len(self.spaces), "clips": self.clips, "judged_by": self.judged_by}
