"""An open catalog with its index and encoder: the API of the command line, the server and Python programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.documents import By
from speaker_search.encoders import Encoder
from speaker_search.entities import Character, Floats
from speaker_search.errors import AudioError, SpeakerSearchError, UsageError
from speaker_search.library.holdings import ClipSound
from speaker_search.library.media_types import IN_BROWSERS
from speaker_search.library.models.adopting import Adopting
from speaker_search.library.models.dataset_export import DatasetExport
from speaker_search.library.models.fine_tuning import FineTuning
from speaker_search.library.models.reporting import Reporting
from speaker_search.library.models.suspecting import Suspecting
from speaker_search.library.questions.asking import Asking
from speaker_search.library.questions.query_sounds import Sound
from speaker_search.library.questions.question import Example, Question, examples, references
from speaker_search.library.under_load.sample import sample
from speaker_search.library.voices.confusing import Confusing
from speaker_search.search.query import EVERYBODY, Answer, Answers, Filters, Query, SpeakerAnswer
from speaker_search.settings import Settings


class Library(DatasetExport, FineTuning, Reporting, Adopting, Confusing, Suspecting, Asking):
    """A catalog to search and to ingest into. Use it in a `with` statement, or close it.

    Most methods return a document, the same JSON that the command line prints and the server sends. `search`,
    `search_many`, `search_like`, `similar` and `cast` return objects for Python programs; methods that end in
    `_document` give the same answers as documents.

    Any number of threads may use one library at once: searches run side by side.
    In async programs call it as `await asyncio.to_thread(library.search, "line.ogg")`.

    Every method may raise CatalogError and IndexUnusableError (the catalog or index cannot be used), UsageError and
    NotFoundError (the request cannot be answered); those that embed clips, EncoderError.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        encoder: Encoder | None = None,
        decoder: Sequence[str] | None = None,
        listening: bool | None = None,
    ) -> None:
        """Open the catalog of the settings. The index, the encoder and decoders are started when first needed.

        `encoder` is used instead of loading one, and `decoder` is the command of a decoder process to use instead of
        ours. `listening` says whether speech and noise are looked for in query clips; by default they are, where the
        network for it is installed, unless you pass an encoder of your own.
        """
        super().__init__(settings, encoder=encoder, decoder=decoder, listening=listening)

    def search(
        self,
        like: Example | Sequence[Example] = (),
        *,
        unlike: Example | Sequence[Example] = (),
        limit: int = 10,
        cursor: str | None = None,
        filters: Filters = EVERYBODY,
        by: By = "character",
    ) -> Answer:
        """The nearest characters to examples of one voice, steered away from `unlike`.

        Examples are sounds (paths or bytes), and clips, characters and voices of the catalog, as objects of earlier
        answers or as references. A character counts as its clips, up to eight, a voice as its characters. What is given
        twice counts once, also a clip beside its character. With the `next` of an earlier answer as `cursor` the search
        is continued: examples need not be given again. Raises AudioError for a clip that cannot be used.
        """
        return self._only(Question(like, unlike, limit=limit, cursor=cursor, filters=filters, by=by))

    def search_many(
        self,
        questions: Iterable[Question | Example | Sequence[Example]],
        *,
        limit: int = 10,
        filters: Filters = EVERYBODY,
        by: By = "character",
    ) -> Answers:
        """Many searches, answered in order from one state of the catalog; their clips are embedded together.

        What is not a Question is the examples of one voice, searched with the other arguments. A search that cannot be
        answered has its error in place of an answer, and the others are answered.
        """
        asked = [
            one if isinstance(one, Question) else Question(one, limit=limit, filters=filters, by=by)
            for one in questions
        ]
        return Answers(tuple(self._answers(asked)))

    def search_like(
        self,
        *,
        clips: Sequence[int] = (),
        characters: Sequence[int] = (),
        voices: Sequence[int] = (),
        unlike_clips: Sequence[int] = (),
        unlike_characters: Sequence[int] = (),
        unlike_voices: Sequence[int] = (),
        embedding: Sequence[float] | None = None,
        limit: int = 10,
        cursor: str | None = None,
        filters: Filters = EVERYBODY,
        by: By = "character",
    ) -> Answer:
        """The same for clips, characters and voices of the catalog by id, or for an embedding (dim,) made elsewhere."""
        like = references(clips, characters, voices)
        unlike = references(unlike_clips, unlike_characters, unlike_voices)
        return self._only(Question(like, unlike, embedding, limit, cursor, filters, by))

    def search_speakers(
        self, recording: Sound, *, limit: int = 10, filters: Filters = EVERYBODY, by: By = "character"
    ) -> list[SpeakerAnswer]:
        """What `search` answers for each person in a recording, sorted by how much they speak, with their turns.

        Raises AudioError when the recording cannot be used or nobody speaks in it.
        """
        from speaker_search.search.query import Page

        ready = self.ready

        def embed(clips: Sequence[Floats]) -> Floats:
            return self.turns.embed(self._query_encoder(ready), clips)

        def answered(query: Query) -> Answer:
            return self._answer(ready, query, filters, Page(limit), by)

        return self._query_sounds.answers(recording, ready.profiles, embed, answered)

    def similar(
        self,
        character: str | int,
        *,
        same_game: bool = False,
        limit: int = 10,
        cursor: str | None = None,
        filters: Filters = EVERYBODY,
        by: By = "character",
    ) -> Answer:
        """The nearest characters to one in the catalog (`maker/game/name` or id), in other games unless `same_game`.

        Each match has its `relation` to the character where the catalog has the two spaces that tell.
        """
        from speaker_search.search import cursors
        from speaker_search.search.examples import character_query
        from speaker_search.search.query import Page

        page, ready = Page(limit), self.ready
        with self.catalog.read() as connection:
            found = people.find_character(connection, None, str(character))
        query = character_query(ready, found.id)
        excluded = None if same_game else found.game.id
        if cursor is not None:
            earlier = cursors.read(cursor, ready, self.catalog.uuid)
            same = (earlier.query.character_id, earlier.exclude_game_id) == (found.id, excluded)
            if not same or not earlier.asks(filters, by):
                raise cursors.another()
            filters, by, page = earlier.filters, earlier.by, Page(limit, earlier.given)
        return self._with_relations(self._answer(ready, query, filters, page, by, excluded), found.id)

    def playable_sound(self, clip_id: int, *, read: bool = True) -> ClipSound:
        """The sound of a clip for a browser: as stored, or as WAV where browsers do not play its format.

        `read` is as in `sound`, but what is converted is always read. Raises NotFoundError.
        """
        stored = self.sound(clip_id, read=read)
        if stored.media_type in IN_BROWSERS:
            return stored
        stored = self.sound(clip_id)
        with suppress(AudioError):  # damaged, or of a format that is not read here: whoever has a player may have it
            return ClipSound(self._query_sounds.wav(stored.source), "audio/wav")
        return stored

    def character(self, wanted: str | int) -> Character:
        """A character by `maker/game/name` or id, with its number of embedded clips."""
        space = self.space
        with self.catalog.read() as connection:
            return people.find_character(connection, space, str(wanted))

    def evaluate(self, truth: Path, *, by: Literal["style", "game", "maker"] | None = None) -> documents.Evaluation:
        """Measure search and cast against known voice actors, also those of each style, game or maker."""
        from speaker_search.cast.voices import find_voices
        from speaker_search.evaluation.evaluating import evaluate
        from speaker_search.evaluation.truth import read_truth

        known, ready = read_truth(truth), self._informed(self.ready)
        cast = find_voices(self.catalog, ready, constraints=self._constraints())
        return documents.Evaluation.copy_of(evaluate(self.catalog, ready, cast, known, by))

    def search_document(
        self, like: Sequence[Example], request: documents.SearchOptions, *, unlike: Sequence[Example] = ()
    ) -> documents.Search:
        """What `search` answers, as a document: to these examples and those of the request."""
        return self._only(Question.of(request, like, unlike)).document()

    def speakers_document(
        self, like: Sequence[Example], request: documents.SearchOptions, *, unlike: Sequence[Example] = ()
    ) -> documents.Speakers:
        """What `search_speakers` answers, as a document. Raises UsageError unless it is about one recording alone."""
        asked = Question.of(request, like, unlike)
        sounds, references = examples(asked.like)
        if len(sounds) != 1 or references or any(examples(asked.unlike)) or asked.cursor is not None:
            raise UsageError(
                "Speakers are split in one recording, without `unlike` and without a cursor.", "Leave the rest out."
            )
        found = self.search_speakers(sounds[0], limit=asked.limit, filters=asked.filters, by=asked.by)
        return documents.Speakers(speakers=[one.document() for one in found])

    def searches_document(self, questions: Sequence[Question]) -> documents.Searches:
        """What `search_many` answers, as a document."""
        return self.search_many(questions).document()

    def similar_document(
        self, character: str | int, options: documents.SearchOptions, *, same_game: bool = False
    ) -> documents.Search:
        """What `similar` answers, as a document."""
        asked = Question.of(options)
        return self.similar(
            character, same_game=same_game, limit=asked.limit, cursor=asked.cursor, filters=asked.filters, by=asked.by
        ).document()

    def warm_up(self) -> str:
        """Open the index, load the encoder and start a decoder, so that the first search takes no longer than others.

        Returns the name of the space.
        """
        self._query_encoder(self.ready)  # first: where it cannot be loaded, nothing need be decoded
        with suppress(AudioError):  # some encoders hear that this is not speech
            self.search(sample())
        return self.space.name

    def _only(self, question: Question) -> Answer:
        """The answer to one question. Raises its error."""
        (found,) = self._answers([question])
        if isinstance(found, SpeakerSearchError):
            raise found
        return found
