"""Reports: what an ingest has done, and how the index compares with the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from speaker_search.documents.answers import Cast, Search
from speaker_search.documents.document import Document


class ClipCounts(Document):
    """What the catalog holds for one encoder, in clips."""

    embedded: int
    pending: int
    refused: int


class IngestReport(Document):
    """What an ingest or a worker has done so far. Counts are in clips unless they say otherwise."""

    phase: Literal["scanning", "embedding", "done"] = "scanning"
    encoder: str = ""
    computed_by: str = Field(default="", description='What computes embeddings, such as "openvino cpu bf16", and why.')
    recognised: list[str] = Field(default=[], description="The layout of each path, and how it was recognised.")
    games: int = 0
    scanned: int = Field(default=0, description="Rows and files that the scan has seen.")
    routes: dict[str, int] = Field(default={}, description="How rows and files were matched.")
    new: int = 0
    known: int = 0
    changed: int = Field(default=0, description="The file differs from last time: embedded again.")
    relabelled: int = 0
    gone: int = Field(default=0, description="The file is no longer there; the clip is kept.")
    opened: int = Field(default=0, description="Audio files opened: embedded or refused.")
    of: int = Field(default=0, description="Audio files to open in total.")
    embedded: int = 0
    merged: int = Field(default=0, description="Embedded clips with the same audio as an older clip of their game.")
    refused: dict[str, int] = Field(default={}, description="By reason.")
    pending: int = Field(default=0, description="Left to be embedded.")
    audio_seconds: float = Field(default=0.0, description="Embedded audio.")
    elapsed_s: float = Field(default=0.0, description="Time spent embedding.")
    rate: float = Field(default=0.0, description="Seconds of audio embedded per second.")
    left_s: float | None = Field(default=None, description="Estimated time left; null while it is unknown.")
    waiting_for: str = Field(default="", description="What it is waiting for; empty while it works.")
    problems: list[str] = Field(default=[], description="Games that could not be read, a sentence each.")
    catalog: ClipCounts | None = Field(default=None, description="What the catalog holds at the end.")

    @property
    def trouble(self) -> bool:
        """Whether something was not ingested."""
        return bool(self.refused or self.problems or self.routes.get("malformed"))


class Ingest(Document):
    """An ingest requested from a server."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    progress: IngestReport
    error: str | None = Field(description="Why it failed.")


class PreviewCount(Document):
    """Clips that agree in all of these."""

    maker: str
    game: str
    character: str | None = Field(description="null when the speaker is unknown.")
    layout: str
    route: str
    clips: int


class Preview(Document):
    """What an ingest would find."""

    recognised: list[str]
    games: int
    counts: list[PreviewCount]
    routes: dict[str, int]
    problems: list[str]

    @property
    def trouble(self) -> bool:
        """Whether something would not be ingested."""
        return bool(self.problems or self.routes.get("malformed"))


class Comparison(Document):
    """The index against the catalog, in clips."""

    vectors: int = Field(description="In the index.")
    missing: int = Field(description="In the catalog only.")
    extra: int = Field(description="In the index only.")
    different: int = Field(description="In both, with different vectors.")


class Verification(Document):
    clips: ClipCounts
    index: Comparison
    ok: bool


class IndexStatus(Document):
    """The index on disk."""

    encoder: str
    folder: str
    clips: int = Field(description="Embedded in the catalog.")
    vectors: int = Field(description="In the index on disk.")
    behind: int = Field(description="Changes of the catalog that opening the index replays.")
    plan: str | None


class Forgotten(Document):
    clips: int


class Upgraded(Document):
    # Documents may not call a field `schema`: pydantic's models have a method of that name.
    version: str = Field(serialization_alias="schema")


class Demo(Document):
    """What the tour of the bundled voices saw."""

    home: Path = Field(description="The folder that keeps its catalog.")
    ingest: IngestReport
    search: Search
    cast: Cast
    verify: Verification
    recurring: int
    found: int
    false: int
    right: bool


class Problem(Document):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
