"""What a catalog holds, what was refused, and how its index and encoders are: what the server says of itself.

None of it names a folder, a file or an address of the server, but for the folders that it may ingest from, which those
who may change the catalog are told.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from speaker_search.documents.document import Document
from speaker_search.documents.installation import MachineState
from speaker_search.documents.reports import ClipCounts, SampledRecall


class IndexState(Document):
    """The index on disk."""

    clips: int = Field(description="Embedded in the catalog.")
    vectors: int = Field(description="In the index on disk.")
    behind: int = Field(description="Changes of the catalog that opening the index replays.")
    plan: str | None = Field(description="What kind it is, and why; null before it is saved for the first time.")
    bytes: int = Field(description="On disk, vectors included.")
    recall: SampledRecall | None = Field(description="Null until `index tune` has measured it.")


class LibraryState(Document):
    """What a catalog holds."""

    encoder: str | None = Field(description="The space being searched; null while the catalog is empty.")
    makers: int
    games: int
    characters: int
    clips: ClipCounts
    refused: dict[str, int] = Field(description="Refused clips by reason, the most frequent first.")
    index: IndexState | None = Field(description="Null while the catalog is empty.")
    version: str = Field(description="Of the program.")
    may_edit: bool = Field(default=True, description="Whether the key of the request may change the catalog.")
    folders: list[str] = Field(
        default=[], description="What POST /v1/ingest may read, told to those who may change the catalog."
    )


class RefusedFile(Document):
    """A clip that was not embedded, and why."""

    id: int
    file: str = Field(description="Below the folder, or in the archive, that was ingested.")
    reason: str
    detail: str


class RefusedFiles(Document):
    """A page of refused clips, by id."""

    clips: list[RefusedFile]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")


class EncoderHealth(Document):
    """An encoder of the server."""

    name: str
    purpose: str = Field(description="What it is for.")
    dim: int | None = Field(description="null when its code cannot be imported.")
    state: Literal["ready", "missing", "broken"] = Field(
        description="Ready; its weights are not on the server; or they cannot be loaded."
    )
    space: str | None = Field(description="null without weights.")
    needs: str = Field(description="Which file, and where it is published.")
    backend: str | None = Field(description='What computes its embeddings, such as "openvino cpu bf16".')
    backend_reason: str | None = Field(description="Why that backend.")


class Health(Document):
    """What works on the server and what does not, as `doctor` says there."""

    encoder: str = Field(description="The default of a new catalog; a catalog with voices keeps its own.")
    encoders: list[EncoderHealth]
    machine: MachineState
    packages: dict[str, str | None] = Field(description="Versions; null for a package that is not installed.")
    formats: list[str] = Field(description="Formats of the sounds that it reads.")


class Folder(Document):
    name: str
    path: str = Field(description="Absolute, as `POST /v1/ingest` takes it.")


class Folders(Document):
    """The folders in a folder that may be ingested."""

    path: str | None = Field(description="The folder looked into; null for the roots.")
    parent: str | None = Field(description="The folder above, unless that may not be ingested.")
    folders: list[Folder] = Field(description="By name, hidden ones left out.")
    complete: bool = Field(description="false where more folders are there than are listed.")
