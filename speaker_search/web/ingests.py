"""Ingests requested over HTTP: kept in the home, and run one at a time in the background.

<home>/ingests/<id>.json     an ingest, its request and its state
<home>/ingests/<id>.cancel   exists when it is to be cancelled
<home>/ingests/lock          held by the one server that runs them, where several share the home
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from speaker_search.documents import Document, Ingest, IngestReport, IngestRequest
from speaker_search.documents import Ingests as ListedIngests
from speaker_search.entities import Place
from speaker_search.errors import IndexUnusableError, NotFoundError, OverloadedError, SpeakerSearchError, UsageError
from speaker_search.library import Library
from speaker_search.web import problems
from speaker_search.web.ingest_folders import allowed

MAX_KEPT = 100  # ended ingests; the oldest are deleted first
MAX_WAITING = 1_000  # ingests
MAX_STARTS = 3  # of one ingest by servers that died while it ran
RETRY_AFTER_S = 60.0  # while too many wait
POLL_S = 0.5  # between checks for ingests requested from other servers
WRITTEN_EVERY_S = 0.5  # the progress of one that runs
ENDED = ("done", "failed", "cancelled")
LOG = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{32}")


class _StopError(Exception):
    """Raised within an ingest to end it."""


class _Kept(Document):
    """An ingest as it is kept: survives the server."""

    request: IngestRequest
    ingest: Ingest
    starts: int = 0  #: by servers that died while it ran


class Ingests:
    """Keeps and runs the requested ingests.

    When a server stops during one, the next server starts it again, and skips the clips that are stored.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._folder = library.settings.home / "ingests"
        self._lock: IO[bytes] | None = None
        self._changed = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work_off, name="ingests", daemon=True)

    @property
    def roots(self) -> list[Place]:
        """The folders that may be ingested from."""
        return self._library.roots

    def start(self) -> None:
        """Run what is waiting, and what is requested from now on."""
        self._thread.start()

    def begin(self, request: IngestRequest) -> Ingest:
        """Keep an ingest to be run. Raises UsageError for paths outside the folders that the settings allow, and
        OverloadedError when too many wait already.
        """
        if sum(kept.ingest.state == "waiting" for kept in self._all()) >= MAX_WAITING:
            raise OverloadedError("Too many ingests are waiting.", retry_after_s=RETRY_AFTER_S)
        paths = [str(allowed(path, self.roots)) for path in request.paths]
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        ingest = Ingest(id=uuid.uuid4().hex, requested=now, paths=paths, state="waiting", progress=IngestReport())
        self._write(_Kept(request=request, ingest=ingest))
        self._changed.set()
        return ingest

    def listed(self, *, limit: int, cursor: str | None = None) -> ListedIngests:
        """A page of ingests, the newest first; the cursor is the id of the last one. Raises UsageError."""
        found = self._all()[::-1]
        if cursor is not None:
            ids = [kept.ingest.id for kept in found]
            if cursor not in ids:
                raise UsageError(f"{cursor!r} is not a cursor.", "Give the `next` of an earlier answer.")
            found = found[ids.index(cursor) + 1 :]
        page = [self._followed(kept) for kept in found[:limit]]
        return ListedIngests(ingests=page, next=page[-1].id if len(found) > limit else None)

    def state(self, id_: str) -> Ingest:
        """An ingest as it is now. Raises NotFoundError."""
        return self._followed(self._kept(id_))

    def cancel(self, id_: str) -> Ingest:
        """Have an ingest cancelled, unless it has ended. Raises NotFoundError."""
        kept = self._kept(id_)
        if kept.ingest.state in ENDED:
            return kept.ingest
        try:
            self._cancellation(id_).touch()
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        self._changed.set()
        kept = self._kept(id_)
        if kept.ingest.state == "waiting":  # whoever begins it at this moment sees the mark
            kept = kept.model_copy(update={"ingest": kept.ingest.model_copy(update={"state": "cancelled"})})
            self._write(kept)
        return kept.ingest

    def close(self) -> None:
        """Stop the running ingest; its claims are released, and the next server starts it again."""
        self._ending.set()
        self._changed.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._lock is not None:
            self._lock.close()

    def _work_off(self) -> None:
        while not self._ending.is_set():
            self._changed.wait(POLL_S)
            self._changed.clear()
            try:
                while not self._ending.is_set() and (kept := self._next()) is not None:
                    self._run(kept)
            except SpeakerSearchError as error:  # the folder cannot be written: searches go on
                LOG.warning("Ingests cannot be run: %s", error)
                self._ending.wait(POLL_S)
            except Exception:  # likewise
                LOG.exception("Ingests cannot be run.")
                self._ending.wait(POLL_S)

    def _next(self) -> _Kept | None:
        """The oldest ingest to run, if this is the server that runs them."""
        waiting = [kept for kept in self._all() if kept.ingest.state not in ENDED]
        return waiting[0] if waiting and self._runs_them() else None

    def _run(self, kept: _Kept) -> None:
        ingest = kept.ingest.model_copy(update={"state": "running"})
        last_s = 0.0

        def note(report: IngestReport, *, always: bool = False) -> None:
            nonlocal ingest, last_s
            ingest = ingest.model_copy(update={"progress": report})
            if always or time.monotonic() - last_s > WRITTEN_EVERY_S:
                self._write(_Kept(request=kept.request, ingest=ingest, starts=kept.starts + 1))
                last_s = time.monotonic()
            if report.phase != "done" and (self._ending.is_set() or self._cancellation(ingest.id).exists()):
                raise _StopError

        ended: dict[str, object]
        try:
            if kept.starts >= MAX_STARTS:
                raise UsageError(
                    f"The server died {kept.starts} times while this ingest ran.", "Find out why, and request it again."
                )
            note(IngestReport(), always=True)
            ended = {"state": "done", "progress": self._take_in(kept, note)}
        except SpeakerSearchError as error:
            ended = {"state": "failed", "error": problems.told(error)}
        except _StopError:
            if not self._cancellation(ingest.id).exists():
                self._write(kept)  # the server ends: this start does not count
                return
            ended = {"state": "cancelled"}
        except Exception:
            ended = {"state": "failed", "error": "The server failed; its log says why."}
            LOG.exception("An ingest failed.")
        self._write(_Kept(request=kept.request, ingest=ingest.model_copy(update=ended)))
        self._forget_old()

    def _take_in(self, kept: _Kept, note: object) -> IngestReport:
        request = kept.request
        report = self._library.ingest(
            [str(allowed(path, self.roots)) for path in kept.ingest.paths],  # the settings may have changed since
            layout=request.layout,
            maker=request.maker,
            title=request.game,
            retry_refused=request.retry_refused,
            enqueue=request.enqueue,
            beside_searches=True,
            on_progress=note,  # type: ignore[arg-type]
        )
        if not request.enqueue:
            return report
        return report.model_copy(update={"of": self._library.left_below(report.encoder, kept.ingest.paths)})

    def _followed(self, kept: _Kept) -> Ingest:
        """The ingest. Of one that only registered its clips the progress says how far workers are with them."""
        ingest = kept.ingest
        if not (kept.request.enqueue and ingest.state == "done"):
            return ingest
        left = self._library.left_below(ingest.progress.encoder, ingest.paths)
        # Clips that were registered later lie below the same folders.
        of = max(left, ingest.progress.of)
        now = {"phase": "embedding" if left else "done", "pending": left, "of": of, "opened": of - left}
        return ingest.model_copy(update={"progress": ingest.progress.model_copy(update=now)})

    def _kept(self, id_: str) -> _Kept:
        kept = self._read(self._folder / f"{id_}.json") if _ID.fullmatch(id_) else None
        if kept is None:
            raise NotFoundError(f"There is no ingest {id_}.", "GET /v1/ingest lists those that are kept.")
        return kept

    def _all(self) -> list[_Kept]:
        """Every ingest that is kept, the oldest first."""
        found = (self._read(path) for path in self._folder.glob("*.json"))
        return sorted((kept for kept in found if kept), key=lambda kept: (kept.ingest.requested, kept.ingest.id))

    def _read(self, path: Path) -> _Kept | None:
        try:
            return _Kept.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):  # forgotten meanwhile, or not ours
            return None

    def _write(self, kept: _Kept) -> None:
        """Replace what is kept of an ingest at once. Raises IndexUnusableError when the home cannot be written."""
        path = self._folder / f"{kept.ingest.id}.json"
        part = path.with_suffix(f".{uuid.uuid4().hex}.part")  # cancelling may write at the same time as the runner
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(kept.model_dump_json().encode())
            part.replace(path)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def _cancellation(self, id_: str) -> Path:
        return self._folder / f"{id_}.cancel"

    def _forget_old(self) -> None:
        ended = [kept.ingest.id for kept in self._all() if kept.ingest.state in ENDED]
        for id_ in ended[:-MAX_KEPT]:
            with suppress(OSError):
                (self._folder / f"{id_}.json").unlink()
                self._cancellation(id_).unlink(missing_ok=True)

    def _runs_them(self) -> bool:
        """Whether this server holds the lock, which the system takes from it when it dies."""
        if self._lock is None:
            try:
                file = (self._folder / "lock").open("ab")
            except OSError as error:
                raise _unwritable(self._folder, error) from error
            if not locked(file):
                file.close()
                return False
            self._lock = file
        return True


def locked(file: IO[bytes]) -> bool:
    """Lock an open file, unless another process has done so."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unwritable(folder: Path, error: OSError) -> IndexUnusableError:
    return IndexUnusableError(
        f"{folder} cannot be written: {error.strerror}.", "Make it writable, or set SPKSEARCH_HOME to another folder."
    )
