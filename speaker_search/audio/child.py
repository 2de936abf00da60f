"""What decodes for Decoders: `python -m speaker_search.audio.child`, clips in at stdin, audio or seconds out at stdout.

It lives on its own because decoders are C code that reads bytes from strangers: what kills it costs one clip.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from speaker_search.audio import protocol, reading
from speaker_search.audio.protocol import Request
from speaker_search.audio.reading import Limits
from speaker_search.entities import Refusal, Waveform
from speaker_search.errors import AudioError

MAX_ADDRESS_SPACE_BYTES = 4 * 2**30  # a clip at all limits takes under 1 GiB
MAX_SAID_BYTES = 2**20  # on stderr, which is a file: a decoder may complain about every frame


def serve(
    read: Callable[[Path | bytes, Limits], Waveform] = reading.read,
    header_seconds: Callable[[Path | bytes, Limits], float] = reading.header_seconds,
) -> None:
    """Answer the requests on stdin by these two until there are no more, or nobody is left to answer.

    For a process that does nothing else: it takes stdout for the answers, signals and resource limits over.
    """
    answers = _take_stdout()
    _leave_signals_to_the_parent()
    _lower_limits()
    try:
        answers.write(protocol.READY)
        answers.flush()
        while (request := protocol.read_request(sys.stdin.buffer)) is not None:
            # The parent kills what takes too long; this is for when it was itself killed meanwhile.
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
        name = reading.named(request.source)
        return AudioError(Refusal.CRASHED, f"{name} takes more memory to decode than any voice.")


def _seconds(header_seconds: Callable[[Path | bytes, Limits], float], request: Request) -> float:
    try:
        return header_seconds(request.source, request.limits)
    except MemoryError:
        return 0.0


def _take_stdout() -> IO[bytes]:
    """Stdout for the answers alone: what anything else prints goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _leave_signals_to_the_parent() -> None:
    """Ctrl-C and a service manager's SIGTERM reach all processes at once: the parent decides, no clip is to blame."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _lower_limits() -> None:
    """Have absurd allocations fail and dying leave no core file, where the system knows such limits."""
    if sys.platform == "win32":
        return
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, MAX_ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_FSIZE, MAX_SAID_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        if sys.platform == "linux" or kind != resource.RLIMIT_AS:  # macOS refuses to limit address space
            resource.setrlimit(kind, (soft, hard))


def _die_after(seconds: float) -> None:
    """Be killed by SIGALRM after so long, even inside C code; 0 calls it off. Windows has no such thing."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    serve()
