"""A decoding child whose decoder does what a clip's name says. It gets the path of a log to write to.

`crash-1.wav` crashes what decodes it, `header-crash-1.wav` what reads its header. A clip sent as bytes that are not a
sound has them for its name.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from speaker_search.audio import Limits, child, header_seconds, read
from speaker_search.entities import Waveform

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)


def fragile_read(source: Path | bytes, limits: Limits) -> Waveform:
    name = name_of(source)
    os.write(log, f"{os.getpid()} read {name}\n".encode())
    suffer(name.split("-")[0], name)
    return read(source, limits)


def fragile_header_seconds(source: Path | bytes, limits: Limits) -> float:
    name = name_of(source)
    os.write(log, f"{os.getpid()} header {name}\n".encode())
    if name.startswith("header-"):
        suffer(name.split("-")[1], name)
    return header_seconds(source, limits)


def name_of(source: Path | bytes) -> str:
    if isinstance(source, Path):
        return source.name
    return "" if source.startswith(b"RIFF") else source.decode()


def suffer(kind: str, name: str) -> None:
    match kind:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "unlucky":
            if Path(sys.argv[1]).read_text().count(f" read {name}") == 1:
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


child.serve(fragile_read, fragile_header_seconds)
