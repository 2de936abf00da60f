"""TCP connections: how many there are, and how long a client may keep one waiting.

A client that sends half a request holds a file descriptor. When there are too many, the one that has kept the server
waiting longest is closed for the newest. A request that has arrived whole is never cut off.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from speaker_search.web.problems import PROBLEM_TYPE, document

FDS_FOR_OTHERS = 160  # databases, decoders, the index, and connections accepted but not counted yet
LEAST, MOST = 16, 1_000  # connections
ACCEPTED_AT_ONCE = 16  # by default asyncio accepts up to 2,048 before it looks at the first


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits for a client, in seconds, and how many connections it keeps."""

    head_s: float = 10.0  #: for the first line and the headers of a request
    body_s: float = 60.0  #: for a body
    stalled_s: float = 10.0  #: without a byte of a body received, or of an answer taken
    connections: int = field(default_factory=lambda: _affordable())
    closed: Counter[str] = field(default_factory=Counter)  #: connections ended early, by reason


class Connection(H11Protocol):
    """One connection, which is closed when its client is too slow."""

    def __init__(self, *args: Any, patience: Patience, **named: Any) -> None:
        super().__init__(*args, **named)
        self.conn = _Whole(h11.SERVER)
        self._patience = patience
        self._late: asyncio.TimerHandle | None = None  # while it is the client's turn
        self._stalled: asyncio.TimerHandle | None = None  # while the client does not take its answer
        self._since = self.loop.time()  # the client's turn, or the request it is sending, began then

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_clock()
        if len(self.connections) > self._patience.connections and not self._make_room():
            self._refuse("overloaded", "The server has too many connections. Try again in a moment.", retry=True)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.transport.is_closing():
            self._set_clock()

    def on_response_complete(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        super().on_response_complete()
        if not self.transport.is_closing():
            self._set_clock()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._patience.stalled_s, self._abort, "answer not taken")

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse("request", msg)

    def _should_upgrade(self) -> bool:
        return False  # there are no WebSockets here; by default each try is logged in two long lines

    @property
    def _clients_turn(self) -> bool:
        """Whether the server has nothing to do: it waits for a request's head, or for the rest of an unwanted body."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _receiving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body

    def _set_clock(self) -> None:
        if not self._clients_turn:
            if self._late is not None:
                self._late.cancel()
                self._late = None
        elif self._late is None:
            self._since = self.loop.time()
            self._late = self.loop.call_later(self._patience.head_s, self._too_slow)

    def _too_slow(self) -> None:
        self._patience.closed["slow head"] += 1
        if self.conn.trailing_data[0]:
            seconds = f"{self._patience.head_s:g} s"
            self._refuse("slow", f"The headers of the request took longer than {seconds}. Send them again.")
        else:
            self.transport.abort()

    def _make_room(self) -> bool:
        """End the connection that has waited longest for its client; False when the server is busy with all others."""
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        waiting = [one for one in others if one._clients_turn] or [one for one in others if one._receiving]
        if waiting:
            min(waiting, key=lambda one: one._since)._abort("made room")
        return bool(waiting)

    def _abort(self, why: str) -> None:
        self._patience.closed[why] += 1
        self.connections.discard(self)  # at once: several may be made before this one is lost
        self.transport.abort()

    def _refuse(self, kind: str, detail: str, *, retry: bool = False) -> None:
        """Answer with a problem although there is no request that the app could answer, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._abort("slow head")
            return
        problem = document(kind, detail)
        body = json.dumps(problem.model_dump()).encode()
        headers = [("content-type", PROBLEM_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        if retry:
            headers.append(("retry-after", "1"))
        for event in (h11.Response(status_code=problem.status, headers=headers), h11.Data(body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Whole(h11.Connection):
    """Keeps the head of an answer until its body begins, as ASGI says: both are then one packet and one system call."""

    _head: list[bytes] = []  # noqa: RUF012 - replaced, never changed

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        parts = super().send_with_data_passthrough(event)
        if isinstance(event, h11.Response):
            self._head, parts = parts or [], []
        elif parts is not None:
            self._head, parts = [], self._head + parts
        return parts


class Listener(socket.socket):
    """A listening socket that accepts a few connections at a time, and never without a file descriptor to spare."""

    _accepted = 0  # in this turn of the event loop
    _spare = -1  # a file descriptor to let go when there is no other

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Raises BlockingIOError when enough have been accepted for now."""
        loop = asyncio.get_running_loop()
        if self._accepted >= ACCEPTED_AT_ONCE:
            raise BlockingIOError
        if self._accepted == 0:
            loop.call_soon(self._next_turn)
        self._accepted += 1
        try:
            if self._spare < 0:
                self._spare = os.open(os.devnull, os.O_RDONLY)
            return self._next()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        # asyncio would log a traceback for each of 2,048 tries, and accept nothing for a second.
        self._accepted = ACCEPTED_AT_ONCE
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        with suppress(OSError):  # another thread was quicker
            super().accept()[0].close()
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)
        raise BlockingIOError

    def _next(self) -> tuple[socket.socket, Any]:
        return super().accept()

    def close(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        super().close()

    def _next_turn(self) -> None:
        self._accepted = 0


def _affordable() -> int:
    """How many connections the limit on file descriptors leaves room for."""
    if sys.platform == "win32":
        return MOST
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if limit == resource.RLIM_INFINITY else max(LEAST, min(MOST, limit - FDS_FOR_OTHERS))
