#!/usr/bin/env python3
"""Measures a running server on a simulated catalog: searches by embedding over HTTP, by 1, 8 and 32 clients at once.

Each answer has ten characters with their lines. Clients are connections of one other process, each asking as soon as it
has its answer; their CPU time is counted apart (client_cpu_ms). Then batches of 32 searches, by 1 and 8 clients. With
--sound, searches that upload that file, beside what their decoding and embedding and a search by embedding take (the
catalog must be of an encoder that can be loaded: --encoder has a copy of the simulated one pass for its). Beside them,
without HTTP, one after the other and on one core: the library's own search, and the nearest clips alone, on the
same vectors, by exact scans with FAISS and numpy and by pgvector's HNSW.
Example: scripts/bench_serving.py --clips 1000000 --home /tmp/simulated
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import engines
import faiss
import measuring
import numpy as np
import psutil
import simulate
from measuring import quantiles, shown
from threadpoolctl import threadpool_limits

from speaker_search import documents
from speaker_search.encoders import load
from speaker_search.library import Library
from speaker_search.settings import Settings

CLIENTS = (1, 8, 32)
BATCH = 32  # searches in one request
BATCH_CLIENTS = (1, 8)
UPLOADS = 40
SECONDS = 20.0  # for each number of clients
WARMING_S = 20.0
QUESTIONS = 1_000
LIBRARY_QUESTIONS = 200
EXACT_QUESTIONS = 20  # that exact scans are timed with
NUMPY_QUESTIONS = 3
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
STAGE = re.compile(r'spksearch_stage_seconds_(sum|count)\{stage="(\w+)"\} ([\d.e+-]+)')


def embeddings(clips: int) -> np.ndarray:
    """New lines (QUESTIONS, dim) of the simulated characters."""
    cast = simulate.world(clips)
    speakers = np.random.default_rng(1).choice(len(cast.games), QUESTIONS, p=cast.shares)
    return simulate.draw(cast, speakers, clips + 1)


def requests(netloc: str, clips: int, batch: int) -> list[bytes]:
    """The requests that clients send in turn: a search each, or a batch of searches."""
    searches = [{"embedding": vector.tolist(), "limit": 10} for vector in embeddings(clips)]
    path, bodies = "/v1/search", searches
    if batch > 1:
        path = "/v1/search/batch"
        bodies = [{"queries": searches[start : start + batch]} for start in range(0, QUESTIONS - batch + 1, batch)]
    head = f"POST {path} HTTP/1.1\r\nHost: {netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    whole = (json.dumps(body).encode() for body in bodies)
    return [head.encode() + f"{len(body)}\r\n\r\n".encode() + body for body in whole]


def ask(address: str, clients: int, seconds: float, clips: int, batch: int) -> None:
    """Print as JSON how long each answer took, in seconds, the errors, and the CPU time of asking. Runs in a separate
    process, which reads of an answer only what shows that it is one.
    """
    place = urlsplit(address)
    sent = requests(place.netloc, clips, batch)
    waiting, took, errors = selectors.DefaultSelector(), [], []

    def begin(connection: socket.socket, turn: int) -> None:
        connection.sendall(sent[turn % len(sent)])
        waiting.modify(connection, selectors.EVENT_READ, (turn, time.monotonic(), bytearray()))

    for number in range(clients):
        connection = socket.create_connection((place.hostname, place.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting.register(connection, selectors.EVENT_READ)
        begin(connection, number * len(sent) // clients)
    end, busy = time.monotonic() + seconds, time.process_time()
    while waiting.get_map():
        for key, _ in waiting.select(60):
            (turn, began, answer), connection = key.data, key.fileobj
            answer += (part := connection.recv(1 << 16))  # type: ignore[union-attr]
            if part and not complete(answer):
                continue
            took.append(time.monotonic() - began)
            if not (answer.startswith(b"HTTP/1.1 200") and answer.count(b'"hits":[{') >= batch):
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


def stages(address: str) -> dict[str, tuple[float, float]]:
    """Of each stage of searches: the seconds spent in it so far, and how often."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310
        found = STAGE.findall(answer.read().decode())
    return {
        name: tuple(float(value) for kind in ("sum", "count") for k, n, value in found if (k, n) == (kind, name))  # type: ignore[misc]
        for name in {name for _, name, _ in found}
    }


def asked(server: psutil.Process, address: str, clips: int, clients: int, seconds: float, batch: int) -> dict[str, Any]:
    """Have this many clients ask for that long: what they measured, and what it cost the server."""
    before, busy = stages(address), measuring.cpu_s(server)
    words = {"--ask": address, "--clients": clients, "--clips": clips, "--seconds": seconds, "--batch": batch}
    child = [sys.executable, __file__, *(str(word) for pair in words.items() for word in pair)]
    found = json.loads(subprocess.run(child, capture_output=True, text=True, check=True).stdout)
    count = len(found["took"])
    figures = {
        **quantiles(found["took"]),
        "per_s": round(count * batch / seconds, 1),
        "cpu_ms": round(1e3 * (measuring.cpu_s(server) - busy) / count / batch, 2),
        "client_cpu_ms": round(1e3 * found["cpu_s"] / count / batch, 2),
        "errors": len(found["errors"]),
        "server_mib": measuring.memory_mib(server),
    }
    if batch == 1:
        figures["stages_ms"] = {
            name: round(1e3 * (total - before.get(name, (0, 0))[0]) / max(1, of - before.get(name, (0, 0))[1]), 2)
            for name, (total, of) in stages(address).items()
        }
    return figures


