"""Retrying while the database is unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from speaker_search.errors import CatalogAwayError

PATIENCE_S = 600.0  # long enough for a server's upgrade
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # between tries; the last one repeats

T = TypeVar("T")


def patiently(
    action: Callable[[], T],
    on_wait: Callable[[CatalogAwayError], None] = lambda _: None,
    *,
    patience_s: float = PATIENCE_S,
) -> T:
    """Call `action`, and retry it while the catalog's server is unavailable, for up to `patience_s`.

    `action` must be safe to repeat: a transaction may have committed although its answer was lost. Raises
    CatalogAwayError when the outage lasts longer.
    """
    give_up = time.monotonic() + patience_s
    tries = 0
    while True:
        try:
            return action()
        except CatalogAwayError as error:
            if time.monotonic() > give_up:
                raise
            on_wait(error)
        time.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
        tries += 1
