"""What every document is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from speaker_search.documents.frames import frame
from speaker_search.entities import ObjectPath, place_at

DIGITS = 6  # of a score, cosine or probability


class Document(BaseModel):
    """A JSON answer, or a part of one."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def copy_of(cls, value: Any) -> Self:
        """The document of a value that has its fields as attributes."""
        return cls.model_validate(value)

    def to_frame(self) -> Any:
        """Its fields as one row of a pandas DataFrame. Raises UsageError where pandas is not installed."""
        fields = self.model_dump()
        return frame(fields, [fields.values()])


Rounded = Annotated[float, AfterValidator(lambda value: round(value, DIGITS))]

#: Where a sound is: a Path, or an ObjectPath where it is in object storage. Text in JSON.
SoundPlace = Annotated[
    Path | ObjectPath,
    BeforeValidator(lambda value: place_at(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "path"}),
]
