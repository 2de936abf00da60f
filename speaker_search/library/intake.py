"""Ingesting voices: registering their clips and embedding them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search import documents, encoders
from speaker_search.catalog.knowledge.adoptions import adopted_space
from speaker_search.catalog.queue import left_below
from speaker_search.catalog.spaces import check_space, spaces
from speaker_search.encoders import Encoder
from speaker_search.encoders.weights import resolve
from speaker_search.entities import Place, shown
from speaker_search.errors import CatalogError
from speaker_search.library.encoder_choice import Choice, encoder_of, encoder_to_embed
from speaker_search.library.following import Following
from speaker_search.library.kept_weights import check_copy, keep_weights, kept_weights
from speaker_search.library.under_load.embedding_turns import EmbeddingTurns
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.ingest.pipeline import Resources
    from speaker_search.ingest.report import Tally
    from speaker_search.ingest.scan import Places
    from speaker_search.sources import Candidate, GameSource, Layout

OnProgress = Callable[[documents.IngestReport], None]


class Intake(Following):
    """An open catalog that voices can be ingested into."""

    def __init__(self, settings: Settings, *, encoder: Encoder | None = None) -> None:
        super().__init__(settings)
        self._encoder = encoder
        self._loading = threading.Lock()  # of the encoder
        self.turns = EmbeddingTurns()

    def close(self) -> None:
        self.turns.close()
        super().close()

    @property
    def roots(self) -> list[Place]:
        """The folders that a server may ingest from, absolute and without symlinks, and those in object storage.

        Raises UsageError for an address that is not one of a place.
        """
        from speaker_search.sources.objects.addresses import place_given

        places = map(place_given, self.settings.ingest_places)
        return [place.resolve() if isinstance(place, Path) else place for place in places]

    def ingest(
        self,
        paths: Places,
        *,
        layout: documents.Layout = "auto",
        maker: str | None = None,
        title: str | None = None,
        retry_refused: bool = False,
        enqueue: bool = False,
        processes: int | None = None,
        beside_searches: bool = False,
        on_progress: OnProgress = lambda _: None,
    ) -> documents.IngestReport:
        """Register every clip below the paths, embed what is pending, and bring the index up to date.

        Clips are decoded by `processes` child processes, by default one per core. With `enqueue` the clips are only
        registered; with `beside_searches` they are embedded while no search of this library waits. `on_progress` is
        called now and then with the report so far; an exception from it ends the ingest.
        Raises SourceError for a path without voices.
        """
        from speaker_search.ingest.pipeline import ingest
        from speaker_search.ingest.scan import find_games

        if not enqueue:
            self._check_index()
        password = self.settings.password
        found = find_games(paths, layout=_layout(layout), maker=maker, title=title, password=password)
        resources = self._resources(processes, on_progress, beside_searches=beside_searches)
        tally = ingest(found, resources, retry_refused=retry_refused, enqueue=enqueue)
        if not enqueue:
            self._save_index_of(tally)
        return tally.report

    def work(
        self,
        *,
        drain: bool,
        processes: int | None = None,
        save_index: bool = True,
        on_progress: OnProgress = lambda _: None,
    ) -> documents.IngestReport:
        """Embed clips that others have registered: with `drain` until none is left, otherwise until interrupted."""
        from speaker_search.ingest.pipeline import work

        if save_index:
            self._check_index()
        tally = work(self._resources(processes, on_progress), drain=drain)
        if save_index:
            self._save_index_of(tally)
        return tally.report

    def work_on_cluster(
        self,
        address: str,
        *,
        drain: bool,
        workers: int | None = None,
        processes: int | None = None,
        on_progress: OnProgress = lambda _: None,
    ) -> documents.IngestReport:
        """The same by workers on the nodes of the Ray cluster at this address, `workers` of them at most.

        Each embeds on a GPU of its own, or on the CPUs of its node where the cluster has no GPU, and decodes with
        `processes`, by default its share of the node's CPUs. Raises UsageError for a catalog on SQLite, or when there
        is no such cluster.
        """
        from speaker_search.library.cluster.embedding import embed_on_cluster

        self._check_index()
        tally = embed_on_cluster(
            self, address, self._encoder, drain=drain, decoders=processes, most=workers, on_progress=on_progress
        )
        self._save_index_of(tally)
        return tally.report

    def left_below(self, space: str, places: Sequence[str]) -> int:
        """How many clips from these folders, archives and lists, or from any below them, are still to be embedded in a
        space. Those of a list are counted with all of its folder.
        """
        with self.catalog.read() as connection:
            return left_below(connection, space, places)

    def encoder_choice(self) -> Choice:
        """The encoder that new voices are embedded with, and why, if the program had to choose."""
        with self.catalog.read() as connection:
            held = {space.name: space.encoder for space in spaces(connection)}
            adopted = adopted_space(connection)
        followed = None if self._live is None else self._live.ready.space.name  # what this library answers in
        asked = self.settings.encoder or followed
        return encoder_to_embed(
            asked,
            held,
            default=self._defaults,
            encoders=self._encoder_names(),
            adopted=adopted,
            own_weights=self.settings.checkpoint is not None,
        )

    def encoder_for_ingest(self) -> Encoder:
        """The encoder that new voices are embedded with, loaded. A copy of a user's own weights is kept."""
        wanted, checkpoint = self.encoder_choice().name, self.settings.checkpoint
        encoder = self._load(encoder_of(wanted), wanted if "@" in wanted else None)
        if "@" in wanted and encoder.space != wanted:
            if wanted not in (names := [space.name for space in self._spaces()]):
                raise CatalogError(
                    f"The catalog holds no space {wanted}.",
                    f"Name an encoder, or a space that it holds: {', '.join(names) or 'none yet'}.",
                )
            check_space(encoder.space, wanted)
        if checkpoint is not None and encoder.name in encoders.NAMES:
            keep_weights(self.settings.home, resolve(encoder.name, checkpoint, download=False))
        return encoder

    @staticmethod
    def preview(
        settings: Settings,
        paths: Places,
        *,
        layout: documents.Layout = "auto",
        maker: str | None = None,
        title: str | None = None,
        on_row: Callable[[documents.Listed], None] | None = None,
        route: documents.Route | None = None,
    ) -> documents.Preview:
        """What an ingest of the paths would find. Opens no catalog and writes nothing. Raises SourceError.

        `on_row` is called for each row and file of the `route`, or of any, as it is found: there may be millions.
        """
        from speaker_search.ingest.report import Tally
        from speaker_search.ingest.scan import find_games, preview

        found = find_games(paths, layout=_layout(layout), maker=maker, title=title, password=settings.password)
        tally = Tally()

        def pass_on(game: GameSource, one: Candidate) -> None:
            if on_row is not None and route in (None, one.route):
                on_row(_listed(game, one))

        counts = [documents.PreviewCount.copy_of(count) for count in preview(found, tally, pass_on)]
        return documents.Preview(
            recognised=tally.recognised,
            games=tally.games,
            counts=counts,
            routes=tally.routes,
            needs_av=tally.needs_av,
            problems=tally.problems,
        )

    def _resources(self, processes: int | None, on_progress: OnProgress, *, beside_searches: bool = False) -> Resources:
        from speaker_search.ingest.pipeline import Resources

        def report(tally: Tally) -> None:
            on_progress(tally.report)

        decoders = processes or os.cpu_count() or 1
        encoder = self.encoder_for_ingest()
        if beside_searches:
            encoder = self.turns.behind(encoder)
        return Resources(self.catalog, encoder, self.archives, decoders, report)

    def build_index(self) -> documents.Verification:
        """Rebuild the index from the catalog, tuned for the same recall as before, and compare the two."""
        self._rebuild_index(self.space)
        return self.verify()

    def _check_index(self) -> None:
        """Raise UsageError where the index cannot be saved because of the settings: before hours of work, not after."""
        if self._milvus is not None:
            self._milvus.server.check()

    def _save_index_of(self, tally: Tally) -> None:
        for space in self._spaces():  # the encoder's is not among them before its first clip
            if space.name == tally.encoder:
                self._save_index(space)

    def _load(self, name: str, space: str | None = None) -> Encoder:
        """The encoder of this name, with the weights that a space was made with where these were kept.

        SPKSEARCH_CHECKPOINT goes before weights that were kept.
        """
        given = self.settings.checkpoint
        own = None if given is not None or space is None else kept_weights(self.settings.home, space)
        with self._loading:
            loaded = self._encoder
            if loaded is None or loaded.name != name or (own is not None and loaded.space != space):
                if own is not None:
                    check_copy(own)
                loaded = self._encoder = encoders.load(name, checkpoint=given or own, device=self.settings.device)
            return loaded

    def _encoder_names(self) -> tuple[str, ...]:
        """The encoders to choose from: this program's, and the one passed in."""
        return encoders.NAMES if self._encoder is None else (*encoders.NAMES, self._encoder.name)


def _listed(game: GameSource, one: Candidate) -> documents.Listed:
    return documents.Listed(
        maker=game.maker,
        game=game.title,
        character=one.character,
        root=shown(str(game.root)),
        path=one.path,
        text=one.text,
        route=one.route.value,
        why=one.why,
    )


def _layout(wanted: documents.Layout) -> Layout | None:
    from speaker_search.sources import Layout

    return None if wanted == "auto" else Layout(wanted)
