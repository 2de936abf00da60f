"""Who embeds what: the programs that embed clips, and the clips that each has claimed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import lock_spaces
from speaker_search.catalog.tables import clips, roots, unembedded, workers
from speaker_search.entities import Refusal

LEASE_S = 60.0  # how long a worker that no longer answers keeps what it has claimed
SUSPECTS = 64  # claimed together at most

# Workers that a clip may take down before it is refused: one in the company of others, which makes suspects of them
# all, and then two by itself, for whoever ends programs at random hardly hits the same single clip twice.
MAX_KILLS = 3

STORED_ID = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class ClaimedClip:
    """A clip that a worker is to embed."""

    id: int
    root: Path  #: a folder, or an archive
    name: str  #: POSIX, relative to the folder or as the archive has it
    file: tuple[int, int]  #: size in bytes and mtime in ns of the file that a scan saw
    suspect: bool  #: a worker died while it was at it: to be embedded by itself

    @property
    def path(self) -> Path:
        return self.root / self.name


class Claims:
    """What one worker has claimed in one space. It holds a lease, to be renewed well within LEASE_S."""

    def __init__(self, catalog: Catalog, encoder_id: int, *, machine: str, pid: int) -> None:
        """`machine` names where process numbers mean the same (see ingest/alive.py)."""
        self._catalog = catalog
        self._encoder_id = encoder_id
        self._who: dict[str, str | int] = {"machine": machine, "pid": pid}
        with catalog.write() as connection:
            self._id = _enlist(connection, self._who)

    def renew(self) -> None:
        """Say that this worker is alive. One that was given up for dead is listed anew, without what it had."""
        with self._catalog.write() as connection:
            self._renew(connection)

    def claim(self, limit: int) -> list[ClaimedClip]:
        """Take up to `limit` clips that wait, by id; suspects last, and only when nothing else waits."""
        c = unembedded.c
        mine = (c.encoder_id == self._encoder_id) & (c.status == "pending")
        with self._catalog.write() as connection:
            self._renew(connection)
            for suspect in (False, True):
                which = c.kills > 0 if suspect else c.kills == 0
                most = min(limit, SUSPECTS) if suspect else limit
                waiting = select(c.clip_id).where(mine, which).order_by(c.kills, c.clip_id).limit(most)
                if ids := connection.execute(waiting.with_for_update(skip_locked=True)).scalars().all():
                    return self._take(connection, list(ids), suspect=suspect)
        return []

    def take_in_hand(self, clip_ids: Sequence[int]) -> None:
        """Say which of the clips claimed this worker is at: those are suspects should it die."""
        with self._catalog.write() as connection:
            self._renew(connection)
            blob = np.array(clip_ids, STORED_ID).tobytes()
            connection.execute(update(workers).where(workers.c.id == self._id).values(in_hand=blob))

    def leave(self) -> None:
        """Give back what is left, for others to claim as if nothing had happened."""
        with self._catalog.write() as connection:
            connection.execute(select(workers.c.id).where(workers.c.id == self._id).with_for_update())
            mine = update(unembedded).where(unembedded.c.worker_id == self._id)
            connection.execute(mine.values(status="pending", worker_id=None))
            connection.execute(delete(workers).where(workers.c.id == self._id))

    def _renew(self, connection: Connection) -> None:
        renewed = update(workers).where(workers.c.id == self._id).values(lease_until=_now(connection) + LEASE_S)
        if not connection.execute(renewed).rowcount:
            self._id = _enlist(connection, self._who)

    def _take(self, connection: Connection, ids: list[int], *, suspect: bool) -> list[ClaimedClip]:
        taken: list[ClaimedClip] = []
        for some in chunks(ids, IDS_PER_STATEMENT):
            mine = (unembedded.c.encoder_id == self._encoder_id) & unembedded.c.clip_id.in_(some)
            connection.execute(update(unembedded).where(mine).values(status="claimed", worker_id=self._id))
            c = clips.c
            columns = (c.id, roots.c.path, c.path, c.size, c.mtime_ns)
            rows = connection.execute(select(*columns).join_from(clips, roots).where(c.id.in_(some)).order_by(c.id))
            for id_, root, name, size, mtime_ns in rows:
                taken.append(ClaimedClip(id_, Path(root), name, (size, mtime_ns), suspect))
        return taken


def release(catalog: Catalog, is_dead: Callable[[str, int], bool]) -> int:
    """Free the claims of workers whose lease ran out, or which `is_dead(machine, pid)` knows better; how many clips.

    The clips that a dead worker was at have one more to their name each; at the third they are refused.
    """
    with catalog.write() as connection:
        now = _now(connection)
        listed = connection.execute(select(workers).with_for_update(skip_locked=True)).all()
        gone = [worker for worker in listed if worker.lease_until < now or is_dead(worker.machine, worker.pid)]
        if not gone:
            return 0
        lock_spaces(connection)
        dead = [worker.id for worker in gone]
        theirs = unembedded.c.worker_id.in_(dead)
        at_hand = [id_ for worker in gone for id_ in np.frombuffer(worker.in_hand, STORED_ID).tolist()]
        for some in chunks(at_hand, IDS_PER_STATEMENT):
            blamed = update(unembedded).where(theirs, unembedded.c.clip_id.in_(some))
            connection.execute(blamed.values(kills=unembedded.c.kills + 1))
        refused = {
            "status": "refused",
            "reason": str(Refusal.KILLS_WORKER),
            "detail": f"{MAX_KILLS} programs died while they were at it, the last by itself.",
        }
        last = update(unembedded).where(theirs, unembedded.c.kills >= MAX_KILLS)
        connection.execute(last.values(**refused, worker_id=None))
        freed = connection.execute(update(unembedded).where(theirs).values(status="pending", worker_id=None)).rowcount
        connection.execute(delete(workers).where(workers.c.id.in_(dead)))
        return freed


def left(connection: Connection, encoder_id: int) -> tuple[int, int]:
    """How many clips are still to be embedded, and how many of them workers have claimed."""
    c = unembedded.c
    query = select(c.status, func.count()).where(c.encoder_id == encoder_id, c.status != "refused").group_by(c.status)
    counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    return sum(counts.values()), counts.get("claimed", 0)


def _enlist(connection: Connection, who: dict[str, str | int]) -> int:
    row = insert(workers).values(**who, lease_until=_now(connection) + LEASE_S, in_hand=b"")
    return int(connection.execute(row.returning(workers.c.id)).scalar_one())


def _now(connection: Connection) -> float:
    """The database's clock, in seconds since 1970: workers on several machines go by one clock."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
