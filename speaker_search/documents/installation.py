"""What works on this machine and what does not."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from speaker_search.documents.document import Document


class EncoderState(Document):
    """What one encoder needs, and whether it has it."""

    name: str
    purpose: str = Field(description="What it is for.")
    dim: int | None = Field(description="null when its code cannot be imported.")
    ready: bool = Field(description="Its weights are on this machine and load.")
    space: str | None = Field(description="null without weights.")
    weights: str | None = Field(description="The weights file.")
    commit: str | None = Field(description="The hub's, when the file is in the hub's cache.")
    needs: str = Field(description="Which file, and where it is published.")
    backend: str | None = Field(description='What computes its embeddings, such as "openvino cpu bf16".')
    backend_reason: str | None = Field(description="Why that backend.")
    why: str | None = Field(description="Why it is not ready.")


class MachineState(Document):
    """What encoders run on here."""

    system: str
    python: str
    cpu: str
    cores: int | None
    gpu: str | None = Field(description="The one that torch would use.")
    device: str | None = Field(description="What `--device auto` picks; null when torch cannot be imported.")


class SoundState(Document):
    """Which sounds can be read here."""

    read: list[str] = Field(description="Formats that are always read.")
    more: list[str] = Field(description="Formats that the extra `containers` (the package av) adds to searches.")
    ingested: list[str] = Field(description="The suffixes that it adds to ingests.")
    ready: bool = Field(description="Whether that package is installed and loads.")
    why: str | None = Field(description="Why it is not ready.")


class IndexPlace(Document):
    """What keeps the index."""

    engine: Literal["faiss", "milvus"]
    address: str | None = Field(description="The server's, without user and password; null for files in the home.")
    version: str | None = Field(description="The server's; null where it does not answer, and for files.")
    ready: bool
    why: str | None = Field(default=None, description="Why it is not ready.")


class Diagnosis(Document):
    """Everything that doctor says."""

    encoder: str = Field(description="The default of a new catalog; a catalog with voices keeps its own.")
    encoders: list[EncoderState]
    machine: MachineState
    sounds: SoundState
    index: IndexPlace
    packages: dict[str, str | None] = Field(description="Versions; null for a package that is not installed.")


KeyState = Literal["not needed", "accepted", "missing", "refused", "unknown"]


class ServerDiagnosis(Document):
    """What a running server says of itself, and how it compares with this machine."""

    address: str
    tls: bool
    ready: bool = Field(description="Whether it answers searches.")
    key: KeyState = Field(description="Of the key that was sent; unknown where the server could not say.")
    version: str | None = Field(description="Of the program that serves; null where the server does not tell.")
    own_version: str = Field(description="Of this program.")
    encoder: str | None = Field(description="The space that it searches.")
    own_encoder: str | None = Field(description="The space of this machine's weights of that encoder; null without.")
    embedded: int | None = Field(description="Clips embedded in its catalog.")
    indexed: int | None = Field(description="Clips in its index.")
    pending: int | None = Field(description="Clips still to be embedded.")
    index_age_s: float | None = Field(description="Since its index was last up to date.")
    clock_ahead_s: float | None = Field(description="By how much its clock is ahead of this machine's, to about 1 s.")
    problems: list[str] = Field(default=[], description="What somebody should look at, a sentence each.")
