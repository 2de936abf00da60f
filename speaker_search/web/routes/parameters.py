"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from speaker_search.documents import MAX_AUTHOR, MAX_ID, MAX_LIMIT

Id = Annotated[int, Path(ge=1, le=MAX_ID, examples=[12])]
AnId = Annotated[int | None, Query(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most to return.")]
Cursor = Annotated[str | None, Query(description="The `next` of the previous page.")]
Name = Annotated[str | None, Query(description="A name, without regard to case and width.")]
Part = Annotated[str | None, Query(description="A part of the name, without regard to case and width.")]
Names = Annotated[list[str], Query()]
Author = Annotated[
    str | None,
    Query(
        max_length=MAX_AUTHOR,
        description="Who says so. Default: the name of the key, without keys the server's login name.",
    ),
]


def _key_name(request: Request) -> str | None:
    return getattr(request.state, "key_name", None)


#: The name of the key that a request came with; None without keys.
KeyName = Annotated[str | None, Depends(_key_name)]


def _may_edit(request: Request) -> bool:
    return getattr(request.state, "may_edit", True)


#: Whether a request may edit: its key has the scope, or the server has no keys.
MayEdit = Annotated[bool, Depends(_may_edit)]


def who_says(author: str | None, key: str | None) -> str | None:
    """Who edits or judges: the author given, or else the name of the key; None without either."""
    return key if author is None else author
