"""What went into a data set, and what did not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from speaker_search.documents.document import Document, SoundPlace
from speaker_search.errors import UsageError

Format = Literal["webdataset", "parquet", "sbv2"]
SplitBy = Literal["voice", "game"]
LANGUAGES = ("JP", "EN", "ZH")  # that Style-Bert-VITS2 knows


class DatasetOptions(Document):
    """What a data set is to hold, and how it is divided and stored."""

    form: Format = "webdataset"
    makers: tuple[str, ...] = Field(default=(), description="Only of these; of all where none is named.")
    games: tuple[str, ...] = Field(default=(), description="Likewise.")
    min_seconds: float = 0.0
    max_seconds: float | None = None
    min_clips: int = Field(default=1, description="Of a character, after all else was left out.")
    no_clipping: bool = Field(default=False, description="Leave out sounds that are clipped.")
    one_speaker: bool = Field(default=False, description="Leave out lines in which several people speak.")
    split_by: SplitBy = Field(default="voice", description="By game, no game is in two splits either.")
    may_be: float = Field(
        default=0.1,
        description="Leave out speakers who are one of a held-out split with at least this probability; "
        "1 leaves nobody out.",
    )
    validation: float = Field(default=0.05, description="Share of the clips.")
    test: float = Field(default=0.05, description="Share of the clips.")
    seed: int = 0
    shard_mib: int = Field(default=512, description="Of a tar, or of the sounds in a Parquet file.")
    language: str = Field(default="JP", description="In the lists of Style-Bert-VITS2.")

    def check(self) -> None:
        """Raises UsageError for what makes no sense."""
        if not 0 <= self.min_seconds <= (math.inf if self.max_seconds is None else self.max_seconds):
            raise UsageError("The least length must be 0 s or more, and no more than the greatest.")
        if self.min_clips < 1:
            raise UsageError(f"The minimum number of clips must be at least 1, not {self.min_clips}.")
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise UsageError("The shares of validation and test must be 0 or more, and below 1 together.")
        if not 0 < self.may_be <= 1:
            raise UsageError(
                f"The probability of being one speaker must be above 0 and at most 1, not {self.may_be:g}."
            )
        if self.shard_mib < 1:
            raise UsageError(f"A shard must have at least 1 MiB, not {self.shard_mib}.")
        if self.seed < 0:
            raise UsageError(f"The seed must be 0 or more, not {self.seed}.")
        if self.language not in LANGUAGES:
            raise UsageError(f"The language must be one of {', '.join(LANGUAGES)}, not {self.language}.")


class DatasetSplit(Document):
    """A part of a data set. No speaker is in two of them."""

    name: Literal["train", "validation", "test"]
    clips: int
    seconds: float
    speakers: int = Field(description="Characters of one person count once.")
    characters: int
    games: int


class MissingSound(Document):
    """A clip whose sound could not be read."""

    id: int
    path: SoundPlace
    why: str


class Dataset(Document):
    """A data set that was written."""

    folder: Path
    format: Format
    encoder: str = Field(description="The space by whose voices it was split.")
    files: int
    bytes: int
    clips: int
    splits: list[DatasetSplit]
    left_out: dict[str, int] = Field(description="Clips that were not wanted, by reason.")
    missing: list[MissingSound] = Field(description="Clips that were wanted, and whose sounds could not be read.")
    warnings: list[str]
