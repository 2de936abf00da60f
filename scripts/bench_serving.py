#!/usr/bin/env python3
"""Measures a running server on a simulated catalog: searches by embedding over HTTP, by 1, 8 and 32 clients at once.

Each answer has ten characters with their lines. Clients are connections of one other process, each asking as soon as it
has its answer; their CPU time is counted apart (client_cpu_ms). Beside them, on one core and without HTTP: the
library's own search, and the exact nearest clips by FAISS and by numpy on the same vectors.
Example: scripts/bench_serving.py --clips 1000000 --home /tmp/simulated
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import simulate
from bench_live import serve

from speaker_search import documents
from speaker_search.catalog.database import open_catalog
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.clip_index import exact

CLIENTS = (1, 8, 32)
SECONDS = 20.0  # for each number of clients
QUESTIONS = 1_000
LIBRARY_QUESTIONS = 200
EXACT_QUESTIONS = 20  # that exact scans are timed with
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
STAGE = re.compile(r'spksearch_stage_seconds_(sum|count)\{stage="(\w+)"\} ([\d.e+-]+)')


def embeddings(clips: int) -> np.ndarray:
    """New lines (QUESTIONS, dim) of the simulated characters."""
    cast = simulate.world(clips)
    speakers = np.random.default_rng(1).choice(len(cast.games), QUESTIONS, p=cast.shares)
    return simulate.draw(cast, speakers, clips + 1)


def ask(address: str, clients: int, seconds: float, clips: int) -> None:
    """Print as JSON how long each answer took, in seconds, the errors, and the CPU time of asking. Runs in a separate
    process, which reads of an answer only what shows that it is one.
    """
    bodies = [json.dumps({"embedding": vector.tolist(), "limit": 10}).encode() for vector in embeddings(clips)]
    place = urlsplit(address)
    head = f"POST /v1/search HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [head.encode() + f"{len(body)}\r\n\r\n".encode() + body for body in bodies]
    waiting, took, errors = selectors.DefaultSelector(), [], []

    def begin(connection: socket.socket, turn: int) -> None:
        connection.sendall(requests[turn % QUESTIONS])
        waiting.modify(connection, selectors.EVENT_READ, (turn, time.monotonic(), bytearray()))

    for number in range(clients):
        connection = socket.create_connection((place.hostname, place.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting.register(connection, selectors.EVENT_READ)
        begin(connection, number * QUESTIONS // clients)
    end, busy = time.monotonic() + seconds, time.process_time()
    while waiting.get_map():
        for key, _ in waiting.select(60):
            (turn, began, answer), connection = key.data, key.fileobj
            answer += (part := connection.recv(1 << 16))  # type: ignore[union-attr]
            if part and not complete(answer):
                continue
            took.append(time.monotonic() - began)
            if not (answer.startswith(b"HTTP/1.1 200") and b'"hits":[{' in answer):
                errors.append(bytes(answer[:200]).decode("utf-8", "replace"))
            if part and time.monotonic() < end:
                begin(connection, turn + 1)  # type: ignore[arg-type]
            else:
                waiting.unregister(connection)
                connection.close()  # type: ignore[union-attr]
    print(json.dumps({"took": took, "errors": errors, "cpu_s": time.process_time() - busy}))


def complete(answer: bytearray) -> bool:
    """Whether all of an answer has come."""
    head = answer.find(b"\r\n\r\n")
    length = LENGTH.search(answer, 0, max(0, head))
    return length is not None and len(answer) >= head + 4 + int(length[1])


def quantiles(took: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile of seconds, in milliseconds."""
    return {f"p{q}_ms": round(1e3 * float(np.quantile(took, q / 100)), 2) for q in (50, 95, 99)}


