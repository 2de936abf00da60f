#!/usr/bin/env python3
"""Runs the Milvus server that `scripts/test --engines` installs, on the port it is given, for tests and benchmarks.

It listens on every address, which the wheel cannot change, and without a password. End its process group: the child
that it starts would go on without it. Example: scripts/milvus_server.py --data /tmp/milvus --proxy-port 19530
"""

from __future__ import annotations

import importlib
import socket
from typing import Any


def bound(_: object, port: int) -> socket.socket | None:
    """A socket on a port; None where another program has it.

    The wheel's own function gives up a port for a minute after a kill, while old connections linger.
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
        found.listen()
    except OSError:
        found.close()
        return None
    return found


if __name__ == "__main__":
    milvus: Any = importlib.import_module("milvus")
    milvus.MilvusServerConfig.try_bind_port = bound
    milvus.main()
