"""Which machine this is, and which of its processes are no more."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """A name for where process numbers mean the same: the host's, and on Linux its boot and namespace of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()  # clones share their name
        namespace = Path("/proc/self/ns/pid").readlink()  # in a container, numbers are its own
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {namespace}"


def is_dead(where: str, pid: int) -> bool:
    """Whether that process is known to be no more; of other machines nothing is known."""
    if where != machine():
        return False
    try:
        os.kill(pid, 0)  # looks, and sends nothing
    except ProcessLookupError:
        return True
    except OSError:  # it is somebody else's
        return False
    return False