def stages(address: str) -> dict[str, tuple[float, float]]:
    """Of each stage of searches: the seconds spent in it so far, and how often."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310
        found = STAGE.findall(answer.read().decode())
    return {
        name: tuple(float(value) for kind in ("sum", "count") for k, n, value in found if (k, n) == (kind, name))  # type: ignore[misc]
        for name in {name for _, name, _ in found}
    }


def family(pid: int) -> list[psutil.Process]:
    """A server's processes."""
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """CPU time of a server's processes so far."""
    return sum(sum(one.cpu_times()[:2]) for one in family(pid))


def over_http(home: Path, clips: int, seconds: float, processes: int = 1) -> dict[str, Any]:
    server, address = serve(home, "--processes", str(processes))
    figures: dict[str, Any] = {}
    try:
        ask_once = [
            sys.executable,
            __file__,
            "--ask",
            address,
            "--clients",
            "2",
            "--clips",
            str(clips),
            "--seconds",
            "3",
        ]
        subprocess.run(ask_once, capture_output=True, check=True)  # the first searches open what they need
        for clients in CLIENTS:
            before, busy = stages(address), cpu_s(server.pid)
            child = [sys.executable, __file__, "--ask", address, "--clients", str(clients), "--clips", str(clips)]
            done = subprocess.run([*child, "--seconds", str(seconds)], capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            count = len(found["took"])
            after = stages(address)
            figures[f"{clients} clients"] = {
                **quantiles(found["took"]),
                "per_s": round(count / seconds, 1),
                "cpu_ms": round(1e3 * (cpu_s(server.pid) - busy) / count, 2),
                "client_cpu_ms": round(1e3 * found["cpu_s"] / count, 2),
                "errors": len(found["errors"]),
                "server_mib": sum(one.memory_full_info().uss for one in family(server.pid)) >> 20,
                "stages_ms": {
                    name: round(
                        1e3 * (total - before.get(name, (0, 0))[0]) / max(1, of - before.get(name, (0, 0))[1]), 2
                    )
                    for name, (total, of) in after.items()
                },
            }
            shown(f"{clients} clients over HTTP", figures[f"{clients} clients"])
    finally:
        server.terminate()
        server.wait()
    return figures


def without_http(home: Path, clips: int) -> dict[str, Any]:
    asked = embeddings(clips)
    figures: dict[str, Any] = {}

    def timed(name: str, search: Callable[[np.ndarray], object], count: int) -> None:
        took = []
        for vector in asked[: count + 1]:
            began = time.perf_counter()
            search(vector)
            took.append(time.perf_counter() - began)
        figures[name] = quantiles(took[1:])
        shown(name, figures[name])

    with Library(Settings(home=home)) as library:
        library.prepare()

        def search(vector: np.ndarray) -> object:
            return library.search_document((), documents.SearchRequest(embedding=vector.tolist(), limit=10))

        timed("library", search, LIBRARY_QUESTIONS)
        vectors = library.ready.snapshot.clips.segment.columns.vectors
        first, end = np.zeros(1, np.int64), np.full(1, len(vectors))
        timed("FAISS, exact, clips alone", lambda vector: exact.scan(vectors, first, end, vector, 10), EXACT_QUESTIONS)
        timed("numpy, exact, clips alone", lambda vector: np.argpartition(vectors @ vector, -10)[-10:], EXACT_QUESTIONS)
    return figures


def shown(name: str, found: dict[str, Any]) -> None:
    print(f"{name:28}", *(f"{key} {value}" for key, value in found.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="a catalog of scripts/simulate.py, made there if there is none")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each number of clients")
    parser.add_argument("--processes", type=int, default=1, help="of the server")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ask:
        ask(chosen.ask, chosen.clients, chosen.seconds, chosen.clips)
        return
    with tempfile.TemporaryDirectory() as passing:
        home = chosen.home or Path(passing)
        if not (home / "catalog.db").exists():
            catalog = open_catalog(Settings(home=home).url)
            simulate.fill(catalog, chosen.clips)
            catalog.close()
        figures = {
            **over_http(home, chosen.clips, chosen.seconds, chosen.processes),
            **without_http(home, chosen.clips),
        }
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"{chosen.clips:,} simulated clips, server processes: {chosen.processes}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
