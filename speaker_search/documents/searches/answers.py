"""Answers about voices: the matches of a search, and the recurring voices. Inference, not proof of who speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from speaker_search import entities, errors
from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.frames import Tabular
from speaker_search.documents.nouns import Character, Hit, NamedCharacter

INFERENCE = "Inferred from how voices sound: likely, never proven."
#: The stable type of what may be wrong with one search of several; the first class that fits counts.
FAILURES = {
    errors.NotFoundError: "not-found",
    errors.UsageError: "usage",
    errors.AudioError: "audio",
    errors.TooLargeError: "too-large",
}
NO_REASONS: Mapping[int, str] = MappingProxyType({})


class Query(Document):
    clips: int
    seconds: float | None
    encoder: str
    warnings: list[str]


class Relation(Document):
    """How two characters stand to each other, by two encoders: one tells actors apart, one even their characters.

    The four probabilities sum to 1. Inference about voices, not proof of who speaks.
    """

    case: entities.Case = Field(description="The likeliest.")
    same_role: Rounded = Field(description="The same character again, as in a sequel.")
    same_actor: Rounded = Field(description="The same actor in another role.")
    sound_alike: Rounded = Field(description="Another actor who sounds like the same character.")
    different: Rounded = Field(description="Another actor and another character.")
    actor_known: bool = Field(
        description="Whether verdicts or credits say if the actor is the same; otherwise it is inferred, too."
    )

    @property
    def words(self) -> str:
        """The case and its probability, for people."""
        known = ", actor known" if self.actor_known else ""
        return f"{self.case.replace('_', ' ')} {getattr(self, self.case):.3f}{known}"


class Match(Document):
    character: Character | None = Field(description="null for a clip whose speaker is unknown.")
    score: Rounded
    probability: Rounded | None = Field(description="Of being the same voice; null when it cannot be calibrated.")
    hits: list[Hit] = Field(description="Its clips nearest to the query, best first.")
    relation: Relation | None = Field(
        default=None,
        description="To the character asked about, where embeddings of both encoders tell; null otherwise.",
    )


class Search(Tabular, Document):
    """The answer to a search: inference about voices, not proof of who speaks."""

    query: Query
    matches: list[Match]
    complete: bool = Field(description="Whether these are the last matches.")
    next: str | None = Field(
        description="Cursor of the following page. Pages neither repeat nor skip a match, even if the catalog changes "
        "in between. null on the last page, and in searches by clip after 10,000 lines."
    )
    nobody: Rounded | None = Field(
        description="The probability that none of the characters that pass the filters is this voice; "
        "null when it cannot be calibrated, and in searches by clip."
    )
    cannot_tell: str | None = Field(
        default=None, description="For a character's matches: why they have no `relation`. null otherwise."
    )

    columns: ClassVar[tuple[str, ...]] = (
        *("character_id", "character", "game", "maker", "clips", "voice"),
        *("score", "probability", "clip_id", "cosine", "text"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each match, with its line nearest to the query."""
        for match in self.matches:
            who = match.character
            of = (None,) * 6 if who is None else (*who.row, who.voice)
            best = match.hits[0] if match.hits else None
            line = (None,) * 3 if best is None else (best.clip.id, best.cosine, best.clip.text)
            yield (*of, match.score, match.probability, *line)

    def brief(self) -> dict[str, object]:
        nearest = self.matches[0] if self.matches else None
        who = None if nearest is None or nearest.character is None else nearest.character.address
        return {
            "matches": len(self.matches),
            "nearest": who,
            "probability": None if nearest is None else nearest.probability,
            "nobody": self.nobody,
            "warnings": len(self.query.warnings),
        }

    @classmethod
    def of_matches(
        cls,
        matches: Iterable[entities.Match],
        *,
        query: Query,
        complete: bool,
        next: str | None,
        nobody: float | None,
        cannot_tell: str | None = None,
    ) -> Search:
        """A page of matches, best first; `next` is the cursor of the following page."""
        found = [_match(match) for match in matches]
        return cls(query=query, matches=found, complete=complete, next=next, nobody=nobody, cannot_tell=cannot_tell)


class Failure(Document):
    """Why one search of several was not answered."""

    type: str = Field(description="As in a problem document.")
    detail: str

    @classmethod
    def of(cls, error: errors.SpeakerSearchError) -> Failure:
        kind = next((kind for known, kind in FAILURES.items() if isinstance(error, known)), "error")
        return cls(type=f"urn:spksearch:problem:{kind}", detail=str(error))


