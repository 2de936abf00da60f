"""What every document is."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

DIGITS = 6  # of a score, cosine or probability


class Document(BaseModel):
    """A JSON answer, or a part of one."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def copy_of(cls, value: Any) -> Self:
        """The document of a value that has its fields as attributes."""
        return cls.model_validate(value)


Rounded = Annotated[float, AfterValidator(lambda value: round(value, DIGITS))]
