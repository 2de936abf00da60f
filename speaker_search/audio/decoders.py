"""Clips decoded by child processes, so that a decoder that crashes or hangs takes nothing else with it."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar, cast

from speaker_search.audio import protocol
from speaker_search.audio.decode import named
from speaker_search.audio.limits import Limits
from speaker_search.audio.protocol import Request
from speaker_search.entities import Refusal, Waveform, shown
from speaker_search.errors import AudioError, DecoderError

# -P keeps the working directory off the import path: among a game's files there may be one called numpy.py.
COMMAND = (sys.executable, "-P", "-m", "speaker_search.audio.child")

TIME_LIMIT_S = 30.0  # for one clip; a minute of audio takes a fifth of a second
START_LIMIT_S = 60.0  # a child starts in a fifth of a second, or much later from a cold disk under load

Answer = TypeVar("Answer")


class Decoders:
    """Child processes that decode clips. They start when first needed, wait for more, and end at close().

    A clip whose child dies or exceeds the time limit is tried once more in a new one: something else may have killed
    the child, or the machine may have slept.
    """

    def __init__(
        self,
        processes: int,
        *,
        time_limit_s: float = TIME_LIMIT_S,
        limits: Limits | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._time_limit_s = time_limit_s
        self._limits = limits or Limits()
        self._command = tuple(command)
        self._pool = ThreadPoolExecutor(processes, thread_name_prefix="decoder")  # one child at most for each thread
        self._lock = threading.Lock()  # for the four below
        self._children: set[_Child] = set()  # every one that may still run
        self._idle: list[_Child] = []
        self._closed = False
        self._watch: threading.Thread | None = None  # from the first child on
        self._closing = threading.Event()

    def submit(self, source: Path | bytes) -> Future[Waveform]:
        """Decode a clip as audio.read does. Any thread may call this; clips are decoded in the order of the calls.

        The future raises AudioError as audio.read does, and also with the reasons CRASHED and TIMED_OUT; DecoderError
        when no child can be started, which says nothing about the clip; CancelledError when close() came first.
        Raises RuntimeError after close().
        """
        return self._pool.submit(self._read, _absolute(source))

    def header_seconds(self, source: Path | bytes) -> Future[float]:
        """Read a clip's header as audio.header_seconds does, in one queue with the clips of submit().

        0.0 also when the child dies or exceeds the time limit: decoding the clip will show why. The future raises
        DecoderError and CancelledError as in submit(). Raises RuntimeError after close().
        """
        return self._pool.submit(self._header_seconds, _absolute(source))

    def close(self) -> None:
        """End every child, even in the middle of a clip, and cancel what is not decoded yet. May be called again."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()
        self._pool.shutdown()  # queued clips are cancelled as soon as a thread takes them up
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            self._end(child)
        self._closing.set()
        if self._watch:
            self._watch.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, source: Path | bytes) -> Waveform:
        request = Request(source, self._limits, self._time_limit_s)
        answer, child_lives = self._ask(request, self._read_audio)
        if not child_lives:
            answer, _ = self._ask(request, self._read_audio)
        if isinstance(answer, AudioError):
            raise answer
        return answer

    def _read_audio(self, answers: IO[bytes]) -> Waveform | AudioError:
        return protocol.read_audio(answers, self._limits)

    def _header_seconds(self, source: Path | bytes) -> float:
        request = Request(source, self._limits, self._time_limit_s, header_only=True)
        seconds, _ = self._ask(request, protocol.read_seconds)
        return 0.0 if isinstance(seconds, AudioError) else seconds

    def _ask(self, request: Request, read: Callable[[IO[bytes]], Answer]) -> tuple[Answer | AudioError, bool]:
        """The answer of an idle or new child, and whether the child is still alive."""
        child = self._take()
        lives = False
        try:
            answer = child.ask(request, read)
            lives = child.lives
        finally:
            if lives:
                with self._lock:
                    self._idle.append(child)
            else:
                self._end(child)
        if self._closed and not lives:  # close() killed the child
            raise CancelledError
        return answer, lives

    def _take(self) -> _Child:
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._idle:
                return self._idle.pop()
            child = _Child(self._command)
            self._children.add(child)
            if self._watch is None:
                self._watch = threading.Thread(target=self._kill_the_late, name="decoder-watch", daemon=True)
                self._watch.start()
        try:
            child.wait_until_ready()
        except DecoderError:
            self._end(child)
            if self._closed:
                raise CancelledError from None
            raise
        return child

    def _end(self, child: _Child) -> None:
        child.end()
        with self._lock:
            self._children.discard(child)

    def _kill_the_late(self) -> None:
        """Kill every child that exceeds its time limit. Polled in one thread: a timer for each clip costs 5 % more."""
        while not self._closing.wait(min(self._time_limit_s, START_LIMIT_S) / 10):
            with self._lock:
                children = list(self._children)
            for child in children:
                child.kill_if_late()


