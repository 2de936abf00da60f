"""Holding on to what a worker has claimed, and giving back the rest of it at the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.queue import LEASE_S, Claims
from speaker_search.errors import CatalogError
from speaker_search.ingest import processes
from speaker_search.ingest.patience import patiently

RENEW_EVERY_S = LEASE_S / 4


@contextmanager
def leased(catalog: Catalog, encoder_id: int) -> Iterator[Claims]:
    """Claims whose lease is renewed in the background. However it ends, short of a kill, they are given back."""
    claims = patiently(lambda: Claims(catalog, encoder_id, machine=processes.machine(), pid=os.getpid()))
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_EVERY_S):
            with suppress(CatalogError):  # away for a moment: the next claim says so if it is for longer
                claims.renew()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield claims
    finally:
        over.set()
        thread.join()
        with suppress(CatalogError):  # the lease then ends by itself
            claims.leave()
