"""Requests that are much work take turns: a few of a kind at a time, short ones first, and too many are refused."""

from __future__ import annotations

import asyncio
import heapq
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import count
from typing import NamedTuple, TypeVar

from speaker_search.errors import OverloadedError

CORES = os.cpu_count() or 1
UPLOADS_AT_ONCE = 32
SEARCHES_AT_ONCE = max(2, CORES)  # by what the catalog holds; uploads wait for their decoders as well
CASTS_AT_ONCE = max(2, CORES // 2)  # one that links everybody anew must not keep all others waiting
SOUNDS_AT_ONCE = 8  # most only read a file; others unpack or convert it
MAX_WAITING = 256  # of a kind
AGEING = 10.0  # seconds by which each second that such work took before delays a turn: long work gets its turn, too
MEMORY = 0.8  # of how long work took before, when it has been done once more
MIN_RETRY_S, MAX_RETRY_S = 2.0, 60.0
T = TypeVar("T")


class Turns:
    """Runs functions in threads, `at_once` of them side by side. For the event loop alone."""

    def __init__(self, kind: str, *, at_once: int, waiting: int = MAX_WAITING) -> None:
        self.kind = kind
        self._at_once = at_once
        self._most = waiting
        self._running = 0
        self._threads = ThreadPoolExecutor(at_once, f"turns-{kind}")  # anyio's take three turns of the event loop more
        self._queue: list[tuple[float, int, str, asyncio.Event]] = []  # a heap by when a turn is due
        self._number = count()
        self._took: dict[str, float] = {}  # seconds, by the name of the work

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def run(self, work: Callable[[], T], name: str = "") -> T:
        """Run it once it is its turn: work of a `name` that was short before comes first.

        Raises OverloadedError when too many wait already.
        """
        await self._turn(name)
        began = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, _done, work)
        finally:
            took = time.monotonic() - began
            self._took[name] = MEMORY * self._took.get(name, took) + (1 - MEMORY) * took
            self._running -= 1
            self._call_next()

    async def _turn(self, name: str) -> None:
        if self._running < self._at_once:
            self._running += 1
            return
        if len(self._queue) >= self._most:
            raise OverloadedError("Too many requests of this kind are waiting.", retry_after_s=self._wait_s())
        due = time.monotonic() + AGEING * self._took.get(name, 0.0)
        waiter = (due, next(self._number), name, asyncio.Event())
        heapq.heappush(self._queue, waiter)
        try:
            await waiter[-1].wait()
        except BaseException:  # the client left
            if waiter[-1].is_set():
                self._running -= 1
                self._call_next()
            else:
                self._queue.remove(waiter)
                heapq.heapify(self._queue)
            raise

    def _call_next(self) -> None:
        while self._queue and self._running < self._at_once:
            self._running += 1
            heapq.heappop(self._queue)[-1].set()

    def _wait_s(self) -> float:
        """How long it takes until those that wait are done."""
        seconds = math.fsum(self._took.get(name, 0.0) for _, _, name, _ in self._queue) / self._at_once
        return min(max(seconds, MIN_RETRY_S), MAX_RETRY_S)


def _done(work: Callable[[], T]) -> T:
    try:
        return work()
    except StopIteration as error:  # no future takes one: its turn would never end
        raise RuntimeError("The work raised StopIteration.") from error


class SearchTurns(NamedTuple):
    """The turns of searches and of other requests that are much work, by what they need."""

    catalog: Turns  #: searches: more at once than there are cores would finish no sooner, and some much later
    upload: Turns  #: separate, so sounds that hang a decoder do not delay other searches
    cast: Turns  #: voices, cast sheets, unknown speakers, the queue, credits
    sound: Turns  #: the sounds of clips
    health: Turns  #: what works on the server: looking takes long, so others wait for the one that looks


def of_searches() -> SearchTurns:
    return SearchTurns(
        Turns("catalog", at_once=SEARCHES_AT_ONCE),
        Turns("upload", at_once=UPLOADS_AT_ONCE),
        Turns("cast", at_once=CASTS_AT_ONCE),
        Turns("sound", at_once=SOUNDS_AT_ONCE),
        Turns("health", at_once=1),
    )