class _Child:
    """A running child, used by one thread at a time; kill() may be called from any."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it. Raises DecoderError when the program does not exist or no more processes can be started."""
        self.lives = True  #: can be asked again
        self._deadline = math.inf  # on the monotonic clock
        self._expired = False
        self._lock = threading.Lock()  # for the two above
        try:
            self._stderr = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed by end()
        except OSError as error:
            raise _not_started(str(error)) from error
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                process_group=0,  # Ctrl-C in the terminal must not reach it
            )
        except OSError as error:
            self._stderr.close()
            raise _not_started(str(error)) from error
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    def wait_until_ready(self) -> None:
        """Raises DecoderError when it ends first or takes too long."""
        with self._at_most(START_LIMIT_S):
            word = self._answers.readline(len(protocol.READY))
            if word == protocol.READY:
                return
            if word:
                self.kill()
            ending = self._ending()
        raise _not_started(f"it took over {START_LIMIT_S:g} s" if self._expired else ending)

    def ask(self, request: Request, read: Callable[[IO[bytes]], Answer]) -> Answer | AudioError:
        """Send a request and read the answer. Afterwards the child `lives`, or the answer says how it died."""
        name = named(request.source)
        answer: Answer | AudioError
        # The child writes at the same file position, so what it writes from here on is about this clip.
        self._stderr.seek(0)
        self._stderr.truncate()
        with self._at_most(request.time_limit_s):
            try:
                protocol.write_request(self._requests, request)
                answer = read(self._answers)
            except (OSError, EOFError):
                self.lives = False
                answer = AudioError(Refusal.CRASHED, f"{name} crashed the decoder ({self._ending()}).")
            except ValueError:
                self.lives = False
                answer = AudioError(Refusal.CRASHED, f"{name} crashed the decoder (its answer makes no sense).")
        if self._expired:  # even if it answered at the last moment, since it was killed
            self.lives = False
            limit = f"{request.time_limit_s:g} s"
            answer = AudioError(Refusal.TIMED_OUT, f"{name} kept the decoder busy for over {limit}.")
        return answer

    def kill(self) -> None:
        self._process.kill()

    def kill_if_late(self) -> None:
        with self._lock:
            if time.monotonic() > self._deadline:
                self._expired = True
                self.kill()

    def end(self) -> None:
        """Kill it, wait until it has ended, and close its pipes and files."""
        self.kill()
        for pipe in (self._requests, self._answers):
            with suppress(OSError):  # the rest of a request that it did not read
                pipe.close()
        self._process.wait()
        self._stderr.close()

    @contextmanager
    def _at_most(self, seconds: float) -> Iterator[None]:
        with self._lock:
            self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            with self._lock:  # from here on a kill for lateness cannot hit the next clip
                self._deadline = math.inf

    def _ending(self) -> str:
        """Wait until it has ended, and say how."""
        code = self._process.wait()
        if code < 0:
            with suppress(ValueError):  # a signal without a name
                return f"signal {signal.Signals(-code).name}"
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"exit code {code}" + (f": {shown(last[:200])}" if last else "")


def _absolute(source: Path | bytes) -> Path | bytes:
    return source if isinstance(source, bytes) else source.absolute()


def _not_started(why: str) -> DecoderError:
    return DecoderError(f"The audio decoder cannot be started ({why}).", "Reinstall speaker_search.")
