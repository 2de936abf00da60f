"""Which machine this is, and which of its processes have ended."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil carries no types


@cache
def machine() -> str:
    """The scope in which a pid is unique: the host name, and on Linux also the boot id and the pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()  # clones share a host name
        namespace = Path("/proc/self/ns/pid").readlink()  # a container has its own pids
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {namespace}"


def is_dead(where: str, pid: int) -> bool:
    """Whether that process is known to have ended; False for other machines, where it cannot be known."""
    if where != machine():
        return False
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)  # ended, and not yet reaped by its parent
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # it belongs to another user
        return False
