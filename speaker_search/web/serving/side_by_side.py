"""Work of one kind, a few at a time; what would wait long is refused instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from speaker_search.errors import OverloadedError

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
