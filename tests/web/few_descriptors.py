"""A command that may open few files."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

from end_to_end import forked


def command(limit: int, words: Sequence[str], folder: Path) -> None:
    """The command line, with so many file descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    forked.command(words, folder)
