"""The queue of a space: the workers that embed, what each has claimed, and what comes back when one dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, delete, exists, func, insert, select, update

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import chunks
from speaker_search.catalog.tables import clips, queue, roots, workers
from speaker_search.entities import Refusal

LEASE_S = 60.0  # how long a worker that no longer answers keeps what it has claimed
SUSPECTS = 64  # claimed together at most

# Worker deaths before a clip is refused. The first death makes the whole batch suspect; then it takes two more with
# the clip alone: programs that are killed at random hardly die twice with the same single clip.
MAX_KILLS = 3

STORED_ID = np.dtype("<i8")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClaimedClip:
    """A clip that a worker is to embed."""

    id: int
    root: Path  #: a folder, or an archive
    name: str  #: POSIX, relative to the folder or as the archive has it
    file: tuple[int, int]  #: size in bytes and mtime in ns of the file that a scan saw
    suspect: bool  #: a worker died while it was working on it: it is embedded alone

    @property
    def path(self) -> Path:
        return self.root / self.name


class Claims:
    """What one worker has claimed in one space, under a lease that has to be renewed well within LEASE_S.

    Any thread may call it: each call is one transaction, and calls take turns.
    """

    def __init__(self, catalog: Catalog, space_id: int, *, machine: str, pid: int) -> None:
        """`machine` names where process numbers mean the same (see ingest/processes.py)."""
        self._catalog = catalog
        self._space_id = space_id
        self._who: dict[str, str | int] = {"machine": machine, "pid": pid}
        self._lock = threading.Lock()
        self._left = False
        self._id = catalog.transact(self._enlist)

    def renew(self) -> None:
        """Say that this worker is alive. One that was given up for dead is listed anew, without what it had."""
        self._do(lambda _, __: None, None)

    def claim(self, limit: int) -> list[ClaimedClip]:
        """Take up to `limit` pending clips, by id; suspects last, and only when nothing else is pending. A worker that
        has left gets none.
        """
        return self._do(lambda connection, worker_id: self._claim(connection, worker_id, limit), [])

    def take_in_hand(self, clip_ids: Sequence[int]) -> None:
        """Say which of the claimed clips this worker is working on: those are suspects should it die."""
        blob = np.array(clip_ids, STORED_ID).tobytes()

        def note(connection: Connection, worker_id: int) -> None:
            connection.execute(update(workers).where(workers.c.id == worker_id).values(in_hand=blob))

        self._do(note, None)

    def give_back(self) -> None:
        """Give back what is claimed, for others to take, and go on."""
        self._do(_give_back, None)

    def leave(self) -> None:
        """Give back what is claimed and stop being a worker: later calls do nothing."""
        with self._lock:
            self._left = True

            def leave(connection: Connection) -> None:
                connection.execute(select(workers.c.id).where(workers.c.id == self._id).with_for_update())
                _give_back(connection, self._id)
                connection.execute(delete(workers).where(workers.c.id == self._id))

            self._catalog.transact(leave)

    def _do(self, work: Callable[[Connection, int], T], otherwise: T) -> T:
        """Renew the lease and do the work, in one transaction; `otherwise` when this worker has left."""
        with self._lock:
            if self._left:
                return otherwise

            def renewed(connection: Connection) -> tuple[int, T]:
                lease = {"lease_until": _now(connection) + LEASE_S}
                mine = update(workers).where(workers.c.id == self._id).values(**lease)
                worker_id = self._id if connection.execute(mine).rowcount else self._enlist(connection)
                return worker_id, work(connection, worker_id)

            # The new id counts once it is committed: a transaction that is rolled back leaves no such row.
            self._id, result = self._catalog.transact(renewed)
            return result

    def _enlist(self, connection: Connection) -> int:
        row = insert(workers).values(**self._who, lease_until=_now(connection) + LEASE_S, in_hand=b"")
        return int(connection.execute(row.returning(workers.c.id)).scalar_one())

    def _claim(self, connection: Connection, worker_id: int, limit: int) -> list[ClaimedClip]:
        c = queue.c
        pending = (c.encoder_id == self._space_id) & (c.status == "pending")
        for suspect in (False, True):
            which = c.kills > 0 if suspect else c.kills == 0
            most = min(limit, SUSPECTS) if suspect else limit
            first = select(c.clip_id).where(pending, which).order_by(c.kills, c.clip_id).limit(most)
            if ids := connection.execute(first.with_for_update(skip_locked=True)).scalars().all():
                return self._take(connection, worker_id, list(ids), suspect=suspect)
        return []

    def _take(self, connection: Connection, worker_id: int, ids: list[int], *, suspect: bool) -> list[ClaimedClip]:
        taken: list[ClaimedClip] = []
        for some in chunks(ids):
            mine = (queue.c.encoder_id == self._space_id) & queue.c.clip_id.in_(some)
            connection.execute(update(queue).where(mine).values(status="claimed", worker_id=worker_id))
            c = clips.c
            columns = (c.id, roots.c.path, c.path, c.size, c.mtime_ns)
            rows = connection.execute(select(*columns).join_from(clips, roots).where(c.id.in_(some)).order_by(c.id))
            for id_, root, name, size, mtime_ns in rows:
                taken.append(ClaimedClip(id_, Path(root), name, (size, mtime_ns), suspect))
        return taken


def release(catalog: Catalog, is_dead: Callable[[str, int], bool]) -> int:
    """Free the claims of workers whose lease ran out or that `is_dead(machine, pid)` says are dead; how many clips.

    A clip that a dead worker was working on counts one more death; at the third it is refused.
    """
    return catalog.transact(lambda connection: _release(connection, is_dead))


def left(connection: Connection, space_id: int) -> tuple[int, int]:
    """How many clips are still to be embedded, and how many of them workers have claimed."""
    c = queue.c
    query = select(c.status, func.count()).where(c.encoder_id == space_id, c.status != "refused").group_by(c.status)
    counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    return sum(counts.values()), counts.get("claimed", 0)


def _release(connection: Connection, is_dead: Callable[[str, int], bool]) -> int:
    now = _now(connection)
    listed = connection.execute(select(workers).order_by(workers.c.id).with_for_update(skip_locked=True)).all()
    gone = [worker for worker in listed if worker.lease_until < now or is_dead(worker.machine, worker.pid)]
    freed = sum(_free(connection, worker.id, np.frombuffer(worker.in_hand, STORED_ID).tolist()) for worker in gone)
    holding = exists().where(queue.c.worker_id == workers.c.id)
    connection.execute(delete(workers).where(workers.c.id.in_([worker.id for worker in gone]), ~holding))
    return freed


def _free(connection: Connection, worker_id: int, in_hand: Sequence[int]) -> int:
    """Free what a dead worker has claimed, and blame what it was working on; how many clips."""
    c = queue.c
    mine = c.worker_id == worker_id
    # Some may be locked: a worker given up for dead is storing them after all. They are freed the next time.
    theirs = select(c.clip_id).where(mine).order_by(c.clip_id).with_for_update(skip_locked=True)
    clip_ids = list(connection.execute(theirs).scalars())
    refused = {
        "status": "refused",
        "reason": str(Refusal.KILLS_WORKER),
        "detail": f"{MAX_KILLS} programs died while they were working on it, the last two with it alone.",
    }
    for some in chunks(clip_ids):
        held = mine & c.clip_id.in_(some)
        blamed = update(queue).where(held, c.clip_id.in_(set(some) & set(in_hand)))
        connection.execute(blamed.values(kills=c.kills + 1))
        connection.execute(update(queue).where(held, c.kills >= MAX_KILLS).values(**refused, worker_id=None))
        connection.execute(update(queue).where(held).values(status="pending", worker_id=None))
    return len(clip_ids)


def _give_back(connection: Connection, worker_id: int) -> None:
    mine = update(queue).where(queue.c.worker_id == worker_id)
    connection.execute(mine.values(status="pending", worker_id=None))


def _now(connection: Connection) -> float:
    """The database's clock, in seconds since 1970: workers on several machines go by one clock."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
