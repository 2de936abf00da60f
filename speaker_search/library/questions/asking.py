"""Searches: gather the examples of each question, embed those of all questions together, and answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from speaker_search.catalog import duplicates
from speaker_search.catalog.spaces import check_space
from speaker_search.documents import MAX_EXAMPLES, By, Reference
from speaker_search.encoders import Encoder
from speaker_search.encoders.weights import has_segmentation
from speaker_search.entities import Caution
from speaker_search.errors import AudioError, NotFoundError, SpeakerSearchError, TooLargeError, UsageError
from speaker_search.library.questions.gathered import Embedded, Gathered, Side
from speaker_search.library.questions.hearing import Heard, Hearing
from speaker_search.library.questions.inline_sounds import InlineSounds
from speaker_search.library.questions.query_sounds import PROCESSES, QuerySounds, Sound, named, speechless
from speaker_search.library.questions.question import Question, examples, kind_and_id
from speaker_search.library.under_load.stages import Stages
from speaker_search.library.voices.mapping import Mapping
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.examples import Examples
    from speaker_search.search.live import Ready
    from speaker_search.search.query import Answer, Filters, Page, Query

EXAMPLES_AT_ONCE = 32  # of one or more questions, decoded before they are embedded: up to 120 MiB of speech
MOST_RECORDED_S = 1_800.0  # of sound in all questions asked together
OF_ONE = (UsageError, NotFoundError, AudioError, TooLargeError)  # errors that concern one question alone
T = TypeVar("T")
U = TypeVar("U")


class Asking(Mapping):
    """An open catalog that answers questions."""

    def __init__(
        self,
        settings: Settings,
        *,
        encoder: Encoder | None = None,
        decoder: Sequence[str] | None = None,
        listening: bool | None = None,
    ) -> None:
        super().__init__(settings, encoder=encoder)
        if listening is None:
            listening = encoder is None and has_segmentation()
        self._query_sounds = QuerySounds(decoder, hearing=Hearing() if listening else None)
        self.stages = Stages()
        self._inline_sounds = InlineSounds(self)

    def close(self) -> None:
        self._query_sounds.close()
        super().close()

    def _answers(self, questions: Sequence[Question]) -> Iterator[Answer | SpeakerSearchError]:
        """The answer to each question, in order, from one snapshot; or why that question cannot be answered."""
        ready, recorded_s = self.ready, 0.0
        for some in _portions(questions, EXAMPLES_AT_ONCE, lambda question: question.size):
            gathered = _side_by_side(lambda question: _tried(self._gathered, ready, question), some)
            recorded_s += sum(one.recorded_s for one in gathered if isinstance(one, Gathered))
            if recorded_s > MOST_RECORDED_S:
                raise TooLargeError(f"The searches have over {MOST_RECORDED_S:,.0f} s of sound.", "Send fewer at once.")
            embedded = self._embedded(ready, (one for one in gathered if isinstance(one, Gathered)))
            for one in gathered:
                if isinstance(one, Gathered):
                    yield _tried(self._answered, ready, one, embedded)
                else:
                    yield one

    def _gathered(self, ready: Ready, question: Question) -> Gathered:
        """A question, checked and decoded. With a cursor, its examples are only compared with those of that search."""
        from speaker_search.search import cursors
        from speaker_search.search.query import Page

        Page(question.limit)
        like, unlike = examples(question.like), examples(question.unlike)
        if max(len(sounds) + len(references) for sounds, references in (like, unlike)) > MAX_EXAMPLES:
            raise UsageError(f"A search takes at most {MAX_EXAMPLES} clips.", "Leave some out.")
        asks = any(like) or question.embedding is not None
        if question.cursor is None and not asks:
            raise UsageError("A search needs at least one clip, character, voice or embedding.")
        if any(like) and question.embedding is not None:
            raise UsageError("A query is either an embedding, or clips, characters and voices, not both.")
        earlier = None if question.cursor is None else cursors.read(question.cursor, ready, self.catalog.uuid)
        if earlier is not None:
            if not earlier.asks(question.filters, question.by) or (any(unlike) and not asks):
                raise cursors.another()
            if not asks:
                return Gathered(question, earlier=earlier)
        sides = (
            self._side(ready, *like, embedding=question.embedding),
            self._side(ready, *unlike, unlike=True),
        )
        asked = cursors.asked(sides[0].names, sides[1].names)
        if earlier is None:
            return Gathered(question, asked, sides)
        if earlier.query.asked != asked:
            raise cursors.another()
        return Gathered(question, earlier=earlier)

    def _side(
        self,
        ready: Ready,
        sounds: list[Sound],
        references: list[Reference],
        *,
        embedding: Sequence[float] | None = None,
        unlike: bool = False,
    ) -> Side:
        """Decode the sounds and look up the references, each once; a clip of one of the characters is left out."""
        from speaker_search.search.examples import made_elsewhere, stored_examples

        heard: dict[bytes, tuple[int, Heard]] = {}
        left_out: list[AudioError] = []
        decoded: Sequence[Heard | AudioError] = ()
        if sounds:
            with self.stages.timed("decode"):
                decoded = self._query_sounds.waveforms(sounds, unlike=unlike)
        for number, sound in enumerate(decoded, start=1):
            if isinstance(sound, AudioError):
                left_out.append(sound)
            else:
                heard.setdefault(sound.fingerprint, (number, sound))
        if left_out and not heard and not references:
            raise left_out[0]
        names: list[str | bytes] = [*heard, *(" ".join(map(str, kind_and_id(one))) for one in references)]
        clips = [one.clip for one in references if one.clip is not None]
        characters = [one.character for one in references if one.character is not None]
        characters += self._speakers(ready, [one.voice for one in references if one.voice is not None])
        if characters and heard:
            with self.catalog.read() as connection:
                speakers = duplicates.speakers_of(connection, heard)
            heard = {sound: one for sound, one in heard.items() if speakers.get(sound, set()).isdisjoint(characters)}
        stored = stored_examples(self.catalog, ready, clips, characters, heard)
        if embedding is not None:
            stored = made_elsewhere(ready, embedding)
            names.append(blake2b(stored.vectors.tobytes(), digest_size=16).digest())
        return Side(sounds, heard, left_out, stored, names, unlike)

    def _speakers(self, ready: Ready, voices: Sequence[int]) -> list[int]:
        """The ids of the characters of voices. Raises NotFoundError, which says what became of the voice."""
        from speaker_search.cast.history import gone

        if not voices:
            return []
        members = {voice.id: voice.members for voice in self._whole_cast(ready).voices}
        for voice in voices:
            if voice not in members:
                raise gone(self.catalog, ready.space, voice)
        return [character.id for voice in voices for character, _ in members[voice]]

    def _embedded(self, ready: Ready, gathered: Iterable[Gathered]) -> dict[bytes, Embedded]:
        """All sounds with their vectors by fingerprint, each embedded once."""
        sounds = {sound: heard for one in gathered for side in one.sides for sound, (_, heard) in side.heard.items()}
        if not sounds:
            return {}
        encoder = self._query_encoder(ready)
        with self.stages.timed("embed"):
            vectors = self.turns.embed(encoder, [one.samples for one in sounds.values()])
        return {sound: Embedded(sounds[sound], row) for sound, row in zip(sounds, vectors, strict=True)}

    def _answered(self, ready: Ready, gathered: Gathered, embedded: dict[bytes, Embedded]) -> Answer:
        from speaker_search.search.examples import query_of
        from speaker_search.search.query import Page

        question, earlier = gathered.question, gathered.earlier
        if earlier is not None:
            return self._answer(
                ready,
                earlier.query,
                earlier.filters,
                Page(question.limit, earlier.given),
                earlier.by,
                earlier.exclude_game_id,
            )
        like, unlike = (self._examples(ready, side, embedded) for side in gathered.sides)
        query = query_of(like, unlike, gathered.asked)
        return self._answer(ready, query, question.filters, Page(question.limit), question.by)

    def _examples(self, ready: Ready, side: Side, embedded: dict[bytes, Embedded]) -> Examples:
        """What a side is made of. Clips without speech are left out, unless that leaves nothing."""
        from speaker_search.search.examples import Examples

        left_out, voiced = list(side.left_out), {}
        for sound, (number, _) in side.heard.items():
            if np.isfinite(embedded[sound].vector).all():
                voiced[sound] = embedded[sound]
            else:
                silent = speechless(side.sounds[number - 1], ready.space.encoder)
                left_out.append(named(silent, number, len(side.sounds), unlike=side.unlike))
        if left_out and not voiced and not len(side.stored):
            raise left_out[0]
        if not side.heard and not left_out:
            return side.stored
        with self.catalog.read() as connection:
            games = duplicates.games_with(connection, voiced)
        seconds = sum(one.heard.seconds for one in voiced.values())
        heard = Examples(
            np.array([one.vector for one in voiced.values()], np.float32).reshape(-1, ready.space.dim),
            np.ones(len(voiced), np.int64),
            seconds,
            (
                *(Caution(f"Left out: {error}") for error in left_out),
                *(said for one in voiced.values() for said in one.heard.warnings),
            ),
            tuple(sorted(games)),
            2 * sum(one.heard.seconds for one in voiced.values() if one.heard.noisy) > seconds,
        )
        return heard + side.stored

    def _answer(
        self,
        ready: Ready,
        query: Query,
        filters: Filters,
        page: Page,
        by: By,
        exclude_game_id: int | None = None,
    ) -> Answer:
        from speaker_search.search.answering import answer

        with self.stages.timed("compare"):
            found = answer(
                self.catalog,
                ready,
                query,
                filters=filters,
                page=page,
                by=by,
                voices=self._voices(ready) if by == "voice" else None,
                exclude_game_id=exclude_game_id,
            )
        return replace(found, sound=self._inline_sounds)

    def _query_encoder(self, ready: Ready) -> Encoder:
        encoder = self._load(ready.space.encoder, ready.space.name)
        check_space(encoder.space, ready.space.name)
        return encoder


def _portions(whole: Sequence[T], most: float, size: Callable[[T], float]) -> Iterator[list[T]]:
    """A sequence in parts, each up to a total size; what is larger is a part of its own."""
    part: list[T] = []
    total = 0.0
    for one in whole:
        if part and total + size(one) > most:
            yield part
            part, total = [], 0.0
        part.append(one)
        total += size(one)
    if part:
        yield part


def _side_by_side(function: Callable[[T], U], some: Sequence[T]) -> list[U]:
    """A function of each of these, computed as many at a time as there are decoders."""
    if len(some) == 1:
        return [function(some[0])]
    with ThreadPoolExecutor(PROCESSES) as threads:
        return list(threads.map(function, some))


def _tried(function: Callable[..., T], *about: object) -> T | SpeakerSearchError:
    """What a function returns, or what is wrong with the one question that it is about."""
    try:
        return function(*about)
    except OF_ONE as error:
        return error
