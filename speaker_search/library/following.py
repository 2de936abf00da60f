"""The views of a space: opened when first needed, kept up to date, saved, and compared with the catalog."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.catalog.spaces import Space
from speaker_search.errors import IndexUnusableError, UsageError
from speaker_search.library.browsing import Browsing
from speaker_search.settings import Settings

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.live import Live, Ready


class Following(Browsing):
    """An open catalog with the views of the space being searched."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._beside: dict[str, Live] = {}  # of other spaces, by encoder

    def close(self) -> None:
        for live in (self._live, *self._beside.values()):
            if live is not None:
                live.close()
        milvus = vars(self).get("_milvus")  # None where nothing has asked for it
        if milvus is not None:
            milvus.server.close()
        super().close()

    @property
    def space(self) -> Space:
        """The space that questions are about: the one whose views are open, so that all answers are about one space."""
        live = self._live
        return super().space if live is None else live.ready.space

    @property
    def ready(self) -> Ready:
        """A snapshot of the space being searched, at most about a second behind the catalog."""
        return self._followed().ready

    @property
    def live(self) -> Live | None:
        """The views of the space being searched, unless none have been opened yet."""
        return self._live

    def refresh(self) -> None:
        """Apply what others have committed, and recalibrate scores if that is due."""
        for live in (self._followed(), *self._beside.values()):
            live.refresh()

    def prepare(self) -> str:
        """Open the index now instead of at the first search; returns the name of the space."""
        return self.ready.space.name

    def verify(self, *, repair: bool = False, deep: bool = False) -> documents.Verification:
        """Check the catalog, and compare the index as it would be opened now with it, clip by clip. In large catalogs
        only 10,000 vectors are compared, unless `deep`.

        With `repair`, clips whose vectors are damaged are first queued, to be embedded anew, and the index is rebuilt.
        Raises CatalogError when the database itself is damaged, which nothing here repairs.
        """
        from speaker_search.catalog.checks.integrity import check_integrity
        from speaker_search.catalog.checks.vectors import requeue_unusable
        from speaker_search.views.milvus.verifying import verify as verify_milvus
        from speaker_search.views.storage import folder_of
        from speaker_search.views.verify import verify

        check_integrity(self.catalog)
        space, requeued = self.space, 0
        if repair:
            requeued = requeue_unusable(self.catalog, space)
            self._rebuild_index(space)
        folder = folder_of(self.settings.home, self.catalog.uuid, space)
        if self._milvus is None:
            found = verify(self.catalog, space, folder, deep=deep)
        else:
            found = verify_milvus(self._milvus, self.catalog, space, folder, deep=deep)
        return documents.Verification.copy_of(found).model_copy(update={"requeued": requeued})

    def tune_index(
        self, recall: float = documents.DEFAULT_RECALL, *, say: Callable[[str], None] = lambda _: None
    ) -> documents.IndexStatus:
        """Measure how many of the nearest clips the index finds, and have searches look into enough of it to find this
        share of the ten nearest. The setting is saved with the index; programs that have it open take it up within
        about a second. `say` is told what is being done. Interrupted, it leaves the old setting.
        """
        from speaker_search.catalog.people import makers_of_games
        from speaker_search.views.snapshot import save
        from speaker_search.views.storage import folder_of

        if not 0.5 <= recall < 1:
            raise UsageError(f"The recall must be at least 0.5 and below 1, not {recall:g}.")
        if self._milvus is not None:
            raise UsageError("An index in Milvus is not tuned.", "Unset SPKSEARCH_INDEX_URL to tune one in the home.")
        live = self._followed()
        live.refresh()
        with self.catalog.read() as connection:
            makers = dict(makers_of_games(connection))
        before, space = live.ready.snapshot, live.ready.space
        tuned = before.tuned(recall, makers=makers, say=say)
        if tuned.clips is not before.clips:
            with self._lock:  # views that are opened meanwhile wait for this
                live.close()  # first: it may be saving
                save(folder_of(self.settings.home, self.catalog.uuid, space), tuned, self.catalog.uuid, space)
                self._live = None
        return self.index_status()

    def _followed(self, space: Space | None = None, *, rebuild: bool = False) -> Live:
        """The given space, by default the one to search, following its change log."""
        live = self._live
        if live is not None and not rebuild and space in (None, live.ready.space):
            return live  # without the lock, which is held while an index is built
        with self._lock:
            if self._live is None or rebuild or space not in (None, self._live.ready.space):
                live = self._views_of(space or self.space, rebuild=rebuild)
                if self._live is not None:
                    self._live.close()
                self._live = live
                live.start()
            return self._live

    def _ready_of(self, encoder: str) -> Ready | None:
        """A snapshot of an encoder's newest space; None where the catalog has none. The space that questions are about
        goes before newer ones. Others are opened beside it when first needed, and followed from then on.
        """
        searched = self.ready
        if searched.space.encoder == encoder:
            return searched
        spaces = [space for space in self._spaces() if space.encoder == encoder]
        if not spaces:
            return None
        with self._lock:
            live = self._beside.get(encoder)
            if live is None or live.ready.space != spaces[-1]:
                if live is not None:
                    live.close()
                live = self._beside[encoder] = self._views_of(spaces[-1])
                live.start()
            return live.ready

    def _save_index(self, space: Space, *, rebuild: bool = False) -> None:
        live = self._to_save(space, rebuild=rebuild)
        live.refresh()
        live.save()

    def _rebuild_index(self, space: Space) -> None:
        """Rebuild the index; where `tune_index` had set a recall, measure the new lists for the same."""
        tuned_for = self._tuned_for(space)
        self._save_index(space, rebuild=True)
        if tuned_for:
            self.tune_index(tuned_for)

    def _tuned_for(self, space: Space) -> float | None:
        """The recall that the index on disk was tuned for."""
        from speaker_search.views.clip_index.probing import Tuning
        from speaker_search.views.storage import folder_of, in_use

        if self._milvus is not None:
            return None
        with contextlib.suppress(IndexUnusableError):
            version = in_use(folder_of(self.settings.home, self.catalog.uuid, space))
            tuning = Tuning.of(version.stamp.facts["tuning"]) if version else None
            return tuning.target if tuning else None
        return None

    def _to_save(self, space: Space, *, rebuild: bool) -> Live:
        """The views of a space. Those that searches read stay those of the space that questions are about."""
        if self._live is None or self._live.ready.space == space:
            return self._followed(space, rebuild=rebuild)
        return self._views_of(space, rebuild=rebuild)

    def _views_of(self, space: Space, *, rebuild: bool = False) -> Live:
        """The views of a space, not followed yet."""
        from speaker_search.search.live import Live
        from speaker_search.views import snapshot
        from speaker_search.views.storage import folder_of

        folder = folder_of(self.settings.home, self.catalog.uuid, space)
        return Live(self.catalog, space, folder, rebuild=rebuild, engine=self._milvus or snapshot)
