"""Several server processes behind one port: this one accepts connections, and hands them to the others in turn.

A process that has ended is replaced. Where a process is still starting, others get the connections.
"""

from __future__ import annotations

import errno
import logging
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from speaker_search.errors import UsageError
from speaker_search.settings import share_figures
from speaker_search.web.serving.connections import Listener
from speaker_search.web.serving.server import GRACE_S

STARTED, READY = b"s", b"r"  # what a process tells: it takes connections; it answers searches
AGAIN_AFTER_S = 1.0  # a process that has ended is replaced
HANDING_S = 1.0  # a process that does not take a connection for so long is passed over
PATIENCE_S = 5.0  # with a process that was told to stop, after the time that it may take
LOG = logging.getLogger(__name__)


class Handed(Listener):
    """The connections that the first process hands over, as a listening socket."""

    def listen(self, _backlog: int = 0) -> None:
        self.sendall(STARTED)

    def ready(self) -> None:
        """Tell that searches are answered from now on."""
        with suppress(OSError):  # the first process has gone
            self.sendall(READY)

    def _next(self) -> tuple[socket.socket, Any]:
        said, descriptors, _, _ = socket.recv_fds(self, 1, 1)
        if not said:  # the first process was killed
            signal.raise_signal(signal.SIGTERM)
        if not descriptors:
            raise BlockingIOError
        connection = socket.socket(fileno=descriptors[0])
        with suppress(OSError):
            return connection, connection.getpeername()
        return connection, None  # the client has left


@dataclass(eq=False, slots=True)
class _Process:
    process: BaseProcess
    channel: socket.socket
    state: bytes = b""  #: what it told last; nothing once it takes no more connections


class Processes:
    """Runs processes that serve."""

    def __init__(self, target: Callable[..., None], arguments: tuple[object, ...], count: int) -> None:
        """Each process calls `target` with these arguments and its `Handed`; all are pickled."""
        self._target = target
        self._arguments = arguments
        self._count = count
        self._running: list[_Process] = []
        self._again_s = 0.0  # on the monotonic clock: when the next process may be started
        self._selector = selectors.DefaultSelector()

    def run(self, listener: socket.socket) -> None:
        """Serve until Ctrl-C, which raises KeyboardInterrupt, or SIGTERM, which raises SystemExit."""
        with tempfile.TemporaryDirectory(prefix="spksearch-") as figures:
            share_figures(figures)
            listener.setblocking(False)
            try:
                while True:
                    self._replace()
                    self._listen(listener)
                    for key, _ in self._selector.select(AGAIN_AFTER_S):
                        key.data()
            finally:
                listener.close()
                self._stop()

    def _replace(self) -> None:
        """Start as many processes as are missing."""
        while len(self._running) < self._count and time.monotonic() >= self._again_s:
            ours, theirs = socket.socketpair()
            with theirs:
                arguments = (self._target, self._arguments, theirs)
                process = get_context("spawn").Process(target=_begin, args=arguments, name="server")
                process.start()
            ours.settimeout(HANDING_S)
            one = _Process(process, ours)
            self._running.append(one)
            self._selector.register(ours, selectors.EVENT_READ, partial(self._hear, one))
            self._selector.register(process.sentinel, selectors.EVENT_READ, partial(self._bury, one))

    def _listen(self, listener: socket.socket) -> None:
        """Take connections while there is a process for them; until then they wait in the listener."""
        wanted, listens = any(one.state for one in self._running), listener in self._selector.get_map()
        if wanted and not listens:
            self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
        elif listens and not wanted:
            self._selector.unregister(listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = socket.socket.accept(listener)
        except OSError as error:  # the client has left, or there are no descriptors at the moment
            if error.errno in (errno.EMFILE, errno.ENFILE):
                time.sleep(HANDING_S)
            return
        with connection:
            for one in self._in_turn():
                with suppress(OSError):  # it has just ended, or is stuck
                    socket.send_fds(one.channel, [b"c"], [connection.fileno()])
                    self._running.remove(one)
                    self._running.append(one)
                    return

    def _in_turn(self) -> list[_Process]:
        """The processes, best first: ready ones, and of those the one that had the last connection the longest ago."""
        return sorted((one for one in self._running if one.state), key=lambda one: one.state != READY)

    def _hear(self, one: _Process) -> None:
        """Note what a process tells. One that takes no more connections is to end."""
        if one not in self._running:  # it has just been buried
            return
        said = b""
        with suppress(ConnectionError):
            said = one.channel.recv(16)
        if said:
            one.state = READY if READY in said else one.state or STARTED
            return
        one.state = b""
        self._selector.unregister(one.channel)
        one.process.terminate()

    def _bury(self, one: _Process) -> None:
        """Forget a process that has ended."""
        one.process.join()
        self._selector.unregister(one.process.sentinel)
        if one.channel in self._selector.get_map():
            self._selector.unregister(one.channel)
        one.channel.close()
        self._running.remove(one)
        mark_process_dead(one.process.pid)  # type: ignore[no-untyped-call]
        self._again_s = time.monotonic() + AGAIN_AFTER_S
        LOG.warning("A server process ended with exit code %s. Another one is started.", one.process.exitcode)

    def _stop(self) -> None:
        """Have all processes answer what they have begun, and end."""
        try:
            for one in self._running:
                one.process.terminate()
            until_s = time.monotonic() + GRACE_S + PATIENCE_S
            for one in self._running:
                one.process.join(max(0.0, until_s - time.monotonic()))
        finally:
            for one in self._running:
                one.process.kill()


def check_possible() -> None:
    """Raise UsageError where several processes cannot share a port."""
    if not hasattr(socket, "send_fds"):
        raise UsageError("Several server processes cannot share a port on this system.", "Leave --processes out.")


def _begin(target: Callable[..., None], arguments: tuple[object, ...], channel: socket.socket) -> None:
    """What each process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at Ctrl-C the first process tells the others to stop
    target(*arguments, Handed(fileno=channel.detach()))
