"""What a question is made of, before and after it is embedded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from speaker_search.entities import Floats
from speaker_search.errors import AudioError
from speaker_search.library.questions.hearing import Heard
from speaker_search.library.questions.query_sounds import Sound
from speaker_search.library.questions.question import Question

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.cursors import Cursor
    from speaker_search.search.examples import Examples


@dataclass(frozen=True, slots=True)
class Side:
    """What a voice should be like, or unlike, before it is embedded."""

    sounds: list[Sound]
    heard: dict[bytes, tuple[int, Heard]]  #: by fingerprint, with the number of its first clip
    left_out: list[AudioError]
    stored: Examples
    names: list[str | bytes]  #: what identifies each of its parts
    unlike: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """A sound with its vector."""

    heard: Heard
    vector: Floats  # (dim,) NaN where it has no speech


@dataclass(frozen=True, slots=True)
class Gathered:
    """A question that is ready to be embedded and answered."""

    question: Question
    asked: str = ""  #: see Query
    sides: tuple[Side, ...] = ()  #: like and unlike; empty where `earlier` has the query
    earlier: Cursor | None = None

    @property
    def recorded_s(self) -> float:
        return sum(heard.recorded_s for side in self.sides for _, heard in side.heard.values())
