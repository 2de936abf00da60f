"""One line of a data set, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spoken:
    """A clip as it goes into a data set."""

    clip: int  #: its id
    split: str
    maker: str
    game: str
    character: str
    speaker: str  #: the character's name, with its game where several are called so
    voice: int  #: equal numbers are one person
    text: str
    seconds: float
    fingerprint: str  #: hexadecimal; equal for the same audio
    suffix: str  #: of its file, such as .ogg
    content: bytes  #: its file

    @property
    def name(self) -> str:
        """Of its file, without the suffix: plain on every system, whatever the character is called."""
        return f"{self.clip:09d}"

    @property
    def said(self) -> dict[str, Any]:
        """All that is known of it, but for its sound."""
        names = ("text", "character", "game", "maker", "speaker", "voice", "seconds", "clip", "fingerprint")
        return {name: getattr(self, name) for name in names}
