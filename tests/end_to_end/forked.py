"""What runs first in a process that running.py splits off. It imports little: that would take time in each of them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from speaker_search.cli import main

DECODING, EMBEDDING = "decoding", "embedding"  # what a process is about to do when it waits at its gate


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


class Gate:
    """Where the process waits until the test lets it go on. One thread at a time."""

    def __init__(self, connection: Connection, before: str = EMBEDDING) -> None:
        self._connection = connection
        self._before = before
        self._asks = True
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Say what comes next and wait; the answer says whether to wait the next time too."""
        with self._lock:
            if self._asks:
                self._connection.send(self._before)
                self._asks = self._connection.recv()


def gated_command(connection: Connection, before: str, words: Sequence[str], folder: Path) -> None:
    """The same, with a gate before each decoder that is started, or before each part of a network that computes."""
    gate = Gate(connection, before)
    if before == DECODING:
        sys.addaudithook(lambda event, _: gate.wait() if event == "subprocess.Popen" else None)
    else:
        # Imported here: torch is loaded by now, and this file imports little.
        from torch.nn.modules.module import register_module_forward_pre_hook

        register_module_forward_pre_hook(lambda *_: gate.wait())
    command(words, folder)
