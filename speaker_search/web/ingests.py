"""Ingests that were asked for over HTTP: one at a time, in the background."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from speaker_search.errors import NotFoundError, SpeakerSearchError, UsageError
from speaker_search.ingest.report import Figures, IngestReport
from speaker_search.library import Library
from speaker_search.sources import Layout
from speaker_search.web import schemas

MAX_KEPT = 1_000  # ingests remembered, the oldest forgotten first


class _ServerEndsError(Exception):
    """Raised within an ingest to end it."""


@dataclass(slots=True)
class _Ingest:
    id: str
    request: schemas.IngestRequest
    paths: list[Path]
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    figures: Figures = field(default_factory=lambda: IngestReport().figures)
    problems: list[str] = field(default_factory=list)
    error: str | None = None


class Ingests:
    """Takes requests, works them off, and says how each stands. What it knows ends with the server; clips do not."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._all: dict[str, _Ingest] = {}
        self._waiting: queue.SimpleQueue[_Ingest | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work_off, name="ingests", daemon=True)
        self._thread.start()

    def begin(self, request: schemas.IngestRequest) -> schemas.Ingest:
        """Note an ingest. Raises UsageError for paths outside the folders that the settings allow."""
        one = _Ingest(uuid.uuid4().hex, request, [self._allowed(path) for path in request.paths])
        while len(self._all) >= MAX_KEPT:
            del self._all[next(iter(self._all))]
        self._all[one.id] = one
        self._waiting.put(one)
        return _document(one)

    def state(self, id_: str) -> schemas.Ingest:
        """How an ingest stands. Raises NotFoundError."""
        if id_ not in self._all:
            raise NotFoundError(
                f"This server has started no ingest {id_}.", "Ask for it again: known clips stay known."
            )
        return _document(self._all[id_])

    def close(self) -> None:
        """End what is under way; what it has claimed is given back."""
        self._ending.set()
        self._waiting.put(None)
        self._thread.join()

    def _allowed(self, path: str) -> Path:
        roots = self._library.settings.roots
        if not roots:
            raise UsageError(
                "This server takes no voices in.", "Set SPKSEARCH_INGEST_ROOTS to the folders it may read."
            )
        try:
            resolved = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):  # a NUL, or a link that leads in a circle
            resolved = Path("/")
        # Said of paths that do not exist too: nobody is to learn what lies elsewhere.
        if not Path(path).is_absolute() or not any(resolved.is_relative_to(root) for root in roots):
            raise UsageError(f"{path} lies in no folder of SPKSEARCH_INGEST_ROOTS.", "Give an absolute path in one.")
        return resolved

    def _work_off(self) -> None:
        while (one := self._waiting.get()) is not None and not self._ending.is_set():
            one.state = "running"
            try:
                report = self._library.ingest(
                    one.paths,
                    layout=None if one.request.layout == "auto" else Layout(one.request.layout),
                    maker=one.request.maker,
                    title=one.request.game,
                    retry_refused=one.request.retry_refused,
                    enqueue=one.request.enqueue,
                    on_progress=lambda report, one=one: self._note(one, report),  # type: ignore[misc]
                )
                self._note(one, report)
                one.state = "done"
            except SpeakerSearchError as error:
                one.state, one.error = "failed", str(error)
            except _ServerEndsError:
                return
            except Exception:
                one.state, one.error = "failed", "The server made a mistake; its log says which."
                logging.getLogger("uvicorn.error").exception("An ingest failed.")

    def _note(self, one: _Ingest, report: IngestReport) -> None:
        one.figures, one.problems = report.figures, list(report.problems)
        if self._ending.is_set() and report.catalog is None:
            raise _ServerEndsError


def _document(one: _Ingest) -> schemas.Ingest:
    return schemas.Ingest(
        id=one.id,
        state=one.state,
        progress=one.figures,
        problems=one.problems,
        error=one.error,
    )
