"""A decoding child whose decoder does what a file's name says; started by test_decoders.py with a log to write to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from speaker_search.audio import Limits, child, read
from speaker_search.entities import Waveform

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)


def fragile(source: Path | bytes, limits: Limits) -> Waveform:
    name = "" if isinstance(source, bytes) else source.name
    os.write(log, f"{os.getpid()} {name}\n".encode())
    match name.split("-")[0]:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "unlucky":
            if Path(sys.argv[1]).read_text().count(name) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            signal.pause()
        case "exit":
            os._exit(3)
        case "bug":
            raise RuntimeError("no such luck")
        case "greedy":
            bytearray(5 * 2**30)
        case "talk":
            os.write(1, b"garbage\n" * 100)
            print("more garbage")
        case "complain":
            os.write(2, b"mpg123: error\n" * 200_000)
    return read(source, limits)


child.serve(fragile)
