#!/usr/bin/env python3
"""Measures how soon searches see what another program changes, and how much that slows them down.

Three changes, one after the other: new clips are stored, a character of theirs is relabelled, their game is forgotten.
Example: scripts/bench_live.py --clips 1000000 --home /tmp/simulated
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import measuring
import numpy as np
import simulate

from speaker_search.catalog import outcomes
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.catalog.scans.register import register
from speaker_search.catalog.spaces import spaces
from speaker_search.settings import Settings
from speaker_search.sources import Candidate, Route

NEWCOMERS = 10  # characters that the new clips belong to
PORTION = 100  # clips stored in one transaction, about as a worker does
QUIET_S = 10.0  # searches before and after
CHANGES = ("add", "relabel", "forget")
GIVE_UP_S = 120.0


@dataclass
class Clients:
    """Threads that search one after the other, each as soon as it has its answer."""

    address: str
    clips: int
    count: int
    took: list[tuple[float, float]] = field(default_factory=list)  # when a search ended, and how long it took
    errors: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._search, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _search(self, number: int) -> None:
        rng = np.random.default_rng(number)
        with httpx.Client(timeout=300) as client:
            while not self._over.is_set():
                began = time.monotonic()
                question = {"like": [{"clip": int(rng.integers(1, self.clips + 1))}]}
                try:
                    client.post(f"{self.address}/v1/search", json=question).raise_for_status()
                except httpx.HTTPError as error:
                    self.errors.append(str(error))
                self.took.append((time.monotonic(), time.monotonic() - began))


def newcomers(clips: int, new: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (new, DIM) of characters that are not in the catalog, and each one's speaker."""
    rng = np.random.default_rng([seed, clips])
    centres = rng.standard_normal((NEWCOMERS, simulate.DIM)).astype(np.float32) / np.sqrt(simulate.DIM)
    speakers = np.sort(rng.integers(NEWCOMERS, size=new))
    noise = rng.standard_normal((new, simulate.DIM)).astype(np.float32) / np.sqrt(simulate.DIM)
    vectors = centres[speakers] + 0.5 * noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), speakers


def change(home: Path, kind: str, new: int, seed: int) -> None:
    """Make one of the CHANGES as a scan and a worker do; prints when it is committed. Runs in a separate process."""
    catalog = open_catalog(Settings(home=home).url)
    with catalog.read() as connection:
        space = spaces(connection)[0]
    vectors, speakers = newcomers(0, new, seed)
    names = {0: "Renamed 0"} if kind == "relabel" else {}
    candidates = [
        Candidate(f"{number:05d}.ogg", Route.FOLDER, names.get(speaker, f"New {speaker}"), "", 1, 1)
        for number, speaker in enumerate(speakers.tolist() if kind != "forget" else [])
    ]
    title = f"New {seed}"
    register(
        catalog,
        space.id,
        root=Path("/new") / title,
        maker="New",
        title=title,
        candidates=candidates,
        is_there=lambda *_: False,
    )
    if kind == "add":
        claims = Claims(catalog, space.id, machine="benchmark", pid=os.getpid())
        claimed = {int(clip.name[:5]): clip for clip in claims.claim(new)}
        for start in range(0, len(claimed), PORTION):
            part = range(start, min(start + PORTION, new))
            outcomes.store(catalog, space.id, [Outcome(claimed[n].id, 4.0, vectors[n]) for n in part])
        claims.leave()
    elif kind == "forget":
        forget_gone(catalog)
    print(time.time(), flush=True)
    catalog.close()


def seen(address: str, kind: str, new: int, seed: int) -> float:
    """When a search with each new character's voice shows the change, in seconds since 1970."""
    vectors, speakers = newcomers(0, new, seed)
    waiting = {0} if kind == "relabel" else set(range(NEWCOMERS))
    give_up = time.monotonic() + GIVE_UP_S
    with httpx.Client(timeout=300) as client:
        while waiting and time.monotonic() < give_up:
            for speaker in sorted(waiting):
                voice = vectors[speakers == speaker].mean(axis=0).tolist()
                answer = client.post(f"{address}/v1/search", json={"embedding": voice, "limit": 1}).json()
                character = answer["matches"][0]["character"]
                ours = character["game"]["title"] == f"New {seed}"
                name = f"{'Renamed' if kind == 'relabel' else 'New'} {speaker}"
                if (not ours) if kind == "forget" else (ours and character["name"] == name):
                    waiting.discard(speaker)
            time.sleep(0.1)
    return time.time() if not waiting else float("inf")


def measure(home: Path, clips: int, new: int, clients: int, seed: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with measuring.serving(home) as (_, address):
        searching = Clients(address, clips, clients)
        searching.start()
        time.sleep(QUIET_S)
        since = [time.monotonic()]
        for kind in CHANGES:
            child = [sys.executable, __file__, "--change", kind, "--new", str(new), "--home", str(home)]
            with subprocess.Popen([*child, "--seed", str(seed)], stdout=subprocess.PIPE, text=True) as changing:
                assert changing.stdout is not None  # noqa: S101
                committed = float(changing.stdout.readline())
                figures[f"{kind}_seen_after_s"] = round(seen(address, kind, new, seed) - committed, 2)
            time.sleep(QUIET_S)
            since.append(time.monotonic())
        searching.stop()
    before = [took for ended, took in searching.took if ended < since[0]]
    median = statistics.median(before)
    figures |= {
        "searches": len(searching.took),
        "errors": len(searching.errors),
        "p50_ms": round(1e3 * median, 1),
        "max_before_ms": round(1e3 * max(before), 1),
    }
    for kind, start, end in zip(CHANGES, since, since[1:], strict=False):
        beside = [took for ended, took in searching.took if start <= ended < end]
        figures |= {
            f"{kind}_p50_ms": round(1e3 * statistics.median(beside), 1),
            f"{kind}_p99_ms": round(1e3 * float(np.quantile(beside, 0.99)), 1),
            f"{kind}_max_ms": round(1e3 * max(beside), 1),
            f"{kind}_max_to_its_p50": round(max(beside) / statistics.median(beside), 2),
        }
    return figures


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--new", type=int, default=1_000, help="clips that another program stores")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of the new clips")
    parser.add_argument("--change", choices=CHANGES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.change:
        change(chosen.home, chosen.change, chosen.new, chosen.seed)
        return
    with measuring.simulated(chosen.home, chosen.clips) as home:
        figures = measure(home, chosen.clips, chosen.new, chosen.clients, chosen.seed)
    for name, value in figures.items():
        print(f"{name:24} {value}")
    measuring.report(f"{chosen.clips:,} simulated clips, {chosen.new:,} new ones, {chosen.clients} clients", figures)


if __name__ == "__main__":
    main()
