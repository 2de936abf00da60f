"""A server in a thread of the tests' own process: it starts at once, and may have its own limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from end_to_end.running import LIMIT_S

from speaker_search.library import Library
from speaker_search.web.app import create_app
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.server import listen, server_of


@contextmanager
def serving_in_thread(library: Library, patience: Patience | None = None) -> Iterator[httpx.Client]:
    """A client of a server on a free port of the loopback, which runs until the end of the context."""
    patience = patience or Patience()
    listener = listen("127.0.0.1", 0)  # connections wait in it until the server has started
    server = server_of(create_app(library, patience=patience), patience)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=LIMIT_S, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(LIMIT_S)
        listener.close()
