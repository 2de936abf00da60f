"""A search as it is asked: examples of a voice, and which matches are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from speaker_search import documents
from speaker_search.documents import By, Reference
from speaker_search.entities import Character, Clip, Voice
from speaker_search.errors import UsageError
from speaker_search.library.questions.query_sounds import Sound
from speaker_search.search.query import EVERYBODY, Filters

#: What a voice may be like: a sound, or a clip, character or voice of the catalog, as in any answer.
Example: TypeAlias = (
    Sound | Clip | Character | Voice | documents.Clip | documents.Character | documents.Voice | Reference
)


@dataclass(frozen=True, slots=True)
class Question:
    """One search of several. One example, or several of the same voice; a `cursor` continues an earlier search."""

    like: Example | Sequence[Example] = ()
    unlike: Example | Sequence[Example] = ()
    embedding: Sequence[float] | None = None  #: (dim,) made elsewhere, instead of examples
    limit: int = 10
    cursor: str | None = None
    filters: Filters = EVERYBODY
    by: By = "character"

    @property
    def size(self) -> int:
        """How many examples it has."""
        return len(_listed(self.like)) + len(_listed(self.unlike))

    @classmethod
    def of(
        cls, request: documents.SearchOptions, like: Sequence[Example] = (), unlike: Sequence[Example] = ()
    ) -> Question:
        """The question of a request, and of examples that came with it."""
        filters = Filters(
            makers=request.maker,
            games=request.game,
            exclude_makers=request.exclude_maker,
            exclude_games=request.exclude_game,
            min_clips=request.min_clips,
            min_probability=request.min_probability,
        )
        more = request if isinstance(request, documents.SearchRequest) else documents.SearchRequest()
        return cls(
            like=(*like, *more.like),
            unlike=(*unlike, *request.unlike),
            embedding=more.embedding,
            limit=request.limit,
            cursor=request.cursor,
            filters=filters,
            by=request.by,
        )


def examples(given: Example | Sequence[Example]) -> tuple[list[Sound], list[Reference]]:
    """Sounds, and clips, characters and voices of the catalog. Raises UsageError."""
    sounds: list[Sound] = []
    references: list[Reference] = []
    for one in _listed(given):
        if isinstance(one, str | bytes | Path):
            sounds.append(one)
        elif isinstance(one, Clip | documents.Clip):
            references.append(Reference(clip=one.id))
        elif isinstance(one, Character | documents.Character):
            references.append(Reference(character=one.id))
        elif isinstance(one, Voice | documents.Voice):
            references.append(Reference(voice=one.id))
        elif isinstance(one, Reference):
            references.append(one)
        else:
            raise UsageError(
                f"{type(one).__name__} is not an example of a voice.",
                "Give paths or bytes of sounds, or clips, characters and voices of the catalog.",
            )
    if any(len(kind_and_id(reference)) != 2 for reference in references):
        raise UsageError('Each `like` and `unlike` is one of {"clip": ID}, {"character": ID} and {"voice": ID}.')
    return sounds, references


def _listed(given: Example | Sequence[Example]) -> Sequence[Example]:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        return [given]
    return given  # type: ignore[return-value]  # mypy thinks that a bytearray is bytes


def kind_and_id(reference: Reference) -> tuple[object, ...]:
    """A reference as ("clip", 911). It has another length unless the reference names exactly one thing."""
    return tuple(part for name, id_ in reference.model_dump(exclude_none=True).items() for part in (name, id_))


def references(clips: Sequence[int], characters: Sequence[int], voices: Sequence[int]) -> list[Reference]:
    """References to these ids. They are not checked here: an impossible id is not found later."""
    made = Reference.model_construct
    return [
        *(made(clip=id_) for id_ in clips),
        *(made(character=id_) for id_ in characters),
        *(made(voice=id_) for id_ in voices),
    ]
