"""Ingests requested over HTTP, run one at a time in the background."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from speaker_search.documents import Ingest, IngestReport, IngestRequest
from speaker_search.errors import NotFoundError, SpeakerSearchError, UsageError
from speaker_search.library import Library

MAX_KEPT = 1_000  # ingests remembered, the oldest forgotten first


class _ServerEndsError(Exception):
    """Raised within an ingest to end it."""


@dataclass(slots=True)
class _Asked:
    """A requested ingest and its progress."""

    id: str
    request: IngestRequest
    paths: list[Path]
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    report: IngestReport = field(default_factory=IngestReport)
    error: str | None = None

    @property
    def document(self) -> Ingest:
        return Ingest(id=self.id, state=self.state, progress=self.report, error=self.error)


class Ingests:
    """Runs the requested ingests. Their states are lost when the server stops; the clips stay in the catalog."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._all: dict[str, _Asked] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work_off, name="ingests", daemon=True)
        self._thread.start()

    def begin(self, request: IngestRequest) -> Ingest:
        """Queue an ingest. Raises UsageError for paths outside the folders that the settings allow."""
        asked = _Asked(uuid.uuid4().hex, request, [self._allowed(path) for path in request.paths])
        with self._lock:
            ended = [known.id for known in self._all.values() if known.state in ("done", "failed")]
            for id_ in ended[: max(0, len(self._all) + 1 - MAX_KEPT)]:
                del self._all[id_]
            self._all[asked.id] = asked
        self._waiting.put(asked)
        return asked.document

    def state(self, id_: str) -> Ingest:
        """The state of an ingest. Raises NotFoundError."""
        if id_ not in self._all:
            raise NotFoundError(f"This server knows no ingest {id_}.", "Request it again: known clips are skipped.")
        return self._all[id_].document

    def close(self) -> None:
        """Stop the running ingest; its claims are released."""
        self._ending.set()
        self._waiting.put(None)
        self._thread.join()

    def _allowed(self, path: str) -> Path:
        roots = self._library.settings.roots
        if not roots:
            raise UsageError(
                "This server has no folders to ingest from.", "Set SPKSEARCH_INGEST_ROOTS to folders that it may read."
            )
        try:
            resolved = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL, or a loop of links
            resolved = Path("/")
        # The same answer for paths that do not exist: a client must not learn what exists elsewhere.
        if not Path(path).is_absolute() or not any(resolved.is_relative_to(root) for root in roots):
            raise UsageError(
                f"{path} is not in a folder of SPKSEARCH_INGEST_ROOTS.", "Give an absolute path in one of them."
            )
        return resolved

    def _work_off(self) -> None:
        while (asked := self._waiting.get()) is not None and not self._ending.is_set():
            asked.state = "running"
            try:
                self._take_in(asked)
                asked.state = "done"
            except SpeakerSearchError as error:
                asked.state, asked.error = "failed", str(error)
            except _ServerEndsError:
                return
            except Exception:
                asked.state, asked.error = "failed", "The server failed; its log says why."
                logging.getLogger("uvicorn.error").exception("An ingest failed.")

    def _take_in(self, asked: _Asked) -> None:
        def note(report: IngestReport) -> None:
            asked.report = report
            if self._ending.is_set() and report.phase != "done":
                raise _ServerEndsError

        request = asked.request
        asked.report = self._library.ingest(
            asked.paths,
            layout=request.layout,
            maker=request.maker,
            title=request.game,
            retry_refused=request.retry_refused,
            enqueue=request.enqueue,
            on_progress=note,
        )
