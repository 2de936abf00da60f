"""Members that can be read only from the start of their block on: one pass, with a short memory for what it passed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError

MEMORY_BYTES = 64 * 2**20  # of members passed over on the way to the one asked for


class Forward:
    """Reads members in the order they lie in at the cost of one pass, whatever threads ask a little out of order.

    Asked for one that was passed and is forgotten, it begins the block again.
    """

    def __init__(self, begin: Callable[[int], Generator[bytes | None]], memory_bytes: int = MEMORY_BYTES) -> None:
        """`begin` gives a block's members from the first on, None for one that is too large to hold."""
        self._begin = begin
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._members: Generator[bytes | None] | None = None
        self._block = -1
        self._next = 0  # member of the block that comes next
        self._passed: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._passed_bytes = 0
        self._broken: dict[int, tuple[int, AudioError]] = {}  # block -> its first member that cannot be had, and why

    def read(self, block: int, position: int) -> bytes | None:
        """The member; None for one that is too large. Raises AudioError from where a block breaks on."""
        with self._lock:
            kept = self._passed.pop((block, position), None)
            if kept is not None:
                self._passed_bytes -= len(kept)
                return kept
            if block in self._broken and position >= self._broken[block][0]:
                # Not inflated again to the same fault for each of the ten thousand members behind it.
                raise AudioError(self._broken[block][1].reason, str(self._broken[block][1]))
            if self._members is None or block != self._block or position < self._next:
                self.close()
                self._members, self._block, self._next = self._begin(block), block, 0
            return self._advance(self._members, position)

    def peek(self, block: int) -> None:
        """Begin a block and keep its first member. Raises AudioError when it cannot be read."""
        first = self.read(block, 0)
        with self._lock:
            if first is not None:
                self._keep(0, first)

    def close(self) -> None:
        """Let go of the pass under way."""
        if self._members is not None:
            self._members.close()
        self._members = None

    def _advance(self, members: Generator[bytes | None], position: int) -> bytes | None:
        while True:
            try:
                member = next(members)
            except StopIteration:
                raise AudioError(Refusal.MISSING, "The archive no longer holds this member.") from None
            except AudioError as error:
                self._broken[self._block] = (self._next, error)
                self._members = None
                raise
            self._next += 1
            if self._next > position:
                return member
            if member is not None:
                self._keep(self._next - 1, member)

    def _keep(self, position: int, member: bytes) -> None:
        before = self._passed.pop((self._block, position), b"")  # of an earlier pass
        self._passed[self._block, position] = member
        self._passed_bytes += len(member) - len(before)
        while self._passed_bytes > self._memory_bytes:
            _, forgotten = self._passed.popitem(last=False)
            self._passed_bytes -= len(forgotten)
