"""Reports: what an ingest has done, and how the index compares with the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, computed_field

from speaker_search.documents.casts.judgements import JudgedVerdict
from speaker_search.documents.casts.voice_changes import VoiceChange
from speaker_search.documents.document import Document, Rounded, SoundPlace
from speaker_search.documents.frames import Tabular
from speaker_search.documents.searches.answers import Cast, Search
from speaker_search.entities import counted


class ClipCounts(Document):
    """What the catalog holds for one encoder, in clips."""

    embedded: int
    pending: int
    refused: int


Route: TypeAlias = Literal[
    "exact",
    "sibling",
    "stem",
    "missing",
    "unlisted",
    "repeated",
    "malformed",
    "unsupported",
    "skipped",
    "film",
    "folder",
]


class Scanned(Document):
    """What a scan has found, before any sound is opened."""

    recognised: list[str] = Field(default=[], description="The layout of each path, and how it was recognised.")
    games: int = 0
    routes: dict[str, int] = Field(default={}, description="How rows and files were matched.")
    needs_av: int = Field(default=0, description="Of these, those that only the package av reads, if it is missing.")
    problems: list[str] = Field(default=[], description="Games that could not be read, a sentence each.")

    @computed_field(description="What to do about rows and files that are not ingested, a sentence or two each.")  # type: ignore[prop-decorator]  # mypy lacks decorated properties
    @property
    def advice(self) -> list[str]:
        """What to do about rows and files that are not ingested."""
        advice = []
        if count := self.routes.get("unsupported"):
            advice.append(
                f"{count:,} unsupported: sounds in formats that are not read. Convert them beside the originals, for "
                "example `ffmpeg -i a.m4a a.flac`, and ingest again."
            )
        if self.needs_av:
            advice.append(
                f"{counted(self.needs_av, 'sound')} in formats that need the extra `containers` (the package av), "
                "which is not installed: `pip install av`, then ingest again with --retry-refused."
            )
        if count := self.routes.get("malformed"):
            advice.append(
                f"{count:,} malformed: rows and files that cannot be used. `spksearch ingest PATH --dry-run --list "
                "malformed` gives the reason for each."
            )
        if count := self.routes.get("skipped"):
            advice.append(
                f"{count:,} skipped: sounds below a list that does not name them. Add them to the list, or ingest with "
                "--layout folders, which takes every sound and no list."
            )
        if count := self.routes.get("film"):
            advice.append(
                f"{counted(count, 'film')} left out. If one holds voices that are in no other file, name it in a list "
                "(mp4, webm, mkv), or extract its sound, for example `ffmpeg -i a.mpg a.flac`, and ingest again."
            )
        return advice

    @property
    def trouble(self) -> bool:
        """Whether anything is left out that has to be mended."""
        return bool(self.problems or self.routes.get("malformed") or self.routes.get("unsupported"))


class ClusterNode(Document):
    """What the workers of one node of a cluster have done so far."""

    name: str
    workers: int = Field(description="How many run on it now.")
    opened: int = Field(description="Audio files opened: embedded or refused.")
    audio_seconds: float = Field(description="Embedded audio.")


class IngestReport(Scanned):
    """What an ingest or a worker has done so far. Counts are in clips unless they say otherwise."""

    phase: Literal["scanning", "embedding", "done"] = "scanning"
    encoder: str = ""
    computed_by: str = Field(default="", description='What computes embeddings, such as "openvino cpu bf16", and why.')
    scanned: int = Field(default=0, description="Rows and files that the scan has seen.")
    new: int = 0
    known: int = 0
    changed: int = Field(default=0, description="The file differs from last time: embedded again.")
    relabelled: int = 0
    gone: int = Field(default=0, description="The file is no longer there; the clip is kept.")
    moved: list[str] = Field(default=[], description="Folders and archives found under a new name, a sentence each.")
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
    nodes: list[ClusterNode] = Field(default=[], description="Of the cluster that embeds, if there is one.")
    catalog: ClipCounts | None = Field(default=None, description="What the catalog holds at the end.")

    @property
    def trouble(self) -> bool:
        """Whether something was not ingested."""
        return bool(self.refused) or super().trouble


class Ingest(Document):
    """An ingest requested from a server."""

    id: str
    requested: str = Field(description="When it was requested: an ISO 8601 time in UTC.")
    paths: list[str]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: IngestReport
    error: str | None = Field(default=None, description="Why it failed.")


class Ingests(Document):
    """Requested ingests, the newest first."""

    ingests: list[Ingest]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")


class Readiness(Document):
    """That a server answers searches."""

    status: Literal["ready"] = "ready"
    encoder: str = Field(description="The space that is searched.")
    clips: int = Field(description="In the index.")
    characters: int = Field(description="That a search compares.")
    games: int = Field(description="That these are from.")


class PreviewCount(Document):
    """Clips that agree in all of these."""

    maker: str
    game: str
    character: str | None = Field(description="null when the speaker is unknown.")
    layout: str
    route: str
    clips: int


class Preview(Tabular, Scanned):
    """What an ingest would find."""

    counts: list[PreviewCount]

    columns: ClassVar[tuple[str, ...]] = tuple(PreviewCount.model_fields)

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [tuple(value for _, value in count) for count in self.counts]

    def brief(self) -> dict[str, object]:
        clips = sum(count.clips for count in self.counts)
        return {"games": self.games, "clips": clips, "problems": len(self.problems)}


class Listed(Document):
    """A row or file that a preview has seen."""

    maker: str
    game: str
    character: str | None = Field(description="null when the speaker is unknown.")
    root: str = Field(description="The folder or archive that it is in.")
    path: str = Field(
        description="Below the root. As the row writes it where there is no file; empty where the row names none."
    )
    text: str
    route: Route
    why: str = Field(description="Why it is malformed; empty for other routes.")


class Comparison(Document):
    """The index against the catalog, in clips."""

    vectors: int = Field(description="In the index.")
    missing: int = Field(description="In the catalog only.")
    extra: int = Field(description="In the index only.")
    different: int = Field(description="In both, with different vectors.")


class UnusableVector(Document):
    """A clip whose stored vector is damaged: no answer has it until it is embedded anew."""

    id: int
    path: SoundPlace
    why: str


class Verification(Document):
    clips: ClipCounts
    index: Comparison
    compared: int = Field(description="Vectors compared with the catalog's; the labels of all clips always are.")
    unusable: list[UnusableVector] = Field(default=[], description="Embedded clips whose vectors are damaged.")
    requeued: int = Field(default=0, description="Clips that a repair has queued, to be embedded anew.")
    ahead: int = Field(
        default=0,
        description="Changes that the saved index has seen and the catalog has not: the database was set back.",
    )
    ok: bool


class SampledRecall(Document):
    """How many of the nearest clips an index finds, as `index tune` measured it with clips of the catalog."""

    target: float = Field(description="The recall_at_10 that was asked for.")
    queries: int
    recall_at_10: Rounded
    recall_at_100: Rounded
    filtered: dict[str, Rounded] = Field(description="recall_at_10 under kinds of filters.")


class IndexStatus(Document):
    """The index on disk, or in Milvus."""

    encoder: str
    folder: str = Field(description="Where it is; in Milvus, the server and the collection's alias.")
    clips: int = Field(description="Embedded in the catalog.")
    vectors: int = Field(description="In the index.")
    behind: int = Field(description="Changes of the catalog that opening the index replays.")
    plan: str | None = Field(description="What kind it is, and why.")
    kind: str | None = Field(description="In FAISS's or Milvus's words.")
    lists: int = Field(description="0 where a search scans exactly.")
    nprobe: int = Field(description="Lists that a search without filters looks into.")
    games: int = Field(description="Games that the lists were trained on.")
    bytes: int = Field(description="On disk, vectors included; 0 in Milvus.")
    recall: SampledRecall | None = Field(description="Null until `index tune` has measured it.")


class Forgotten(Document):
    clips: int


class Upgraded(Document):
    # Documents may not call a field `schema`: pydantic's models have a method of that name.
    version: str = Field(serialization_alias="schema")


class TriedVerdict(Document):
    """What a verdict did to the cast, and that undoing it restored the cast."""

    verdict: JudgedVerdict = Field(description="As given, before it was undone.")
    undone: JudgedVerdict
    changes: list[VoiceChange]
    restored: bool = Field(description="Whether each voice has its id and its characters again.")


class Demo(Document):
    """What the tour of the bundled voices saw."""

    home: Path = Field(description="The folder that keeps its catalog.")
    ingest: IngestReport
    search: Search
    cast: Cast
    tried: TriedVerdict | None = Field(description="null where earlier verdicts leave none to try.")
    verify: Verification
    recurring: int
    found: int
    false: int
    right: bool


class Problem(Document):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="What kind of problem it is: urn:spksearch:problem: and a name that never changes.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what to do about it.")
