"""Makers, games and characters renamed and merged by people, and what each such edit did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from speaker_search.documents.document import Document
from speaker_search.documents.frames import Tabular
from speaker_search.documents.searches.questions import MAX_AUTHOR, Request

Noun = Literal["maker", "game", "character"]
Kind = Literal["rename", "merge"]


class Edit(Document):
    """A rename or a merge."""

    id: int
    kind: Kind
    noun: Noun
    before: str = Field(description="The name before; of a merge, what was merged.")
    after: str = Field(description="The name since; of a merge, what it was merged into.")
    row_id: int = Field(description="The id of the maker, game or character that has the name since.")
    author: str
    at: str = Field(description="ISO 8601, UTC, as all times here.")
    undone_at: str | None
    undone_by: str | None

    @property
    def row(self) -> tuple[object, ...]:
        undone = None if self.undone_at is None else f"{self.undone_at} {self.undone_by}".strip()
        return self.id, self.at, self.author, self.kind, self.noun, self.before, self.after, undone


class Mended(Document):
    """An edit, made or undone, and what followed from it."""

    edit: Edit
    clips: int = Field(description="Clips that belong to another character or game since.")
    new: bool = Field(description="false: it had been undone before, and nothing changed.")


class Edits(Tabular, Document):
    """A page of edits, the latest first; undone ones too."""

    edits: list[Edit]
    next: str | None = Field(description="Cursor of the following page; null on the last one.")

    columns: ClassVar[tuple[str, ...]] = ("edit", "at", "author", "kind", "noun", "before", "after", "undone")

    def cells(self) -> Iterable[tuple[object, ...]]:
        return [one.row for one in self.edits]

    def brief(self) -> dict[str, object]:
        return {"edits": len(self.edits), "next": self.next}


class EditRequest(Request):
    """A rename or merge over HTTP."""

    kind: Kind
    noun: Noun
    what: str = Field(description="Its name, with maker and game in front where several have it, or its id.")
    to: str = Field(description="What it is to be called; of a merge, what it is to be merged into.")
    author: str | None = Field(
        default=None,
        max_length=MAX_AUTHOR,
        description="null: the name of the key, without keys the server's login name.",
    )
