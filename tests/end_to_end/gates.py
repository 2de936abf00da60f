"""Processes that wait at a gate, so that how far they get does not depend on the speed of the machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from end_to_end import forked
from end_to_end.forked import EMBEDDING
from end_to_end.running import HERE, LIMIT_S, Begun, Word, limited, split_off


@dataclass(slots=True)
class Gated:
    """A process under way that waits at a gate."""

    begun: Begun
    gate: Connection

    def arrives(self, saying: str = EMBEDDING) -> None:
        """Wait until it says that."""
        said = None
        while said != saying:
            assert self.gate.poll(LIMIT_S), said
            said = self.gate.recv()

    def passes(self, *, waits_again: bool) -> None:
        """Let it through this gate, or through this one and all that follow."""
        self.gate.send(waits_again)

    def is_told_to_stop(self, number: int) -> None:
        """Send it a signal, and wait until it says that it has taken note."""
        self.begun.send(number)
        with limited(self.begun.process):
            assert any(line.startswith("Stopping once the current clips are stored") for line in self.begun.err)

    def ends(self, code: int = 0) -> str:
        """Wait for its end; returns what it said."""
        ran = self.begun.ended()
        assert ran.code == code, ran.err
        return ran.err


@contextmanager
def gated(target: Callable[..., None], *arguments: object, home: Path, **settings: str) -> Iterator[Gated]:
    """A process that runs a function, whose first argument is the connection of its Gate. Not on Windows."""
    here, there = multiprocessing.Pipe()
    with here:
        with there:
            begun = split_off(target, there, *arguments, home=home, **settings)
        with begun:
            yield Gated(begun, here)


@contextmanager
def gated_command(*words: Word, home: Path, before: str = EMBEDDING) -> Iterator[Gated]:
    """A process that runs one command, and waits before its encoder computes or a decoder starts. Not on Windows."""
    given = [os.fsdecode(word) for word in words]
    with gated(forked.gated_command, before, given, HERE, home=home) as running:
        yield running
