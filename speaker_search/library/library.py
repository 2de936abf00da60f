"""An open catalog with its index and encoder: the API of the command line, the server and Python programs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from speaker_search import documents
from speaker_search.catalog import duplicates, people
from speaker_search.catalog.spaces import check_space
from speaker_search.documents import MAX_EXAMPLES, By
from speaker_search.encoders import Encoder
from speaker_search.encoders.weights import has_segmentation
from speaker_search.entities import Character, Floats
from speaker_search.errors import AudioError, UsageError
from speaker_search.library.listening.hearing import Heard, Hearing
from speaker_search.library.listening.query_sounds import QuerySounds, Sound, named, speechless
from speaker_search.library.voices.crediting import Crediting
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.examples import Examples
    from speaker_search.search.live import Ready
    from speaker_search.search.query import Answer, Filters, Page, Query, SpeakerAnswer


class Library(Crediting):
    """A catalog to search and to ingest into. Use it in a `with` statement, or close it.

    Most methods return a document, the same JSON that the command line prints and the server sends. `search`,
    `search_like`, `similar` and `cast` return objects for Python programs; `search_document`, `similar_document` and
    `cast_document` give the same answers as documents.

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
        super().__init__(settings, encoder=encoder)
        if listening is None:
            listening = encoder is None and has_segmentation()
        self._query_sounds = QuerySounds(decoder, hearing=Hearing() if listening else None)
        self._encoding = threading.Lock()  # an encoder embeds one query at a time

    def close(self) -> None:
        self._query_sounds.close()
        super().close()

    def search(
        self,
        clips: Sound | Sequence[Sound],
        *,
        unlike: Sequence[Sound] = (),
        unlike_clips: Sequence[int] = (),
        unlike_characters: Sequence[int] = (),
        filters: Filters | None = None,
        page: Page | None = None,
        by: By = "character",
    ) -> Answer:
        """The nearest characters to one or more clips of one voice, steered away from `unlike`.

        The same audio given twice counts once. Raises AudioError for a clip that cannot be used.
        """
        clips = [clips] if isinstance(clips, str | bytes | Path) else clips
        if not clips:
            raise UsageError("A search needs at least one clip.")
        if max(len(clips), len(unlike)) > MAX_EXAMPLES:
            raise UsageError(f"A search takes at most {MAX_EXAMPLES} clips.", "Leave some out.")
        from speaker_search.search.examples import query_of, stored_examples

        ready = self.ready
        like = self._embed(ready, clips)
        other = stored_examples(self.catalog, ready, unlike_clips, unlike_characters).vectors
        if unlike:
            steered = self._embed(ready, unlike, unlike=True)
            other = np.concatenate([other, steered.vectors])
            like = replace(like, warnings=like.warnings + steered.warnings)
        return self._answer(ready, query_of(like, other), filters, page, by)

    def search_speakers(
        self, recording: Sound, *, filters: Filters | None = None, page: Page | None = None, by: By = "character"
    ) -> list[SpeakerAnswer]:
        """What `search` answers for each of the people in a recording, who speaks most first, with their turns.

        Raises AudioError when the recording cannot be used or nobody speaks in it.
        """
        ready = self.ready

        def embed(clips: Sequence[Floats]) -> Floats:
            with self._encoding:
                return self._query_encoder(ready).embed(clips)

        return self._query_sounds.answers(
            recording, ready.profiles, embed, lambda query: self._answer(ready, query, filters, page, by)
        )

    def search_like(
        self,
        *,
        clips: Sequence[int] = (),
        characters: Sequence[int] = (),
        unlike_clips: Sequence[int] = (),
        unlike_characters: Sequence[int] = (),
        embedding: Sequence[float] | None = None,
        filters: Filters | None = None,
        page: Page | None = None,
        by: By = "character",
    ) -> Answer:
        """The same for clips and characters of the catalog, by id, or for an embedding (dim,) made elsewhere.

        A character counts as its clips, up to eight.
        """
        from speaker_search.search.examples import Examples, query_of, stored_examples
        from speaker_search.search.scoring import unit

        ready = self.ready
        like = stored_examples(self.catalog, ready, clips, characters)
        if embedding is not None:
            if len(like.vectors):
                raise UsageError("A query is either an embedding, or clips and characters, not both.")
            given = np.asarray(embedding, np.float64)
            if given.shape != (ready.space.dim,) or not np.isfinite(given).all() or not given.any():
                raise UsageError(f"An embedding in {ready.space.name} is {ready.space.dim} finite numbers, not all 0.")
            direction = unit((given / np.abs(given).max()).astype(np.float32))
            like = Examples(direction[None], np.ones(1, np.int64), None)
        if not len(like.vectors):
            raise UsageError("A search needs at least one clip, character or embedding.")
        other = stored_examples(self.catalog, ready, unlike_clips, unlike_characters).vectors
        return self._answer(ready, query_of(like, other), filters, page, by)

    def similar(
        self,
        character: str | int,
        *,
        same_game: bool = False,
        filters: Filters | None = None,
        page: Page | None = None,
        by: By = "character",
    ) -> Answer:
        """The nearest characters to one in the catalog (`maker/game/name` or id), in other games unless `same_game`."""
        from speaker_search.search.examples import character_query

        ready = self.ready
        with self.catalog.read() as connection:
            found = people.find_character(connection, None, str(character))
        query = character_query(ready, found.id)
        excluded = None if same_game else found.game.id
        return self._answer(ready, query, filters, page, by, exclude_game_id=excluded)

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

        known, ready = read_truth(truth), self.ready
        cast = find_voices(self.catalog, ready, constraints=self._constraints())
        return documents.Evaluation.copy_of(evaluate(self.catalog, ready, cast, known, by))

    def search_document(
        self, sounds: Sequence[Sound], options: documents.SearchOptions, *, unlike_sounds: Sequence[Sound] = ()
    ) -> documents.Search:
        """What `search` answers, as a document."""
        from speaker_search.library import conversion

        clips, characters = conversion.ids_of(options.unlike)
        unlike = {"unlike_clips": clips, "unlike_characters": characters}
        found = self.search(sounds, unlike=unlike_sounds, **unlike, **conversion.narrowing(options))
        return found.document()

    def speakers_document(self, sounds: Sequence[Sound], options: documents.SearchOptions) -> documents.Speakers:
        """What `search_speakers` answers, as a document. Raises UsageError unless there is one recording."""
        from speaker_search.library import conversion

        if len(sounds) != 1 or options.unlike or options.cursor is not None:
            raise UsageError(
                "Speakers are split in one recording, without `unlike` and without a cursor.", "Leave the rest out."
            )
        (recording,) = sounds
        found = self.search_speakers(recording, **conversion.narrowing(options))
        return documents.Speakers(speakers=[one.document() for one in found])

    def search_like_document(self, request: documents.SearchRequest) -> documents.Search:
        """What `search_like` answers, as a document."""
        from speaker_search.library import conversion

        if request.split_speakers:
            raise UsageError("`split_speakers` is for an uploaded recording.", "Leave it out.")
        clips, characters = conversion.ids_of(request.like)
        unlike_clips, unlike_characters = conversion.ids_of(request.unlike)
        found = self.search_like(
            clips=clips,
            characters=characters,
            unlike_clips=unlike_clips,
            unlike_characters=unlike_characters,
            embedding=request.embedding,
            **conversion.narrowing(request),
        )
        return found.document()

    def similar_document(
        self, character: str | int, options: documents.SearchOptions, *, same_game: bool = False
    ) -> documents.Search:
        """What `similar` answers, as a document."""
        from speaker_search.library import conversion

        found = self.similar(character, same_game=same_game, **conversion.narrowing(options))
        asked = found.query.character_id
        return found.document() if asked is None else self._with_relations(found.document(), asked)

    def _answer(
        self,
        ready: Ready,
        query: Query,
        filters: Filters | None,
        page: Page | None,
        by: By,
        exclude_game_id: int | None = None,
    ) -> Answer:
        from speaker_search.search.answering import answer
        from speaker_search.search.query import Filters, Page

        filters, page = filters or Filters(), page or Page()
        voices = self._voices(ready) if by == "voice" else None
        return answer(
            self.catalog,
            ready,
            query,
            filters=filters,
            page=page,
            by=by,
            voices=voices,
            exclude_game_id=exclude_game_id,
        )

    def _embed(self, ready: Ready, clips: Sequence[Sound], *, unlike: bool = False) -> Examples:
        """Embed query clips, each audio once. Clips without a voice are left out, unless that leaves none."""
        from speaker_search.search.examples import Examples

        once: dict[bytes, tuple[int, Heard]] = {}
        left_out: list[AudioError] = []
        for number, heard in enumerate(self._query_sounds.waveforms(clips, unlike=unlike), start=1):
            if isinstance(heard, AudioError):
                left_out.append(heard)
            else:
                once.setdefault(heard.fingerprint, (number, heard))
        if not once:
            raise left_out[0]
        with self._encoding:
            encoder = self._query_encoder(ready)
            vectors = encoder.embed([heard.samples for _, heard in once.values()])
        voiced = [bool(np.isfinite(vector).all()) for vector in vectors]
        for (number, _), has_voice in zip(once.values(), voiced, strict=True):
            if not has_voice:
                silent = speechless(clips[number - 1], encoder.name)
                left_out.append(named(silent, number, len(clips), unlike=unlike))
        if not any(voiced):
            raise left_out[0]
        used = [heard for (_, heard), has_voice in zip(once.values(), voiced, strict=True) if has_voice]
        seconds = sum(heard.seconds for heard in used)
        noisy = 2 * sum(heard.seconds for heard in used if heard.noisy) > seconds
        warnings = (*(f"Left out: {error}" for error in left_out), *(said for heard in used for said in heard.warnings))
        with self.catalog.read() as connection:
            games = duplicates.games_with(connection, once)
        return Examples(vectors[voiced], np.ones(len(used), np.int64), seconds, warnings, tuple(sorted(games)), noisy)

    def _query_encoder(self, ready: Ready) -> Encoder:
        encoder = self._load(ready.space.encoder)
        check_space(encoder.space, ready.space.name)
        return encoder
