"""What backups, exports and imports did."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from speaker_search.documents.document import Document


class Backup(Document):
    """What a backup holds."""

    file: Path
    bytes: int
    made_at: str = Field(description="ISO 8601, UTC.")
    made_by: str = Field(description="The version of this program.")
    # Documents may not call a field `schema`: pydantic's models have a method of that name.
    version: str = Field(serialization_alias="schema")
    catalog: str = Field(description="The uuid of the catalog that it was made from.")
    spaces: list[str]
    rows: dict[str, int] = Field(description="By table.")


class Restored(Backup):
    restored: bool = Field(description="false after a dry run, which only checks the file.")


class Exported(Document):
    file: Path
    bytes: int
    encoder: str = Field(description="The space of the vectors.")
    clips: int
    left_out: int = Field(description="Clips whose vectors are damaged.")


class Imported(Document):
    """What became of the rows of a file of voices."""

    file: Path
    encoder: str = Field(description="The space of the vectors.")
    rows: int
    new: int
    merged: int = Field(description="With an older clip of their game that has the same audio.")
    known: int = Field(description="The catalog had them already.")
    malformed: int = Field(description="Rows that cannot be used.")
    problems: list[str] = Field(description="The first of these, a sentence each.")
