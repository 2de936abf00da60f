"""What was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from speaker_search.documents.document import Document

Plot = Literal["map", "confusion", "scores", "reliability", "coverage"]
PointsOf = Literal["character", "clip"]
ColouredBy = Literal["game", "maker", "voice", "sex", "character"]

SEED = 1  # of a map's layout, unless another is asked for


class DrawnPanel(Document):
    """One of the pictures in a file."""

    encoder: str = Field(description="The space.")
    shows: str = Field(description="What its points, cells or bars are.")
    points: int = Field(description="How many of these are drawn.")
    of: int = Field(description="How many there are.")
    layout: str | None = Field(default=None, description="How a map was laid out.")


class Picture(Document):
    """A file that was drawn. The same catalog and seed give the same bytes."""

    file: Path
    plot: Plot
    game: str | None = Field(description="The game's maker and title, where it is about one game.")
    panels: list[DrawnPanel]
    seed: int | None = Field(default=None, description="Of a map's layout.")
    notes: list[str] = Field(default=[], description="What is left out, and why.")
