"""What runs first in a process that running.py splits off. It imports little: that would take time in each of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from speaker_search.cli import main


def begin(
    target: Callable[..., None], arguments: Sequence[object], environ: Mapping[str, str], out: str, err: Connection
) -> None:
    """Call the target as the whole of a program: with this environment, and its output going to `out` and `err`."""
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(out, os.O_WRONLY), 1)
    os.dup2(err.fileno(), 2)
    err.close()
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    target(*arguments)


def command(words: Sequence[str], folder: Path) -> None:
    """The command line's own way in, for one who works in that folder."""
    os.chdir(folder)
    sys.argv = ["spksearch", *words]
    main()
