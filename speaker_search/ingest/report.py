"""What an ingest has done so far: a Tally counts it and turns into a documents.IngestReport."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from speaker_search import documents
from speaker_search.catalog.spaces import ClipCounts

MAX_PROBLEMS = 50  # sentences kept


@dataclass(slots=True)
class Tally:
    """Counts are in clips unless they say otherwise."""

    encoder: str = ""
    computed_by: str = ""  #: what computes the embeddings, such as "openvino cpu bf16", and why
    recognised: list[str] = field(default_factory=list)  #: the layout of each path, and why
    games: int = 0
    scanned: int = 0  #: rows and files that the scan has seen
    routes: Counter[str] = field(default_factory=Counter)  #: how rows and files were matched
    needs_av: int = 0  #: of these, those that only the package av reads, where it is not installed
    new: int = 0
    known: int = 0
    changed: int = 0  #: the file differs from last time: embedded again
    relabelled: int = 0
    gone: int = 0  #: the file is no longer there; the clip is kept
    moved: list[str] = field(default_factory=list)  #: folders and archives found under a new name, a sentence each
    pending: int = 0  #: still to be embedded
    embedding: bool = False  #: whether the scan is over
    queued: int = 0  #: clips to embed in total
    opened: int = 0  #: audio files opened
    embedded: int = 0
    refused: Counter[str] = field(default_factory=Counter)  #: by reason
    waiting_for: str = ""  #: why it is waiting; empty while it works
    merged: int = 0  #: embedded clips that turned out to have the same audio as an older clip of their game
    audio_seconds: float = 0.0  #: of the clips embedded
    elapsed_s: float = 0.0  #: spent embedding
    nodes: list[documents.ClusterNode] = field(default_factory=list)  #: of the cluster that embeds
    catalog: ClipCounts | None = None  #: what the catalog holds of the space at the end
    problems: list[str] = field(default_factory=list)  #: game folders that could not be read, a sentence each

    def problem(self, sentence: str) -> None:
        """Add a sentence about a game that could not be read, unless it is there already."""
        if len(self.problems) < MAX_PROBLEMS and sentence not in self.problems:
            self.problems.append(sentence)

    @property
    def report(self) -> documents.IngestReport:
        """The counts as they are now."""
        of = max(self.opened, self.queued)
        left_s = self.elapsed_s / self.opened * (of - self.opened) if self.opened else None
        rate = self.audio_seconds / self.elapsed_s if self.elapsed_s > 0 else 0.0
        return documents.IngestReport(
            phase=self._phase,
            encoder=self.encoder,
            computed_by=self.computed_by,
            recognised=self.recognised,
            games=self.games,
            scanned=self.scanned,
            routes=self.routes,
            needs_av=self.needs_av,
            new=self.new,
            known=self.known,
            changed=self.changed,
            relabelled=self.relabelled,
            gone=self.gone,
            moved=self.moved,
            opened=self.opened,
            of=of,
            embedded=self.embedded,
            merged=self.merged,
            refused=self.refused,
            pending=self.pending,
            audio_seconds=round(self.audio_seconds, 3),
            elapsed_s=round(self.elapsed_s, 3),
            rate=round(rate, 1),
            left_s=None if left_s is None else round(left_s, 1),
            waiting_for=self.waiting_for,
            problems=self.problems,
            nodes=self.nodes,
            catalog=None if self.catalog is None else documents.ClipCounts.copy_of(self.catalog),
        )

    @property
    def _phase(self) -> Literal["scanning", "embedding", "done"]:
        if self.catalog is not None:
            return "done"
        return "embedding" if self.embedding else "scanning"
