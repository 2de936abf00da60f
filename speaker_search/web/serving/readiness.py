"""Whether searches are answered: once the index is open, the encoder loaded and a decoder started."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from speaker_search import documents
from speaker_search.errors import EmptyCatalogError, SpeakerSearchError
from speaker_search.library import Library

EMPTY_POLL_S = 1.0  # between checks whether an empty catalog has voices by now
RETRY_S = 10.0  # after a failure that may pass, such as a download
AFTERWARDS_S = 2.0  # the first searches do not wait for what can be done later
PATIENCE_S = 2.0  # with a warm-up in progress, at the end
LOG = logging.getLogger(__name__)


class Readiness:
    """Warms a library up in the background, until it is ready or close() is called."""

    def __init__(
        self,
        library: Library,
        when_ready: Callable[[], None] = lambda: None,
        afterwards: Callable[[], object] = lambda: None,
    ) -> None:
        """`when_ready` is called once it is ready, and `afterwards` AFTERWARDS_S later."""
        self._library = library
        self._when_ready = when_ready
        self._afterwards = afterwards
        self._warm = False
        self._problem: SpeakerSearchError | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._warm_up, name="warm-up", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; an encoder that is still being loaded is not waited for long."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)

    def ready(self) -> bool:
        """Whether searches are answered."""
        try:
            return self.document() is not None
        except SpeakerSearchError:
            return False

    def document(self) -> documents.Readiness | None:
        """That the server is ready; None while it starts. Raises what keeps it from being ready."""
        live = self._library.live
        problem = live.problem if self._warm and live else self._problem
        if problem is not None:
            raise problem.with_traceback(None)  # it may be raised many times
        if not self._warm or live is None:
            return None
        ready = live.ready
        games = {*ready.profiles.game_ids.tolist()}
        return documents.Readiness(
            encoder=ready.space.name,
            clips=ready.snapshot.clips.clips,
            characters=len(ready.profiles),
            games=len(games),
        )

    def _warm_up(self) -> None:
        while not self._closing.is_set():
            try:
                self._library.warm_up()
                self._warm, self._problem = True, None
                self._when_ready()
                if not self._closing.wait(AFTERWARDS_S):
                    self._afterwards()
                return
            except EmptyCatalogError as error:
                self._problem = error
                self._closing.wait(EMPTY_POLL_S)
            except SpeakerSearchError as error:
                if str(error) != str(self._problem) and not self._closing.is_set():
                    LOG.warning("The server is not ready: %s", error)
                self._problem = error
                self._closing.wait(RETRY_S)
            except Exception:  # whatever it was, the server goes on
                if not self._closing.is_set():
                    LOG.exception("The server could not warm up.")
                self._closing.wait(RETRY_S)
