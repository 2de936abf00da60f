"""A real Milvus server, in a process group of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

PROGRAM = Path(__file__).resolve().parents[3] / "scripts" / "milvus_server.py"
STARTED_WITHIN_S = 180.0


class MilvusServer:
    """A server on this machine, whose data outlive it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"milvus://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        command = [sys.executable, str(PROGRAM), "--data", str(self.home / "data"), "--proxy-port", str(self.port)]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self.home)},
                start_new_session=True,
            )
        pause = Event()
        for _ in range(int(STARTED_WITHIN_S / 0.5)):
            assert self._process.poll() is None, (self.home / "log").read_text(errors="replace")
            if self._answers():
                return
            pause.wait(0.5)
        raise AssertionError("Milvus did not start.")

    def kill(self) -> None:
        """End it at once, with the process that it starts, which would go on without it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def clear(self) -> None:
        """Drop all collections."""
        client = self._client()
        for name in client.list_collections():
            for alias in client.list_aliases(name)["aliases"]:
                client.drop_alias(alias)
            client.drop_collection(name)

    def _client(self) -> Any:
        import pymilvus

        return pymilvus.MilvusClient(uri=f"http://127.0.0.1:{self.port}", timeout=2)

    def _answers(self) -> bool:
        try:
            self._client().list_collections(timeout=2)
        except Exception:  # noqa: BLE001 - whatever is not there yet
            return False
        return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