class OneSearch(Document):
    """The answer to one search of several, or why there is none: exactly one of the two."""

    search: Search | None
    problem: Failure | None


class Searches(Tabular, Document):
    """The answers to many searches, in the order in which they were asked."""

    answers: list[OneSearch]

    columns: ClassVar[tuple[str, ...]] = ("query", *Search.columns, "problem")

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each match, with the number of its search from 0; one row for a search that was not answered."""
        for number, one in enumerate(self.answers):
            if one.search is not None:
                yield from ((number, *row, None) for row in one.search.cells())
            elif one.problem is not None:
                yield (number, *(None,) * len(Search.columns), one.problem.detail)

    def brief(self) -> dict[str, object]:
        return {"answers": len(self.answers), "problems": sum(one.problem is not None for one in self.answers)}


class CastCharacter(NamedCharacter):
    clips: int
    probability: Rounded | None = Field(description="That it belongs to this voice; null outside a voice.")
    doubling: bool = Field(default=False, description="Whether another member of the voice is of the same game.")
    reason: str | None = Field(
        default=None,
        description="Why it was left out of linking: repeats (another game has the audio of all its lines), "
        "too_little_speech, inconsistent (its lines differ as if several people spoke them), unlike_others (its "
        "game's voices are far from those of all other games). null otherwise.",
    )

    @property
    def row(self) -> tuple[object, ...]:
        return *super().row, self.clips, self.probability


class Voice(Document):
    id: int
    probability: Rounded
    voice_actor: str | None = Field(description="Whom the credits of its characters agree on; null otherwise.")
    sex: entities.Sex | None = Field(default=None, description="Of that actor, where a list of credits says it.")
    characters: list[CastCharacter]
    stored: bool = Field(default=False, description="Whether its id stays; otherwise it holds for this answer only.")

    @property
    def cells(self) -> list[tuple[object, ...]]:
        """A row for each of its characters."""
        return [(self.id, self.probability, self.voice_actor, *one.row) for one in self.characters]

    @classmethod
    def of(cls, voice: entities.Voice) -> Voice:
        games = Counter(character.game.id for character, _ in voice.members)
        return cls(
            id=voice.id,
            probability=voice.probability,
            voice_actor=voice.voice_actor,
            sex=voice.sex,
            characters=[
                CastCharacter.of(
                    character, clips=character.clips, probability=likely, doubling=games[character.game.id] > 1
                )
                for character, likely in voice.members
            ],
            stored=voice.stored,
        )


class Cast(Tabular, Document):
    """Recurring voices: inference about voices, not proof of who speaks."""

    encoder: str
    voices: list[Voice]
    unlinked: list[CastCharacter]
    warnings: list[str]
    inference: str = INFERENCE

    columns: ClassVar[tuple[str, ...]] = (
        *("voice", "voice_probability", "voice_actor"),
        *("character_id", "character", "game", "maker", "clips", "probability"),
    )

    def cells(self) -> Iterable[tuple[object, ...]]:
        """A row for each character; without a voice, its first cells are None."""
        for voice in self.voices:
            yield from voice.cells
        yield from ((None, None, None, *one.row) for one in self.unlinked)

    def brief(self) -> dict[str, object]:
        return {"voices": len(self.voices), "unlinked": len(self.unlinked), "warnings": len(self.warnings)}

    @classmethod
    def of_voices(
        cls,
        voices: Iterable[entities.Voice],
        unlinked: Iterable[entities.Character],
        *,
        encoder: str,
        warnings: Iterable[str],
        reasons: Mapping[int, str] = NO_REASONS,
    ) -> Cast:
        """The voices, and the characters that belong to none, with the reasons of those that were left out, by id."""
        return cls(
            encoder=encoder,
            voices=[Voice.of(voice) for voice in voices],
            unlinked=[
                CastCharacter.of(one, clips=one.clips, probability=None, reason=reasons.get(one.id)) for one in unlinked
            ],
            warnings=list(warnings),
        )


def _match(match: entities.Match) -> Match:
    found = Match.copy_of(match)
    if found.character is None or match.voice is None:
        return found
    return found.model_copy(update={"character": found.character.model_copy(update={"voice": match.voice})})
