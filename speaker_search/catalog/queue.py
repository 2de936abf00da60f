"""The queue of a space: workers, their claims, and what happens to the claims of a worker that dies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, delete, exists, func, insert, select, update

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import among, chunks
from speaker_search.catalog.tables import clips, encoders, queue, roots, workers
from speaker_search.entities import Place, Refusal, place_at

LEASE_S = 60.0  # how long a worker keeps its claims after its last renewal
SUSPECTS = 64  # claimed together at most

# Worker deaths before a clip is refused. The first death makes the whole portion suspect. Suspects are then embedded
# alone, and two more deaths refuse the clip: random kills hardly ever hit the same single clip twice.
MAX_KILLS = 3

STORED_ID = np.dtype("<i8")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClaimedClip:
    """A clip that a worker is to embed."""

    id: int
    root: Place  #: a folder, or an archive
    name: str  #: POSIX, relative to the folder or as the archive has it
    file: tuple[int, int]  #: size in bytes and mtime in ns of the file that a scan saw
    suspect: bool  #: a worker died while processing it, so it is embedded alone

    @property
    def path(self) -> Place:
        return self.root / self.name


class Claims:
    """What one worker has claimed in one space, under a lease that it must renew well within LEASE_S.

    Thread-safe: each call is one transaction, and calls are serialised.
    """

    def __init__(self, catalog: Catalog, space_id: int, *, machine: str, pid: int) -> None:
        """`machine` is the scope in which `pid` is unique (see ingest/processes.py)."""
        self._catalog = catalog
        self._space_id = space_id
        self._who: dict[str, str | int] = {"machine": machine, "pid": pid}
        self._lock = threading.Lock()
        self._left = False
        self._id = catalog.transact(self._register)

    @property
    def worker(self) -> int:
        """The id of the worker. It gets a new one when it was given up for dead."""
        return self._id

    def renew(self) -> None:
        """Renew the lease. A worker that was given up for dead is registered again, without its claims."""
        self._do(lambda _, __: None, None)

    def claim(self, limit: int) -> list[ClaimedClip]:
        """Claim up to `limit` pending clips, by id; suspects only when nothing else is pending. Empty after `leave`."""
        return self._do(lambda connection, worker_id: self._claim(connection, worker_id, limit), [])

    def take_in_hand(self, clip_ids: Sequence[int]) -> None:
        """Record which of the claimed clips this worker is processing: they become suspects if it dies."""
        blob = np.array(clip_ids, STORED_ID).tobytes()

        def note(connection: Connection, worker_id: int) -> None:
            connection.execute(update(workers).where(workers.c.id == worker_id).values(in_hand=blob))

        self._do(note, None)

    def give_back(self) -> None:
        """Release all claims, for other workers to take."""
        self._do(_give_back, None)

    def leave(self) -> None:
        """Release all claims and unregister the worker; later calls do nothing."""
        with self._lock:
            self._left = True

            def leave(connection: Connection) -> None:
                connection.execute(select(workers.c.id).where(workers.c.id == self._id).with_for_update())
                _give_back(connection, self._id)
                connection.execute(delete(workers).where(workers.c.id == self._id))

            self._catalog.transact(leave)

    def _do(self, work: Callable[[Connection, int], T], otherwise: T) -> T:
        """Renew the lease and do `work`, in one transaction; `otherwise` when this worker has left."""
        with self._lock:
            if self._left:
                return otherwise

            def renewed(connection: Connection) -> tuple[int, T]:
                lease = {"lease_until": _now(connection) + LEASE_S}
                renewal = update(workers).where(workers.c.id == self._id).values(**lease)
                worker_id = self._id if connection.execute(renewal).rowcount else self._register(connection)
                return worker_id, work(connection, worker_id)

            # Keep a new id only once it is committed: a rolled-back transaction leaves no such row.
            self._id, result = self._catalog.transact(renewed)
            return result

    def _register(self, connection: Connection) -> int:
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
            entries = (queue.c.encoder_id == self._space_id) & among(connection, queue.c.clip_id, some)
            connection.execute(update(queue).where(entries).values(status="claimed", worker_id=worker_id))
            c = clips.c
            columns = (c.id, roots.c.path, c.path, c.size, c.mtime_ns)
            here = select(*columns).join_from(clips, roots).where(among(connection, c.id, some)).order_by(c.id)
            for id_, root, name, size, mtime_ns in connection.execute(here):
                taken.append(ClaimedClip(id_, place_at(root), name, (size, mtime_ns), suspect))
        return taken


def release(catalog: Catalog, is_dead: Callable[[str, int], bool]) -> int:
    """Release the claims of workers whose lease has expired or that `is_dead(machine, pid)`; returns how many clips.

    Each clip that a dead worker was processing gets one more death counted against it; at the third it is refused.
    """
    return catalog.transact(lambda connection: _release(connection, is_dead))


def left(connection: Connection, space_id: int) -> tuple[int, int]:
    """How many clips are still to be embedded, and how many of them workers have claimed."""
    c = queue.c
    query = select(c.status, func.count()).where(c.encoder_id == space_id, c.status != "refused").group_by(c.status)
    counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    return sum(counts.values()), counts.get("claimed", 0)


def left_below(connection: Connection, space: str, places: Sequence[str]) -> int:
    """How many clips from these folders, archives and lists, or from any below them, are still to be embedded in a
    space. Those of a list are counted with all of its folder.
    """
    listed = connection.execute(select(roots.c.path, roots.c.id)).all()
    ids: set[int] = set()
    for place in places:
        below = tuple(place.rstrip(separator) + separator for separator in {"/", os.sep})
        here = {id_ for path, id_ in listed if path == place or path.startswith(below)}
        if not here:  # a list: its clips' root is the folder that it is in
            around = str(place_at(place).parent)
            here = {id_ for path, id_ in listed if path == around}
        ids |= here
    waiting = (encoders.c.space == space) & (queue.c.status != "refused")
    found = select(func.count()).select_from(queue).join(clips).join(encoders, encoders.c.id == queue.c.encoder_id)
    counts = (found.where(waiting, among(connection, clips.c.root_id, some)) for some in chunks(ids))
    return sum(int(connection.execute(count).scalar_one()) for count in counts)


def refused_killers(connection: Connection, space_id: int) -> int:
    """How many clips are refused because workers died while processing them."""
    c = queue.c
    killers = (c.encoder_id == space_id) & (c.status == "refused") & (c.reason == str(Refusal.KILLS_WORKER))
    return int(connection.execute(select(func.count()).select_from(queue).where(killers)).scalar_one())


def _release(connection: Connection, is_dead: Callable[[str, int], bool]) -> int:
    now = _now(connection)
    listed = connection.execute(select(workers).order_by(workers.c.id).with_for_update(skip_locked=True)).all()
    dead = [worker for worker in listed if worker.lease_until < now or is_dead(worker.machine, worker.pid)]
    freed = sum(_free(connection, worker.id, np.frombuffer(worker.in_hand, STORED_ID).tolist()) for worker in dead)
    holding = exists().where(queue.c.worker_id == workers.c.id)
    connection.execute(delete(workers).where(workers.c.id.in_([worker.id for worker in dead]), ~holding))
    return freed


def _free(connection: Connection, worker_id: int, processing: Sequence[int]) -> int:
    """Release a dead worker's claims, and count the death against the clips it was processing; how many claims."""
    c = queue.c
    claimed = c.worker_id == worker_id
    # Some may be locked: a worker given up for dead is storing them after all. They are released the next time.
    unlocked = select(c.clip_id).where(claimed).order_by(c.clip_id).with_for_update(skip_locked=True)
    clip_ids = list(connection.execute(unlocked).scalars())
    refused = {
        "status": "refused",
        "reason": str(Refusal.KILLS_WORKER),
        "detail": f"{MAX_KILLS} workers died while processing it, the last two while processing nothing else.",
    }
    for some in chunks(clip_ids):
        held = claimed & c.clip_id.in_(some)
        blamed = update(queue).where(held, c.clip_id.in_(set(some) & set(processing)))
        connection.execute(blamed.values(kills=c.kills + 1))
        connection.execute(update(queue).where(held, c.kills >= MAX_KILLS).values(**refused, worker_id=None))
        connection.execute(update(queue).where(held).values(status="pending", worker_id=None))
    return len(clip_ids)


def _give_back(connection: Connection, worker_id: int) -> None:
    claimed = update(queue).where(queue.c.worker_id == worker_id)
    connection.execute(claimed.values(status="pending", worker_id=None))


def _now(connection: Connection) -> float:
    """The database's clock, in seconds since 1970: one clock for the workers on all machines."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
