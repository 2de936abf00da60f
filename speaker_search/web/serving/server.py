"""Running an app on a socket until it is told to stop."""

from __future__ import annotations

import functools
import gc
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it carries no types

from speaker_search.errors import UsageError
from speaker_search.web.serving.connections import Connection, Listener, Patience

GRACE_S = 30.0  # to answer the requests in progress once the server is told to stop


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError when the port is taken or the address is not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sets TCP_NODELAY only on sockets that name TCP; without it every answer waits 40 ms for an ACK.
        listener = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # connections from now on wait for the server to start
    except (OSError, UnicodeError) as error:  # UnicodeError: no host can be called so
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"Cannot listen on port {port} of {host}: {reason}.", "Give another --port or --host."
        ) from error
    return listener


def server_of(app: FastAPI, patience: Patience) -> uvicorn.Server:
    """A server for the app that closes connections as `patience` says."""
    protocol: Any = functools.partial(Connection, patience=patience)
    config = uvicorn.Config(
        app,
        http=protocol,
        loop="asyncio",  # uvloop accepts connections by itself, as many as come
        ws="none",
        log_config=None,  # logs.py says what is written, and how
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(GRACE_S),
    )
    return _Server(config)


def end_at_sigterm() -> None:
    """Have SIGTERM end the program with exit code 0, and not at once as by default. For the main thread alone.

    uvicorn answers the requests in progress first, and then raises the signal again, for this handler.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)


def run(app: FastAPI, listener: socket.socket, patience: Patience) -> None:
    """Serve until Ctrl-C, which raises KeyboardInterrupt, or SIGTERM. Requests in progress are answered first."""
    # Searches run side by side: threads within each take three times the CPU and only get in each other's way.
    threadpool_limits(1, user_api="blas")
    gc.freeze()  # what is loaded by now stays: full collections that look through all of it delay searches
    _hold_sigterm(signal.SIG_BLOCK)
    try:
        server_of(app, patience).run(sockets=[listener])
    finally:
        _hold_sigterm(signal.SIG_UNBLOCK)


class _Server(uvicorn.Server):
    """SIGTERM waits until it is handled here: while the loop is being made, it would leave parts of it behind."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        _hold_sigterm(signal.SIG_UNBLOCK)
        await super().startup(sockets)


def _hold_sigterm(how: int) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(how, {signal.SIGTERM})
