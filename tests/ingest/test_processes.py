"""Whether a process lives is asked of the system, without touching the process."""

from __future__ import annotations

import subprocess
import sys

from speaker_search.ingest.processes import is_dead, machine


def test_a_living_process_is_not_dead_and_an_ended_one_is() -> None:
    """It lives on after being asked, even where asking by a signal would end it, as on Windows."""
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not is_dead(machine(), program.pid)
    assert not is_dead(machine(), program.pid)
    program.communicate(b"\n")
    assert program.returncode == 0
    assert is_dead(machine(), program.pid)
    assert not is_dead("elsewhere", program.pid)
