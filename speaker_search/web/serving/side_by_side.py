"""Searches of one kind run a few at a time; when too many wait, more are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from anyio import CapacityLimiter, to_thread

from speaker_search.errors import OverloadedError

UPLOADS_AT_ONCE = 32
SEARCHES_AT_ONCE = max(2, os.cpu_count() or 1)  # by what the catalog holds; uploads wait for their decoders as well
MAX_WAITING = 256  # searches of either kind
RETRY_AFTER_S = 2.0
T = TypeVar("T")


class Turns:
    """Runs functions in threads, `at_once` of them side by side, in the order of the calls."""

    def __init__(self, kind: str, *, at_once: int, waiting: int) -> None:
        self.kind = kind
        self._limiter = CapacityLimiter(at_once)
        self._most = waiting

    @property
    def waiting(self) -> int:
        return self._limiter.statistics().tasks_waiting

    async def run(self, work: Callable[[], T]) -> T:
        """Run it once it is its turn. Raises OverloadedError when too many wait already."""
        if self.waiting >= self._most:
            raise OverloadedError("Too many searches are waiting.", retry_after_s=RETRY_AFTER_S)
        return await to_thread.run_sync(work, limiter=self._limiter)


class SearchTurns(NamedTuple):
    """The turns of searches, by what they need."""

    catalog: Turns  #: more at once than there are cores would finish no sooner, and some much later
    upload: Turns  #: separate, so sounds that hang a decoder do not delay other searches


def of_searches() -> SearchTurns:
    return SearchTurns(
        Turns("catalog", at_once=SEARCHES_AT_ONCE, waiting=MAX_WAITING),
        Turns("upload", at_once=UPLOADS_AT_ONCE, waiting=MAX_WAITING),
    )