def over_http(home: Path, clips: int, seconds: float, processes: int, sound: Path | None) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with measuring.serving(home, processes) as (server, address):
        asked(server, address, clips, 8, WARMING_S, 1)  # each process opens what it needs, and loads an encoder
        for clients in CLIENTS:
            found = asked(server, address, clips, clients, seconds, 1)
            figures[f"{clients} clients"] = shown(f"{clients} clients over HTTP", found)
        if sound is not None:
            found = by_sound(address, sound, figures["1 clients"]["p50_ms"])
            figures["by sound"] = shown("1 client, uploading", found)
        for clients in BATCH_CLIENTS:
            found = asked(server, address, clips, clients, seconds, BATCH)
            figures[f"{clients} clients, batches"] = shown(f"{clients} clients, batches of {BATCH}", found)
    return figures


def by_sound(address: str, sound: Path, by_embedding_ms: float) -> dict[str, Any]:
    """Searches that upload a file, one after the other: whole, and in proportion to the sum of its parts."""
    mark = b"5d2c9f"
    part = b'--%s\r\nContent-Disposition: form-data; name="audio"; filename="%s"\r\n\r\n'
    body = part % (mark, sound.name.encode()) + sound.read_bytes() + b"\r\n--%s--\r\n" % mark
    headers = {"Content-Type": f"multipart/form-data; boundary={mark.decode()}"}
    took, before = [], {}
    for number in range(UPLOADS + 5):
        if number == 5:  # the first ones start decoders
            before = stages(address)
        began = time.monotonic()
        with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/search", body, headers)) as answer:  # noqa: S310
            answer.read()
        took.append(time.monotonic() - began)
    after = stages(address)
    parts = {name: 1e3 * (after[name][0] - before[name][0]) / UPLOADS for name in ("decode", "embed")}
    whole = quantiles(took[5:])
    ratio = whole["p50_ms"] / (sum(parts.values()) + by_embedding_ms)
    return {**whole, **{f"{name}_ms": round(ms, 2) for name, ms in parts.items()}, "ratio": round(ratio, 2)}


def labelled(home: Path, encoder: str, passing: Path) -> Path:
    """A copy of a simulated catalog whose vectors pass for an encoder's."""
    copy = Path(shutil.copytree(home, passing / "labelled", ignore=shutil.ignore_patterns("index")))
    space = load(encoder).space
    with sqlite3.connect(copy / "catalog.db") as catalog:
        catalog.execute("UPDATE encoders SET space = ?, name = ?", (space, encoder))
    return copy


def without_http(home: Path, clips: int, pgvector_clips: int) -> dict[str, Any]:
    queries = embeddings(clips)
    figures: dict[str, Any] = {}

    def timed(name: str, search: Callable[[np.ndarray], object], count: int) -> None:
        took = []
        for vector in queries[: count + 1]:
            began = time.perf_counter()
            search(vector)
            took.append(time.perf_counter() - began)
        figures[name] = shown(name, quantiles(took[1:]))

    with Library(Settings(home=home)) as library, tempfile.TemporaryDirectory() as passing:
        library.prepare()

        def search(vector: np.ndarray) -> object:
            return library.search_document((), documents.SearchRequest(embedding=vector.tolist(), limit=10))

        timed("library", search, LIBRARY_QUESTIONS)
        vectors = library.ready.snapshot.clips.segment.columns.vectors
        faiss.omp_set_num_threads(1)
        threadpool_limits(1, user_api="blas")
        flat, by_numpy = engines.flat(vectors), engines.by_numpy(vectors)
        timed("FAISS, exact, clips alone", lambda vector: flat(vector, 10), EXACT_QUESTIONS)
        timed("numpy, exact, clips alone", lambda vector: by_numpy(vector, 10), NUMPY_QUESTIONS)
        some = queries[:LIBRARY_QUESTIONS]
        truth = np.array([flat(vector, 100) for vector in some])
        peers = engines.peers(vectors, some, truth, Path(passing), {engines.PGVECTOR: pgvector_clips})
    for found in peers.values():
        figures["pgvector HNSW, clips alone"] = shown("pgvector HNSW, clips alone", found)
    return figures


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each number of clients")
    parser.add_argument("--processes", type=int, default=1, help="of the server")
    parser.add_argument("--pgvector-clips", type=int, default=engines.MOST_CLIPS, help="leave pgvector out above this")
    parser.add_argument("--sound", type=Path, help="a file to search with")
    parser.add_argument("--encoder", help="whose vectors those of the catalog pass for, to search with a file")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ask:
        ask(chosen.ask, chosen.clients, chosen.seconds, chosen.clips, chosen.batch)
        return
    with measuring.simulated(chosen.home, chosen.clips) as home, tempfile.TemporaryDirectory() as passing:
        if chosen.encoder:
            home = labelled(home, chosen.encoder, Path(passing))
        figures = over_http(home, chosen.clips, chosen.seconds, chosen.processes, chosen.sound)
        figures |= without_http(home, chosen.clips, chosen.pgvector_clips)
    measuring.report(f"{chosen.clips:,} simulated clips, server processes: {chosen.processes}", figures)


if __name__ == "__main__":
    main()
