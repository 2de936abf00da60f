#!/usr/bin/env python3
"""Measures how long the server takes for the lists that pages show: characters, voices, verdicts, the queue, the map.

The catalog is simulated, with 7,357 characters; verdicts, as many as asked for, are true ones on random pairs. Times
are those of the app itself, without a network. Example: scripts/bench_lists.py --home /tmp/simulated --verdicts 50000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import simulate
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from speaker_search.catalog import tables
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.rows import insert_all
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app

CLIPS = 1_000_000  # the fewest that have all characters
ASKED = 15  # times each
SAME = 0.2  # of the verdicts

LISTS = {
    "characters": "/v1/characters?limit=100",
    "characters of a game": "/v1/characters?game_id=300",
    "characters, part of a name": "/v1/characters?contains=42&limit=100",
    "games, part of a title": "/v1/games?contains=5&limit=100",
    "clips of a character": "/v1/clips?character_id=4000&limit=100",
    "voices": "/v1/voices?limit=100",
    "voices of a maker": "/v1/voices?maker=Maker%203&limit=100",
    "voices of five and more": "/v1/voices?min_characters=5&limit=100",
    "verdicts": "/v1/verdicts?limit=100",
    "verdicts of a character": "/v1/verdicts?character=4000",
    "verdicts by an author": "/v1/verdicts?author=ann&same=true&limit=100",
    "queue": "/v1/queue?limit=10",
    "cast sheet": "/v1/games/300/cast",
    "map of all characters": "/v1/map",
    "map of a game": "/v1/games/300/map",
}


def judged(home: Path, clips: int, verdicts: int) -> None:
    """Give the catalog this many verdicts, unless it has some."""
    cast = simulate.world(clips)
    rng = np.random.default_rng(7)
    by_actor = np.argsort(cast.actors, kind="stable")
    rows: dict[tuple[int, int], bool] = {}
    while len(rows) < verdicts:
        if rng.random() < SAME:  # neighbours in this order mostly have one actor
            place = int(rng.integers(len(by_actor) - 1))
            one, other = by_actor[place], by_actor[place + 1]
        else:
            one, other = rng.integers(len(cast.actors), size=2)
        if cast.games[one] != cast.games[other]:
            low, high = sorted((int(one) + 1, int(other) + 1))
            rows[low, high] = bool(cast.actors[one] == cast.actors[other])
    given = [
        {
            "one_id": one,
            "other_id": other,
            "same": same,
            "author": "ann" if n % 2 else "bea",
            "note": "",
            "at": float(n),
        }
        for n, ((one, other), same) in enumerate(rows.items())
    ]
    with open_catalog(Settings(home=home).url).write() as connection:
        if not connection.execute(select(func.count()).select_from(tables.verdicts)).scalar_one():
            insert_all(connection, tables.verdicts, given)


def measure(home: Path) -> dict[str, dict[str, float]]:
    found = {}
    with (
        Library(Settings(home=home)) as library,
        TestClient(create_app(library), base_url="http://localhost") as client,
    ):
        began = time.monotonic()
        client.get("/v1/voices?limit=1").raise_for_status()  # opens the index and links the characters
        print(f"opened and linked in {time.monotonic() - began:.1f} s")
        print(f"{'list':28} {'median ms':>10} {'slowest':>10} {'KB':>8}")
        for name, path in LISTS.items():
            took = []
            for _ in range(ASKED):
                began = time.perf_counter()
                answer = client.get(path)
                took.append(1e3 * (time.perf_counter() - began))
                answer.raise_for_status()
            found[name] = {
                "p50_ms": round(float(np.median(took)), 1),
                "max_ms": round(max(took[1:]), 1),  # the first one may fill a cache
                "kb": round(len(answer.content) / 1000, 1),
            }
            print(f"{name:28} {found[name]['p50_ms']:10} {found[name]['max_ms']:10} {found[name]['kb']:8}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--verdicts", type=int, default=50_000)
    parser.add_argument(
        "--home", type=Path, help="where the simulated catalog is, or is made; verdicts are added to it"
    )
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp())
    try:
        if not (home / "catalog.db").exists():
            simulate.fill(open_catalog(Settings(home=home).url), asked.clips)
        judged(home, asked.clips, asked.verdicts)
        found = measure(home)
    finally:
        if asked.home is None:
            shutil.rmtree(home)
    data = f"{asked.clips:,} simulated clips, {asked.verdicts:,} verdicts"
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), "lists": found}))


if __name__ == "__main__":
    main()
