"""Which machine this is, and which of its processes have ended."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil carries no types


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
    """Whether that process is known to have ended; nothing is known about other machines."""
    if where != machine():
        return False
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)  # ended, and nobody has asked how
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # it is somebody else's
        return False
