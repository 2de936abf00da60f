"""All clips embedded with another encoder, while the catalog goes on being searched as before."""

from __future__ import annotations

from contextlib import suppress

from speaker_search import documents
from speaker_search.catalog.knowledge.adoptions import adopted_space, keep_adoption
from speaker_search.catalog.spaces import Space
from speaker_search.errors import CatalogError, EmptyCatalogError
from speaker_search.library.intake import OnProgress
from speaker_search.library.mending import author_of
from speaker_search.library.models.comparing import Comparing


class EmbeddingAgain(Comparing):
    """An open catalog that can be embedded with another encoder."""

    def embed_again(
        self,
        *,
        retry_refused: bool = False,
        enqueue: bool = False,
        processes: int | None = None,
        on_progress: OnProgress = lambda _: None,
    ) -> documents.IngestReport:
        """Embed every clip of the catalog that the chosen encoder has not met, from where it was ingested.

        Clips that were imported without audio are left out. Searches stay in their space until another is
        adopted, even when the encoder is the one that a new catalog would get. The arguments are those of `ingest`.
        Raises EmptyCatalogError.
        """
        from speaker_search.ingest.pipeline import embed_again

        if self.empty:
            raise EmptyCatalogError
        if not enqueue:
            self._check_index()
        resources, searched = self._resources(processes, on_progress), self._by_default()
        if searched is not None and searched.name != resources.encoder.space:
            with self.catalog.write() as connection:
                if adopted_space(connection) is None:
                    keep_adoption(connection, searched, None, author_of(None))
        tally = embed_again(resources, retry_refused=retry_refused, enqueue=enqueue)
        if not enqueue:
            self._save_index_of(tally)
        return tally.report

    def _by_default(self) -> Space | None:
        """The space that is searched where nothing is set; None where the catalog has several and nobody has chosen."""
        with suppress(CatalogError):
            return self._space_for(None)
        return None
