"""Decoders of children that do what a clip's name says (fragile_child.py), and the log that those children write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

from speaker_search.audio.decoders import Decoders

FRAGILE = Path(__file__).with_name("fragile_child.py")
LIMIT_S = 300.0  # for what must succeed, on however busy a machine

MakeDecoders: TypeAlias = Callable[..., Decoders]
MakeClip: TypeAlias = Callable[[str], Path]


@dataclass(frozen=True)
class Log:
    """Where each fragile child writes its process id and what it is about to do with which clip."""

    path: Path

    def children(self) -> set[int]:
        """The process ids of all fragile children that were given a clip."""
        return {int(line.split()[0]) for line in self.path.read_text().splitlines()}

    def asked(self) -> list[str]:
        """What fragile children were to do, such as "read good.wav", in the order in which they began."""
        return [line.split(" ", 1)[1] for line in self.path.read_text().splitlines()]

    def all_gone(self) -> bool:
        """Whether no child exists any more, not even as a zombie."""
        return not any(map(psutil.pid_exists, self.children()))
