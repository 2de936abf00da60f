"""A worker's lease: renewed in the background, its remaining claims released at the end."""

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
    """Claims whose lease is renewed in the background. They are released on any exit short of a kill."""
    claims = patiently(lambda: Claims(catalog, encoder_id, machine=processes.machine(), pid=os.getpid()))
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEW_EVERY_S):
            with suppress(CatalogError):  # after a longer outage the next claim raises
                claims.renew()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield claims
    finally:
        done.set()
        thread.join()
        with suppress(CatalogError):  # the lease then expires
            claims.leave()
