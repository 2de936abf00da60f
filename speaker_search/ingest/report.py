"""What an ingest has done so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from speaker_search.catalog.embedding import ClipCounts

MAX_PROBLEMS = 50  # sentences kept; the counts go on


@dataclass(slots=True)
class IngestReport:
    """Counts are in clips unless they say otherwise."""

    encoder: str = ""
    computed_by: str = ""  #: the path of the encoder, such as "openvino cpu bf16", and why it was taken
    games: int = 0
    routes: Counter[str] = field(default_factory=Counter)  #: how rows and files came together
    new: int = 0
    known: int = 0
    changed: int = 0  #: another file than last time: embedded anew
    relabelled: int = 0
    gone: int = 0  #: known from before and no longer there: kept
    pending: int = 0  #: left to be embedded
    queued: int = 0  #: pending when embedding began
    opened: int = 0  #: audio files opened
    embedded: int = 0
    refused: Counter[str] = field(default_factory=Counter)  #: by reason
    audio_seconds: float = 0.0  #: of the clips embedded
    elapsed_s: float = 0.0  #: spent embedding
    catalog: ClipCounts | None = None  #: what the catalog holds of the space afterwards
    problems: list[str] = field(default_factory=list)  #: game folders that could not be read, a sentence each

    @property
    def trouble(self) -> bool:
        """Whether something was not taken in."""
        return bool(self.refused or self.problems or self.routes["malformed"])

    @property
    def rate(self) -> float:
        """Seconds of audio embedded per second."""
        return self.audio_seconds / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def problem(self, sentence: str) -> None:
        if len(self.problems) < MAX_PROBLEMS and sentence not in self.problems:
            self.problems.append(sentence)
