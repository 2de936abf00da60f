"""What every document is."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

from speaker_search.documents.frames import frame

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
