"""The documents that questions are answered with, over HTTP and by `--json` alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from speaker_search import entities
from speaker_search.cast.voices import Cast
from speaker_search.ingest.report import Figures
from speaker_search.search.matching import Answer, By

DIGITS = 6  # of a score, cosine or probability
MAX_ID = 2**63 - 1  # what a database takes


class Document(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class Maker(Document):
    id: int
    name: str


class Game(Document):
    id: int
    title: str
    maker: Maker


class Character(Document):
    id: int
    name: str
    game: Game
    clips: int = Field(description="Clips embedded in the space asked about.")
    voice: int | None = Field(default=None, description="The voice it belongs to, when the question was by voice.")

    @classmethod
    def of(cls, character: entities.Character, voice: int | None = None) -> Character:
        maker = Maker(id=character.game.maker.id, name=character.game.maker.name)
        game = Game(id=character.game.id, title=character.game.title, maker=maker)
        return cls(id=character.id, name=character.name, game=game, clips=character.clips, voice=voice)


class Clip(Document):
    id: int
    text: str
    seconds: float | None
    audio: str = Field(description="Path of its sound below the server's address.")

    @classmethod
    def of(cls, clip: entities.Clip) -> Clip:
        return cls(id=clip.id, text=clip.text, seconds=clip.seconds, audio=f"/v1/clips/{clip.id}/audio")


class Hit(Document):
    clip: Clip
    cosine: float = Field(description="1.0 = the same recording.")

    @classmethod
    def of(cls, hit: entities.Hit) -> Hit:
        return cls(clip=Clip.of(hit.clip), cosine=round(hit.cosine, DIGITS))


class Match(Document):
    character: Character | None = Field(description="null for a clip whose speaker nobody knows.")
    score: float
    probability: float | None = Field(description="Of being the same voice; null where it could not be learnt.")
    hits: list[Hit] = Field(description="The lines that speak for it, best first.")


class Query(Document):
    clips: int
    seconds: float | None
    encoder: str
    warnings: list[str]


class Search(Document):
    """The answer to a search: inference about voices, not proof of who speaks."""

    query: Query
    matches: list[Match]
    complete: bool = Field(description="Whether no further match exists.")
    next: str | None = Field(description="Cursor of the following page.")

    @classmethod
    def of(cls, answer: Answer) -> Search:
        seconds = answer.query.seconds
        return cls(
            query=Query(
                clips=answer.query.clips,
                seconds=None if seconds is None else round(seconds, 3),
                encoder=answer.encoder,
                warnings=list(answer.warnings),
            ),
            matches=[
                Match(
                    character=None if match.character is None else Character.of(match.character, match.voice),
                    score=round(match.score, DIGITS),
                    probability=None if match.probability is None else round(match.probability, DIGITS),
                    hits=[Hit.of(hit) for hit in match.hits],
                )
                for match in answer.matches
            ],
            complete=answer.complete,
            next=answer.next,
        )


class Characters(Document):
    characters: list[Character]
    next: str | None = Field(description="Cursor of the following page.")


class CastCharacter(Document):
    id: int
    name: str
    game: str
    maker: str
    clips: int
    probability: float | None = Field(description="That it belongs to this voice; null outside a voice.")

    @classmethod
    def of(cls, character: entities.Character, probability: float | None) -> CastCharacter:
        return cls(
            id=character.id,
            name=character.name,
            game=character.game.title,
            maker=character.game.maker.name,
            clips=character.clips,
            probability=None if probability is None else round(probability, DIGITS),
        )


class Voice(Document):
    id: int
    probability: float
    voice_actor: str | None
    characters: list[CastCharacter]


class CastDocument(Document):
    """Recurring voices: inference about voices, not proof of who speaks."""

    encoder: str
    voices: list[Voice]
    unlinked: list[CastCharacter]
    warnings: list[str]

    @classmethod
    def of(cls, cast: Cast) -> CastDocument:
        return cls(
            encoder=cast.encoder,
            voices=[
                Voice(
                    id=voice.id,
                    probability=round(voice.probability, DIGITS),
                    voice_actor=None,
                    characters=[CastCharacter.of(character, probability) for character, probability in voice.members],
                )
                for voice in cast.voices
            ],
            unlinked=[CastCharacter.of(character, None) for character in cast.unlinked],
            warnings=list(cast.warnings),
        )


class Reference(Document):
    """A clip or a character of the catalog: exactly one of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip: int | None = Field(default=None, ge=1, le=MAX_ID)
    character: int | None = Field(default=None, ge=1, le=MAX_ID)


class SearchOptions(Document):
    """How to search: the `query` part beside uploaded sounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = 10
    cursor: str | None = None
    by: By = "character"
    maker: list[str] = []
    game: list[str] = []
    exclude_maker: list[str] = []
    exclude_game: list[str] = []
    min_clips: int = 1
    unlike: list[Reference] = []


class SearchRequest(SearchOptions):
    """A search by what the catalog holds, or by an embedding made elsewhere."""

    like: list[Reference] = []
    embedding: list[float] | None = None


class IngestRequest(Document):
    """Voices to take in, from folders that the server's settings allow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(min_length=1, max_length=100, description="Absolute, below SPKSEARCH_INGEST_ROOTS.")
    layout: Literal["auto", "dump", "folders", "manifest", "shards"] = "auto"
    maker: str | None = None
    game: str | None = None
    retry_refused: bool = False
    enqueue: bool = Field(default=False, description="Note the clips, and leave embedding to workers.")


class Ingest(Document):
    """How an ingest stands."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    progress: Figures
    problems: list[str] = Field(description="Games that could not be read, a sentence each.")
    error: str | None = Field(description="Why it failed.")


class Problem(Document):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
