"""Members that can only be read from the start of their block on: reading them in order costs one pass."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

Member = TypeVar("Member")

AHEAD = 32  # members: how many a first pass prepares for, and how far ahead reading on is cheaper than a new pass


class DamageError(Exception):
    """A member cannot be read, and neither can those behind it in its block."""


class Forward(Generic[Member]):
    """Reads members by number, from any number of threads. Going back begins the member's block again."""

    def __init__(self, begin: Callable[[int, int], Generator[Member]], starts: Sequence[int], count: int) -> None:
        """`begin(first, end)` gives these members in order, and raises DamageError at the first that it cannot read.

        Members are numbered from 0 to `count`. `starts` are the numbers at which blocks begin, in order.
        """
        self._begin = begin
        self._starts = starts
        self._count = count
        self._lock = threading.Lock()
        self._members: Generator[Member] | None = None  # the pass under way
        self._next = 0  # the member that it gives next
        self._end = -AHEAD  # where it ends
        self._last: tuple[int, Member] | None = None  # the last one read: players ask for a sound part by part
        self._damaged: dict[int, tuple[int, DamageError]] = {}  # block -> its first unreadable member, and why

    def read(self, number: int) -> Member:
        """The member. Raises DamageError for every member behind damage in its block."""
        with self._lock:
            while self._last is None or self._last[0] != number:
                self._refuse_damaged(number)
                if self._members is None or not self._reaches(number):
                    self._members = self._begin_at(number)
                try:
                    self._last = number, self._advance(self._members, number)
                except DamageError as damage:
                    self._damaged[self._block(self._next)] = (self._next, damage)
                    self._members, self._end = None, -AHEAD  # the damage may be in a block before: begin behind it
            return self._last[1]

    def close(self) -> None:
        """End the pass under way."""
        if self._members is not None:
            self._members.close()
        self._members = self._last = None

    def _block(self, number: int) -> int:
        return bisect_right(self._starts, number) - 1

    def _refuse_damaged(self, number: int) -> None:
        """Raise what is known, instead of decompressing up to the same damage for ten thousand members behind it."""
        known = self._damaged.get(self._block(number))
        if known is not None and number >= known[0]:
            raise DamageError(*known[1].args)

    def _reaches(self, number: int) -> bool:
        near = number - self._next < AHEAD or self._block(number) == self._block(self._next)
        return near and self._next <= number < self._end

    def _begin_at(self, number: int) -> Generator[Member]:
        """Begin a pass: a short one, or one to the end of the archive when this goes on where the last one ended.

        A pass prepares for every member that it may give, which takes seconds for a large 7z: too long for someone who
        plays a single clip.
        """
        goes_on = self._end <= number < self._end + AHEAD
        self.close()
        self._next, self._end = number, self._count if goes_on else min(number + AHEAD, self._count)
        return self._begin(self._next, self._end)

    def _advance(self, members: Generator[Member], number: int) -> Member:
        while True:
            try:
                member = next(members)
            except StopIteration:
                raise DamageError("the archive is truncated") from None
            self._next += 1
            if self._next > number:
                return member
