"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from speaker_search.documents import MAX_AUTHOR, MAX_ID, MAX_LIMIT

Id = Annotated[int, Path(ge=1, le=MAX_ID, examples=[12])]
AnId = Annotated[int | None, Query(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most to return.")]
Cursor = Annotated[str | None, Query(description="The `next` of the previous page.")]
Name = Annotated[str | None, Query(description="A name, without regard to case and width.")]
Part = Annotated[str | None, Query(description="A part of the name, without regard to case and width.")]
Names = Annotated[list[str], Query()]
Author = Annotated[
    str | None, Query(max_length=MAX_AUTHOR, description="Who says so. Default: the server's login name.")
]
