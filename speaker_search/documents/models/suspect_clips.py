"""Clips that sound less like their own character than like another. Inference, not proof of who speaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import Clip, NamedCharacter, PlacedClip


class HeardCharacter(NamedCharacter):
    """A character as a clip is compared with it."""

    cosine: Rounded = Field(description="Of the clip with the mean of the character's other clips.")
    line: Clip | None = Field(description="A typical line of the character, to hear beside the clip.")


class SuspectClip(PlacedClip):
    """A clip that may belong to another character."""

    own: HeardCharacter = Field(description="The character that it belongs to.")
    likelier: HeardCharacter = Field(description="The character that it sounds more like.")
    probability: Rounded = Field(
        description="That it is the likelier character's, given that it belongs to one of the two."
    )


class SuspectClips(Tabular, Document):
    """Clips that may belong to another character, the most suspect first: inference, not proof of who speaks."""

    encoder: str
    clips: list[SuspectClip]
    found: int = Field(description="How many there are; `clips` may be fewer.")
    compared: int = Field(description="Clips that were compared.")
    alone: int = Field(description="Clips that are their character's only one: there is nothing to compare them with.")
    warnings: list[str]

    columns: ClassVar[tuple[str, ...]] = (
        *("path", "maker", "game", "character", "was_game", "was", "probability", "likelier_cosine", "own_cosine"),
        *("clip_id", "likelier_line_id", "own_line_id", "seconds", "text"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each clip, with the likelier character as `character` and its own one as `was`."""
        for one in self.clips:
            own, likelier = one.own, one.likelier
            yield (
                *(str(one.path), likelier.maker, likelier.game, likelier.name, own.game, own.name),
                *(one.probability, likelier.cosine, own.cosine),
                *(one.id, _id(likelier.line), _id(own.line), one.seconds, one.text),
            )

    @property
    def of_their_game(self) -> list[SuspectClip]:
        """The clips whose likelier character is of their own game: a corrected speaker mends these."""
        return [one for one in self.clips if (one.own.maker, one.own.game) == (one.likelier.maker, one.likelier.game)]

    def brief(self) -> dict[str, object]:
        return {"clips": len(self.clips), "found": self.found, "compared": self.compared}


def _id(line: Clip | None) -> int | None:
    return None if line is None else line.id
