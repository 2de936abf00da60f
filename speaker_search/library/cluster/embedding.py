"""Clips embedded by the workers of a Ray cluster, which claim them from the catalog's queue like all workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from speaker_search.catalog import queue
from speaker_search.catalog.spaces import Space, count_clips, count_queued, spaces
from speaker_search.encoders import Encoder
from speaker_search.entities import Refusal
from speaker_search.errors import CatalogAwayError, UsageError
from speaker_search.ingest import processes
from speaker_search.ingest.patience import patiently
from speaker_search.ingest.report import Tally
from speaker_search.library.cluster.crew import Crew
from speaker_search.library.cluster.embedder import Orders
from speaker_search.library.cluster.posts import worth_it
from speaker_search.library.cluster.ray_cluster import check, joined

if TYPE_CHECKING:
    from speaker_search.library.intake import Intake, OnProgress

LISTEN_S = 0.5  # to the workers, before their progress is shown
LOOK_EVERY_S = 3.0  # at the queue and at the nodes
# Clips whose folder no node has are tried again after this time, and when other clips or nodes have come.
RETRY_MISSING_S = 300.0


def embed_on_cluster(
    library: Intake,
    address: str,
    encoder: Encoder | None,
    *,
    drain: bool,
    decoders: int | None,
    most: int | None,
    on_progress: OnProgress,
) -> Tally:
    """Embed pending clips: with `drain` until none is left that can be embedded, otherwise until interrupted.

    While none is pending no worker runs, and the queue is looked at every LOOK_EVERY_S. When `on_progress` raises, the
    workers store the portions in hand first.
    """
    if library.catalog.engine.dialect.name == "sqlite":
        raise UsageError(
            "The nodes of a Ray cluster cannot share a catalog on SQLite.",
            "Put it on PostgreSQL: `spksearch backup` here, then `spksearch restore` with SPKSEARCH_DATABASE_URL set.",
        )
    tally = Tally(embedding=True)
    space, pending = _space(library)
    if not drain:
        check(address)  # now, since clips may come in days
    while not pending and not drain:
        on_progress(tally.report)
        time.sleep(LOOK_EVERY_S)
        space, pending = patiently(lambda: _space(library), _telling(tally, on_progress))
    if space is None:
        return tally
    tally.encoder = space.name
    if pending:
        private = {"api_keys": SecretStr(""), "api_key": SecretStr(""), "encoder": space.name}
        orders = Orders(library.settings.model_copy(update=private), encoder, space)
        with joined(address) as ray:
            crew = Crew(ray, orders, decoders=decoders, most=most)
            try:
                _Embedding(library, space, crew, tally, on_progress).run(drain=drain)
            except BaseException:
                crew.stop()
                raise
    with library.catalog.read() as connection:
        tally.catalog = count_clips(connection, space.id)
    tally.pending, tally.waiting_for, tally.queued = tally.catalog.pending, "", tally.opened
    on_progress(tally.report)
    return tally


def _telling(tally: Tally, on_progress: OnProgress) -> Callable[[CatalogAwayError], None]:
    """Says that the database is waited for."""

    def tell(error: CatalogAwayError) -> None:
        tally.waiting_for = str(error)
        on_progress(tally.report)
        tally.waiting_for = ""

    return tell


def _space(library: Intake) -> tuple[Space | None, int]:
    """The space whose clips are to be embedded, and how many; None where it has none yet. Reads no weights for that."""
    wanted = library.encoder_choice().name
    with library.catalog.read() as connection:
        held = [space for space in spaces(connection) if wanted in (space.name, space.encoder)]
        pending = {space: count for space in held if (count := count_queued(connection, space.id)[0])}
    if len(pending) > 1:
        names = ", ".join(space.name for space in pending)
        raise UsageError(f"Clips are pending in several spaces of {wanted}: {names}.", "Name one with --encoder.")
    return next(iter(pending.items()), (held[-1] if held else None, 0))


@dataclass(slots=True)
class _Embedding:
    """One command's work, from its first look at the queue."""

    library: Intake
    space: Space
    crew: Crew
    tally: Tally
    on_progress: OnProgress
    left: int = 0  # clips to embed, claimed or not
    killers: int = 0  # clips refused because workers died of them, when last counted
    stuck: int | None = None  # how many clips were left when a worker found none that it could embed
    stuck_s: float = 0.0

    def run(self, *, drain: bool) -> None:
        """Embed what is pending, as `embed_on_cluster` says."""
        killers, looked_s = patiently(self._counts, _telling(self.tally, self.on_progress))[1], -LOOK_EVERY_S
        while True:
            began = time.monotonic()
            if began - looked_s >= LOOK_EVERY_S:
                self._look()
                looked_s = began
            if drain and not self.crew.busy and self.left in (0, self.stuck):
                return
            for report in self.crew.hear(LISTEN_S):
                looked_s = -LOOK_EVERY_S
                if report is not None and report.pending:
                    self.stuck, self.stuck_s = report.pending, time.monotonic()
            if self.crew.embeds:
                self.tally.elapsed_s += time.monotonic() - began
            self.crew.tell(self.tally)
            if died := self.killers - killers:
                self.tally.refused[str(Refusal.KILLS_WORKER)] = died
                self.tally.opened += died
            self.on_progress(self.tally.report)

    def _look(self) -> None:
        """Take dead workers' clips back, count what is left, and have as many workers as that is worth."""

        def is_dead(machine: str, pid: int) -> bool:
            return self.crew.is_dead(machine, pid) or processes.is_dead(machine, pid)

        if self.crew.changed() or time.monotonic() - self.stuck_s >= RETRY_MISSING_S:
            self.stuck = None  # another node may have what this one missed
        patiently(lambda: queue.release(self.library.catalog, is_dead), _telling(self.tally, self.on_progress))
        self.left, self.killers = patiently(self._counts, _telling(self.tally, self.on_progress))
        # What workers report is a moment older than the queue: the total does not shrink because of that.
        self.tally.pending, self.tally.queued = self.left, max(self.tally.queued, self.tally.opened + self.left)
        self.crew.staff(0 if self.left == self.stuck else worth_it(self.left))

    def _counts(self) -> tuple[int, int]:
        with self.library.catalog.read() as connection:
            return queue.left(connection, self.space.id)[0], queue.refused_killers(connection, self.space.id)
