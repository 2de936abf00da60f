"""A server with few file descriptors in front of many clients, and one that is told to stop."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import HERE, LIMIT_S, Begun, limited, split_off

if sys.platform == "win32":
    pytest.skip("Windows has no such limits and signals", allow_module_level=True)

from web import few_descriptors

DESCRIPTORS, CLIENTS = 256, 300
HALVES = (
    "GET /healthz HTTP/1.1\r\nHost: local",
    "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    "Content-Length: 999\r\n\r\n--b\r\n",
)


@contextmanager
def server(home: Path) -> Iterator[tuple[Begun, int, list[str]]]:
    """A running server, its port, and the lines of its log."""
    words = ["serve", "--port", "0"]
    with split_off(few_descriptors.command, DESCRIPTORS, words, HERE, home=home) as running:
        log = [running.err.readline()]
        while log[-1] and not log[-1].startswith("Serving"):
            log.append(running.err.readline())
        port = re.search(r"http://\S+:(\d+)", log[-1])
        assert port, log
        reader = threading.Thread(target=log.extend, args=(running.err,))
        reader.start()
        yield running, int(port[1]), log
        if running.process.is_alive():
            running.send(signal.SIGTERM)
        with limited(running.process):
            reader.join()


@pytest.mark.parametrize("half", HALVES, ids=["a head", "a body"])
def test_more_half_sent_requests_than_descriptors_keep_nobody_from_an_answer(ingested: Ingested, half: str) -> None:
    with server(ingested.home) as (_, port, log), ExitStack() as stack:
        for _ in range(CLIENTS):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S))
            connection.sendall(half.encode())
        for _ in range(3):
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=LIMIT_S, trust_env=False).status_code == 200
    text = "".join(log)
    assert "Traceback" not in text
    assert len(text) < 100_000


def test_a_request_in_hand_is_answered_before_the_server_ends(ingested: Ingested) -> None:
    body = json.dumps({"like": [{"character": 1}]}).encode()
    head = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with server(ingested.home) as (running, port, _):
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"[:25]  # it is being read
            running.send(signal.SIGTERM)
            connection.sendall(body)
            with HTTPResponse(connection) as response:
                response.begin()
                assert (response.status, "matches" in json.load(response)) == (200, True)
        assert running.ended().code == 0
