#!/usr/bin/env python3
"""Measures searches of a simulated catalog: time and CPU time by kind of question and filter, and the recall by clip.

Example: scripts/bench_search.py --clips 1000000 --home /tmp/simulated
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import measuring
import numpy as np
import simulate
from threadpoolctl import threadpool_limits

from speaker_search import documents
from speaker_search.library import Library
from speaker_search.settings import Settings

SEARCHES = 200  # of each kind
RECALLED = 50  # searches by clip whose answers are compared with an exact scan
EVERY = 10  # the filter of many games allows every tenth
FILTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {},
    ", one game": {"game": ("Game 3",)},
    ", 10 % of the games": {"game": tuple(f"Game {n}" for n in range(0, 10_000, EVERY))},
    ", one maker excluded": {"exclude_maker": ("Maker 3",)},
}


def filters(games: int) -> dict[str, dict[str, tuple[str, ...]]]:
    """The filters by name, in a catalog of that many games."""
    there = {f"Game {n}" for n in range(games)}
    return {
        name: {key: tuple(each for each in names if key != "game" or each in there) for key, names in filter_.items()}
        for name, filter_ in FILTERS.items()
    }


def questions(library: Library, seed: int) -> Iterator[list[float]]:
    """Embeddings of lines that are not in the catalog: its clips, each moved as far as another take would be."""
    rng = np.random.default_rng(seed)
    held = library.ready.snapshot.clips.segment.columns
    while True:
        vector = held.vectors[int(rng.integers(len(held)))].astype(np.float32)
        yield (vector + 0.5 * rng.standard_normal(len(vector)) / np.sqrt(len(vector))).tolist()


def timed(ask: Callable[[], object]) -> dict[str, float]:
    """Median and 95th percentile of a question's time, and of its CPU time over all threads."""
    wall, spent = [], []
    for number in range(SEARCHES + 5):
        began, cpu = time.perf_counter(), time.process_time()
        ask()
        if number >= 5:  # the first ones fill caches
            wall.append(1e3 * (time.perf_counter() - began))
            spent.append(1e3 * (time.process_time() - cpu))
    return {
        "p50_ms": round(float(np.quantile(wall, 0.5)), 1),
        "p95_ms": round(float(np.quantile(wall, 0.95)), 1),
        "cpu_p50_ms": round(float(np.quantile(spent, 0.5)), 1),
        "cpu_p95_ms": round(float(np.quantile(spent, 0.95)), 1),
    }


def recall(library: Library, filter_: dict[str, tuple[str, ...]], allowed: np.ndarray, seed: int) -> float:
    """The share of the ten nearest clips by an exact scan of `allowed` rows that a search by clip finds."""
    held = library.ready.snapshot.clips.segment.columns
    asked = [vector for vector, _ in zip(questions(library, seed), range(RECALLED), strict=False)]
    queries = np.array(asked, np.float32)
    best = np.full((RECALLED, 10), -np.inf, np.float32)
    ids = np.zeros((RECALLED, 10), np.int64)
    for start in range(0, len(allowed), 1 << 16):
        rows = allowed[start : start + (1 << 16)]
        cosines = np.concatenate([best, queries @ held.vectors[rows].astype(np.float32).T], axis=1)
        named = np.concatenate([ids, np.broadcast_to(held.ids[rows], (RECALLED, len(rows)))], axis=1)
        top = np.argpartition(-cosines, 10, axis=1)[:, :10] if cosines.shape[1] > 10 else np.arange(10)[None]
        best, ids = np.take_along_axis(cosines, top, 1), np.take_along_axis(named, top, 1)
    found = 0
    for vector, exact in zip(asked, ids, strict=True):
        question = documents.SearchRequest(embedding=vector, by="clip", limit=10, **filter_)  # type: ignore[arg-type]
        answer = library.search_document((), question)
        found += len({hit.clip.id for match in answer.matches for hit in match.hits} & set(exact.tolist()))
    return round(found / (10 * RECALLED), 3)


def measure(home: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    began = time.monotonic()
    with Library(Settings(home=home)) as library:
        library.prepare()
        figures["open_s"] = round(time.monotonic() - began, 1)
        threadpool_limits(1, user_api="blas")  # as the server does
        asked = questions(library, 0)
        held = library.ready.snapshot.clips.segment.columns
        of_game = dict(enumerate(np.unique(held.games).tolist()))
        rng = np.random.default_rng(1)
        characters = library.ready.profiles.character_ids

        def similar() -> object:
            return library.similar_document(int(rng.choice(characters)), documents.SearchOptions())

        print(f"{'question':44} {'p50 ms':>8} {'p95':>8} {'CPU p50':>8} {'p95':>8} {'recall@10':>10}")
        for by in ("character", "clip"):
            for name, filter_ in filters(min(len(of_game), simulate.GAMES)).items():

                def ask(by: str = by, filter_: dict[str, tuple[str, ...]] = filter_) -> object:
                    question = documents.SearchRequest(embedding=next(asked), by=by, **filter_)  # type: ignore[arg-type]
                    return library.search_document((), question)

                found = timed(ask)
                if by == "clip":
                    found["recall_at_10"] = recall(library, filter_, _rows(held.games, of_game, filter_), 2)
                figures[f"by {by}{name}"] = _shown(f"by {by}{name}", found)
        figures["similar"] = _shown("similar", timed(similar))
        figures["resident_mib"] = _resident_mib()
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def _rows(games: np.ndarray, of_game: dict[int, int], filter_: dict[str, tuple[str, ...]]) -> np.ndarray:
    """The rows that a filter allows; game n is of maker n modulo 20 (scripts/simulate.py)."""
    numbers = {f"Game {n}": id_ for n, id_ in of_game.items()}  # games that other benchmarks add come after these
    allowed = [numbers[title] for title in filter_.get("game", tuple(numbers))]
    excluded = {int(name.split()[1]) for name in filter_.get("exclude_maker", ())}
    kept = {id_ for n, id_ in of_game.items() if n % 20 not in excluded}
    return np.flatnonzero(np.isin(games, sorted(kept & set(allowed))))


def _shown(name: str, found: dict[str, float]) -> dict[str, float]:
    print(f"{name:44}", *(f"{value:8}" for value in found.values()))
    return found


def _resident_mib() -> int:
    import psutil

    memory = psutil.Process().memory_full_info()
    return int(memory.uss) >> 20  # without the map, which is the page cache's


def main() -> None:
    chosen = measuring.arguments(__doc__).parse_args()
    with measuring.simulated(chosen.home, chosen.clips) as home:
        figures = measure(home)
    for name in ("open_s", "resident_mib", "peak_mib"):
        print(f"{name:44} {figures[name]:8}")
    measuring.report(f"{chosen.clips:,} simulated clips", figures)


if __name__ == "__main__":
    main()
