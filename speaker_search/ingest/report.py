"""What an ingest has done so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from speaker_search.catalog.embedding import ClipCounts


@dataclass(frozen=True, slots=True)
class Figures:
    """Where an ingest stands."""

    phase: str  #: "scanning", "embedding" or "done"
    games: int  #: scanned
    scanned: int  #: rows and files seen by the scan
    clips: int  #: embedded or refused
    of: int  #: clips that there were to embed
    audio_hours: float  #: embedded
    rate: float  #: seconds of audio embedded per second
    left_s: float | None  #: time left in seconds; None as long as nobody can tell
    refused: dict[str, int]  #: clips by reason
    waiting_for: str  #: what keeps it from going on at this moment


MAX_PROBLEMS = 50  # sentences kept; the counts go on


@dataclass(slots=True)
class IngestReport:
    """Counts are in clips unless they say otherwise."""

    encoder: str = ""
    computed_by: str = ""  #: the path of the encoder, such as "openvino cpu bf16", and why it was taken
    recognised: list[str] = field(default_factory=list)  #: the layout of each path, and why
    games: int = 0
    scanned: int = 0  #: rows and files that the scan has seen
    routes: Counter[str] = field(default_factory=Counter)  #: how rows and files came together
    new: int = 0
    known: int = 0
    changed: int = 0  #: another file than last time: embedded anew
    relabelled: int = 0
    gone: int = 0  #: known from before and no longer there: kept
    pending: int = 0  #: left to be embedded
    embedding: bool = False  #: whether the scan is over
    queued: int = 0  #: clips there were to embed
    opened: int = 0  #: audio files opened
    embedded: int = 0
    refused: Counter[str] = field(default_factory=Counter)  #: by reason
    waiting_for: str = ""  #: what keeps it from going on at this moment
    merged: int = 0  #: of the embedded, clips that turned out to be another place of an older clip of their game
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

    @property
    def figures(self) -> Figures:
        """Where it stands, for people and programs that watch."""
        total = max(self.opened, self.queued)
        left_s = self.elapsed_s / self.opened * (total - self.opened) if self.opened else None
        phase = "done" if self.catalog else "embedding" if self.embedding else "scanning"
        return Figures(
            phase=phase,
            games=self.games,
            scanned=self.scanned,
            clips=self.opened,
            of=total,
            audio_hours=round(self.audio_seconds / 3600, 4),
            rate=round(self.rate, 1),
            left_s=None if left_s is None else round(left_s, 1),
            refused=dict(self.refused),
            waiting_for=self.waiting_for,
        )

    def problem(self, sentence: str) -> None:
        if len(self.problems) < MAX_PROBLEMS and sentence not in self.problems:
            self.problems.append(sentence)
