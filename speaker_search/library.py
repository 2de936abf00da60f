"""A catalog opened with its index and encoder: what the command line, the server and Python programs all go through."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from speaker_search import audio, encoders
from speaker_search.cast.voices import DEFAULT_PROBABILITY, Cast, find_voices, of_game
from speaker_search.catalog import embedding as catalog_embedding
from speaker_search.catalog import reading
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.catalog.embedding import Space
from speaker_search.encoders import Encoder
from speaker_search.entities import Character, Floats, Refusal
from speaker_search.errors import AudioError, EncoderError, NotFoundError, UsageError
from speaker_search.evaluation.evaluating import Evaluation, evaluate
from speaker_search.evaluation.truth import read_truth
from speaker_search.index.sync import Verification, folder_of, rebuild_index, verify
from speaker_search.ingest.embedding import Progress
from speaker_search.ingest.report import IngestReport
from speaker_search.ingest.running import Means, take_in, work
from speaker_search.ingest.scanning import find_games
from speaker_search.search.matching import Answer, By, Filters, Page, Query, answer, character_query, query_of
from speaker_search.search.opened import Opened, open_space
from speaker_search.search.profiles import Profiles
from speaker_search.search.scoring import unit
from speaker_search.settings import DEFAULT_ENCODER, Settings
from speaker_search.sources import Archives, Layout

#: A query clip: its path, or the bytes of a sound file.
Sound = str | Path | bytes


class Library:
    """Voices taken in, and questions about them. Use it in a `with` statement, or close it.

    Every method may raise CatalogError and IndexUnusableError (the catalog or index cannot be used), UsageError and
    NotFoundError (the request cannot be answered); those that embed clips, EncoderError.
    """

    def __init__(self, settings: Settings, *, encoder: Encoder | None = None) -> None:
        """Open the catalog of the settings; `encoder` is one already loaded, otherwise it is loaded when needed."""
        self.settings = settings
        self.catalog: Catalog = open_catalog(settings.url)
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        self._encoder: Encoder | None = encoder
        self.archives = Archives(settings.password)
        self._cast: tuple[Profiles, Cast] | None = None

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.archives.close()
        self.catalog.close()

    @property
    def opened(self) -> Opened:
        """The space asked about, with its index and profiles, following what is committed to the catalog."""
        with self._lock:
            if self._opened is None:
                self._check_encoder_name()
                self._opened = open_space(self.catalog, self.settings.home, self.settings.encoder)
            else:
                self._opened.refresh()
            return self._opened

    @property
    def empty(self) -> bool:
        """Whether nothing was ever taken in."""
        with self.catalog.read() as connection:
            return not catalog_embedding.spaces(connection)

    @property
    def space(self) -> Space:
        """The space asked about, without opening its index."""
        self._check_encoder_name()
        with self.catalog.read() as connection:
            return catalog_embedding.choose_space(connection, self.settings.encoder)

    def search(
        self,
        clips: Sequence[Sound],
        *,
        unlike: Sequence[Sound] = (),
        unlike_clips: Sequence[int] = (),
        unlike_characters: Sequence[int] = (),
        filters: Filters = Filters(),
        page: Page = Page(),
        by: By = "character",
    ) -> Answer:
        """The nearest characters to one or more clips of one voice, and away from what it is to be unlike.

        Raises AudioError for a clip that is no voice.
        """
        if not clips:
            raise UsageError("A search needs at least one clip.")
        opened = self.opened
        vectors, seconds = self._embed(clips)
        other = self._stored(opened, unlike_clips, unlike_characters)[0]
        if unlike:
            other = np.concatenate([other, self._embed(unlike)[0]])
        return self._answer(opened, query_of(vectors, seconds, other), filters, page, by)

    def search_like(
        self,
        *,
        clips: Sequence[int] = (),
        characters: Sequence[int] = (),
        unlike_clips: Sequence[int] = (),
        unlike_characters: Sequence[int] = (),
        embedding: Sequence[float] | None = None,
        filters: Filters = Filters(),
        page: Page = Page(),
        by: By = "character",
    ) -> Answer:
        """The same for clips and characters of the catalog, by id, or for an embedding (dim,) made elsewhere."""
        opened = self.opened
        vectors, seconds = self._stored(opened, clips, characters)
        if embedding is not None:
            if len(vectors):
                raise UsageError("A query is either an embedding, or clips and characters to be like.")
            given = np.asarray(embedding, np.float64)
            if given.shape != (opened.space.dim,) or not np.isfinite(given).all() or not given.any():
                raise UsageError(
                    f"An embedding in {opened.space.space} is {opened.space.dim} finite numbers, not all 0."
                )
            vectors, seconds = unit((given / np.abs(given).max()).astype(np.float32))[None], None
        if not len(vectors):
            raise UsageError("A search needs something to be like: clips, characters, or an embedding.")
        other = self._stored(opened, unlike_clips, unlike_characters)[0]
        return self._answer(opened, query_of(vectors, seconds, other), filters, page, by)

    def similar(
        self,
        character: str | int,
        *,
        same_game: bool = False,
        filters: Filters = Filters(),
        page: Page = Page(),
        by: By = "character",
    ) -> Answer:
        """The nearest characters to one of the catalog (`maker/game/name` or id), of other games unless `same_game`."""
        opened = self.opened
        found = self.character(character)
        query = character_query(opened, found.id)
        excluded = None if same_game else found.game.id
        return self._answer(opened, query, filters, page, by, exclude_game_id=excluded)

    def character(self, wanted: str | int) -> Character:
        """A character by `maker/game/name` or id, with its number of embedded clips."""
        space = self._opened.space if self._opened else self.space
        with self.catalog.read() as connection:
            return reading.find_character(connection, space, str(wanted))

    def cast(self, *, min_probability: float = DEFAULT_PROBABILITY, game: str | None = None) -> Cast:
        """The recurring voices of the whole catalog, or those heard in one game."""
        found = find_voices(self.opened, min_probability=min_probability)
        return found if game is None else of_game(found, game)

    def evaluate(self, truth: Path) -> Evaluation:
        """Measure search and cast against known voice actors."""
        known = read_truth(truth)
        return evaluate(self.opened, self.cast(), known)

    def verify(self) -> Verification:
        """Compare the index as it would be opened now with the catalog, vector by vector."""
        return verify(self.catalog, self.space, self.settings.home)

    def build_index(self) -> Space:
        """Make the index anew from the catalog."""
        space = self.space
        rebuild_index(self.catalog, space, folder_of(self.settings.home, self.catalog, space))
        return space

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        layout: Layout | None = None,
        maker: str | None = None,
        title: str | None = None,
        retry_refused: bool = False,
        enqueue: bool = False,
        processes: int | None = None,
        on_progress: Progress = lambda _: None,
    ) -> IngestReport:
        """Take voices in: note every clip below the paths, embed what is pending, and bring the index up to date.

        Clips are decoded by so many `processes`, one a core unless given. With `enqueue` the clips are noted only.
        Raises SourceError for a path without voices.
        """
        found = find_games(paths, layout=layout, maker=maker, title=title, password=self.settings.password)
        report = take_in(found, self._means(processes, on_progress), retry_refused=retry_refused, enqueue=enqueue)
        if not enqueue:
            self._save(report.encoder)
        return report

    def work(
        self, *, drain: bool, processes: int | None = None, on_progress: Progress = lambda _: None
    ) -> IngestReport:
        """Embed clips that others have noted: with `drain` until none is left, otherwise until interrupted."""
        report = work(self._means(processes, on_progress), drain=drain)
        self._save(report.encoder)
        return report

    def _means(self, processes: int | None, on_progress: Progress) -> Means:
        encoder = self.encoder_for_ingest()
        return Means(self.catalog, encoder, self.archives, processes or os.cpu_count() or 1, on_progress)

    def _save(self, space: str) -> None:
        """Bring the index on disk up to date."""
        with self._lock:
            self._opened = open_space(self.catalog, self.settings.home, space, save=True)

    def encoder_for_ingest(self) -> Encoder:
        """The encoder asked for; without one, that of the catalog's only space, else the default."""
        wanted = self.settings.encoder
        if wanted is None:
            with self.catalog.read() as connection:
                known = catalog_embedding.spaces(connection)
            wanted = known[0].space if len(known) == 1 else DEFAULT_ENCODER
        encoder = self._load(wanted.partition("@")[0])
        if "@" in wanted:
            catalog_embedding.check_space(encoder.space, wanted)
        return encoder

    def _answer(
        self,
        opened: Opened,
        query: Query,
        filters: Filters,
        page: Page,
        by: By,
        exclude_game_id: int | None = None,
    ) -> Answer:
        voices = self._voices(opened) if by == "voice" else None
        return answer(opened, query, filters=filters, page=page, by=by, voices=voices, exclude_game_id=exclude_game_id)

    def _voices(self, opened: Opened) -> dict[int, int]:
        """Each linked character's voice; linked once for one state of the catalog."""
        with self._lock:
            if self._cast is None or self._cast[0] is not opened.profiles:
                self._cast = (opened.profiles, find_voices(opened))
            return {character.id: voice.id for voice in self._cast[1].voices for character, _ in voice.members}

    def _embed(self, clips: Sequence[Sound]) -> tuple[Floats, float]:
        """Vectors (n, dim) of clips from outside, and their length together in seconds."""
        waveforms = [audio.read(Path(clip) if isinstance(clip, str) else clip) for clip in clips]
        with self._lock:
            encoder = self._query_encoder()
            vectors = encoder.embed([waveform.samples for waveform in waveforms])
        for clip, vector in zip(clips, vectors, strict=True):
            if not np.isfinite(vector).all():
                name = "A clip" if isinstance(clip, bytes) else str(clip)
                raise AudioError(Refusal.NO_SPEECH, f"{name} is no query: {encoder.name} heard no speech in it.")
        return vectors, sum(waveform.seconds for waveform in waveforms)

    def _stored(self, opened: Opened, clips: Sequence[int], characters: Sequence[int]) -> tuple[Floats, float | None]:
        """Vectors (n, dim) of the catalog's own clips and characters, and their length in seconds."""
        with self.catalog.read() as connection:
            stored = catalog_embedding.vectors_of(connection, opened.space, [c for c in clips if c <= reading.MAX_ID])
            seconds = [clip.seconds or 0.0 for clip in reading.clips_by_id(connection, list(stored)).values()]
        absent = [clip for clip in clips if clip not in stored]
        if absent:
            raise NotFoundError(f"There is no embedded clip {absent[0]} in {opened.space.space}.")
        queries = [character_query(opened, self.character(id_).id) for id_ in characters]
        vectors = [stored[clip] for clip in clips] + [query.vector for query in queries]
        total = sum(seconds) + sum(query.seconds or 0.0 for query in queries)
        return np.stack(vectors) if vectors else np.empty((0, opened.space.dim), np.float32), total

    def _query_encoder(self) -> Encoder:
        space = self.opened.space
        if self._encoder is None:
            self._encoder = self._load(space.name)
        catalog_embedding.check_space(self._encoder.space, space.space)
        return self._encoder

    def _load(self, name: str) -> Encoder:
        if self._encoder is None or self._encoder.name != name:
            self._encoder = encoders.load(name, checkpoint=self.settings.checkpoint, device=self.settings.device)
        return self._encoder

    def _check_encoder_name(self) -> None:
        name = (self.settings.encoder or DEFAULT_ENCODER).partition("@")[0]
        if name not in encoders.NAMES and (self._encoder is None or self._encoder.name != name):
            raise EncoderError(f"There is no encoder {name}.", f"The encoders are {', '.join(encoders.NAMES)}.")
