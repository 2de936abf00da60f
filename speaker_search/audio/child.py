"""The decoding process of Decoders: `python -m speaker_search.audio.child`, requests on stdin, answers on stdout.

Decoders are C code that reads untrusted bytes. Here a crash costs one clip and nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from speaker_search.audio import decode, protocol
from speaker_search.audio.limits import Limits
from speaker_search.audio.protocol import Request
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError

MAX_ADDRESS_SPACE_BYTES = 4 * 2**30  # a clip at every limit needs less than 1 GiB
MAX_STDERR_BYTES = 2**20  # stderr is a file, and a decoder may complain about every frame


def serve(
    read: Callable[[Path | bytes, Limits], Waveform] = decode.read,
    header_seconds: Callable[[Path | bytes, Limits], float] = decode.header_seconds,
) -> None:
    """Answer the requests on stdin with these two functions until stdin ends or the parent is gone.

    Takes over stdout, the signals and the resource limits, so the process can do nothing else.
    """
    answers = _take_stdout()
    _leave_signals_to_the_parent()
    _lower_limits()
    try:
        answers.write(protocol.READY)
        answers.flush()
        while (request := protocol.read_request(sys.stdin.buffer)) is not None:
            # The parent kills a child that takes too long. This alarm is for when the parent itself was killed.
            _die_after(2 * request.time_limit_s)
            answer = _seconds(header_seconds, request) if request.header_only else _audio(read, request)
            _die_after(0.0)
            protocol.write_answer(answers, answer)
    except (EOFError, BrokenPipeError):
        return


def _audio(read: Callable[[Path | bytes, Limits], Waveform], request: Request) -> Waveform | AudioError:
    try:
        return read(request.source, request.limits)
    except AudioError as refusal:
        return refusal
    except MemoryError:
        name = decode.named(request.source)
        return AudioError(Refusal.CRASHED, f"{name} needs more memory to decode than any voice line should.")


def _seconds(header_seconds: Callable[[Path | bytes, Limits], float], request: Request) -> float:
    try:
        return header_seconds(request.source, request.limits)
    except MemoryError:
        return 0.0


def _take_stdout() -> IO[bytes]:
    """Keep stdout for the answers: from here on, whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _leave_signals_to_the_parent() -> None:
    """Ignore Ctrl-C and a service manager's SIGTERM, which reach every process at once: the parent ends its children.

    Otherwise the clip being decoded would be blamed for the signal.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _lower_limits() -> None:
    """Make absurd allocations fail and a crash write no core file, on systems that have such limits."""
    if sys.platform == "win32":
        return
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, MAX_ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_FSIZE, MAX_STDERR_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        if sys.platform == "linux" or kind != resource.RLIMIT_AS:  # macOS refuses to limit address space
            resource.setrlimit(kind, (soft, hard))


def _die_after(seconds: float) -> None:
    """Have SIGALRM kill this process after so many seconds, even inside C code; 0 cancels it. Not on Windows."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    serve()
