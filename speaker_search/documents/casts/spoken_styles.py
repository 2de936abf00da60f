"""The styles that a character speaks in."""

from __future__ import annotations

from pydantic import Field

from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.nouns import Character, Clip


class Style(Document):
    """Clips of one character that sound alike. What they have in common is for people to hear: nothing names it."""

    clips: int = Field(description="Of those compared.")
    share: Rounded = Field(description="Of those compared, from 0 to 1.")
    seconds: Rounded = Field(description="The median length of its clips.")
    lines: list[Clip] = Field(description="Its most typical clips, the most typical first; up to three.")


class CharacterStyles(Document):
    """A character's embedded clips in up to four groups that sound alike."""

    encoder: str
    character: Character
    compared: int = Field(description="Clips compared: all, or 2,000 evenly chosen.")
    needed: int = Field(description="With fewer clips than these, styles are not told apart.")
    styles: list[Style] = Field(
        description="The one with the most clips first: a single one where all sound alike, none without clips."
    )
