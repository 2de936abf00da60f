#!/usr/bin/env python3
"""Measures an index in Milvus beside FAISS's, of the same simulated catalog and in one run: a server is started, filled
from the change log, killed on the way and started again; clips are deleted and relabelled; then both are asked.

It needs what `scripts/test --engines` installs. Example: scripts/bench_milvus.py --clips 100000
--lite names the program milvus-lite, of an environment of its own: its server is then measured.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import measuring
import numpy as np
from pydantic import SecretStr
from sqlalchemy import select, update

from speaker_search.catalog import tables
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.entities import Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.engine import Clips
from speaker_search.views.milvus import collection as collections
from speaker_search.views.milvus.milvus_server import Server
from speaker_search.views.milvus.milvus_views import MilvusViews
from speaker_search.views.snapshot import Snapshot, follow

SEARCHES = 100  # of each kind
LITE_SEARCHES = 4  # each takes seconds
CHANGED = 1_000  # clips deleted, and as many relabelled
SAME_COSINE = 1e-5  # equally near clips may come in either order
STARTED_WITHIN_S = 180.0


class Wheel:
    """A server (scripts/milvus_server.py, or the program milvus-lite if given) with its data in a folder."""

    def __init__(self, folder: Path, lite: str | None) -> None:
        self.folder = folder
        self.searches = LITE_SEARCHES if lite else SEARCHES
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self.url = f"milvus://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        data = str(folder / "data")
        script = Path(__file__).with_name("milvus_server.py")
        self._command = [sys.executable, str(script), "--data", data, "--proxy-port", str(self.port)]
        if lite:
            self._command = [lite, "server", "--host", "127.0.0.1", "--port", str(self.port), "--data-dir", data]

    def start(self) -> float:
        """Start it; returns the seconds until it answers."""
        began = time.monotonic()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self.folder)},
                start_new_session=True,
            )
        while time.monotonic() - began < STARTED_WITHIN_S:
            with suppress(IndexUnusableError), Server(self.url).client() as client:
                client.list_collections(timeout=2)
                return time.monotonic() - began
            time.sleep(0.2)
        raise SystemExit(f"Milvus did not start: see {self.folder / 'log'}.")

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # its child would go on without it
            self._process.wait()
            self._process = None


@contextmanager
def wheel(lite: str | None) -> Iterator[tuple[Wheel, float]]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Wheel(Path(folder), lite)
        try:
            yield server, server.start()
        finally:
            server.kill()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began


def filled(library: Library, server: Wheel) -> dict[str, Any]:
    """Follow the log into an empty server that is killed on the way, until all is there."""
    views = MilvusViews(library.catalog, Server(server.url))
    collection, space = views.collection(library.space), library.space
    killed_at: list[int] = []
    ended = threading.Event()

    def kill() -> None:
        while not ended.is_set():
            with suppress(IndexUnusableError):
                state = collection.state()
                if state is not None and state.position > 0:
                    server.kill()
                    killed_at.append(state.position)
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    began, failures, down = time.monotonic(), 0, 0.0
    while True:
        try:
            snapshot = views.follow(library.catalog, space, None)
            break
        except IndexUnusableError as error:
            failures += 1
            print(f"  {error.detail}")
            killer.join()
            if failures == 1:
                down = server.start()
    ended.set()
    killer.join()
    views.server.close()
    return {
        "replay_s": round(time.monotonic() - began - down, 1),
        "killed_at": killed_at,
        "failures": failures,
        "clips": snapshot.clips.clips,
    }


def change(library: Library, rng: np.random.Generator) -> None:
    """Delete clips, and relabel as many or more by merging characters."""
    with library.catalog.read() as connection:
        ids = np.array(connection.execute(select(tables.clips.c.id)).scalars().all())
    with library.catalog.write() as connection:
        gone = rng.choice(ids, CHANGED, replace=False).tolist()
        connection.execute(update(tables.clips).where(tables.clips.c.id.in_(gone)).values(gone=True))
    forget_gone(library.catalog)
    relabelled = 0
    while relabelled < CHANGED:
        page = library.characters(limit=500).characters
        one = page[int(rng.integers(len(page)))]
        others = [each for each in page if each.game.id == one.game.id and each.id != one.id and each.clips]
        if others and one.clips:
            library.merge("character", one.id, others[0].id)
            relabelled += one.clips


def compared(kept: Clips, truth: Clips, queries: np.ndarray, filters: dict[str, Ids]) -> dict[str, Any]:
    """Latency of both, one question after the other; and of the ten nearest by an exact scan, how many Milvus finds."""
    took: tuple[list[float], list[float]] = ([], [])
    shares, same = [], 0
    for query in queries:
        (exact, ours), (found, theirs) = (
            timed(lambda clips=clips, query=query: clips.nearest(query, 10, **filters)) for clips in (truth, kept)
        )
        took[0].append(1e3 * ours)
        took[1].append(1e3 * theirs)
        near = found.cosines >= exact.cosines[-1] - SAME_COSINE if len(exact.ids) else np.empty(0, bool)
        shares.append(min(1.0, int(near.sum()) / max(1, len(exact.ids))))
        same += found.ids.tolist() == exact.ids.tolist()
    names = ("faiss", "milvus")
    figures = {f"{name}_p50_ms": round(float(np.median(times)), 2) for name, times in zip(names, took, strict=True)}
    figures |= {
        f"{name}_p95_ms": round(float(np.quantile(times, 0.95)), 2) for name, times in zip(names, took, strict=True)
    }
    return figures | {"recall_at_10": round(float(np.mean(shares)), 4), "equal_answers": same / len(queries)}


def lines(truth: Snapshot, rng: np.random.Generator, count: int) -> np.ndarray:
    """Lines (q, dim) that are not in the catalog: its clips, each moved as far as another take would be."""
    held = truth.index.segment.columns
    vectors = held.vectors[rng.choice(len(held), count, replace=False)].astype(np.float32)
    vectors += 0.5 * rng.standard_normal(vectors.shape).astype(np.float32) / np.float32(np.sqrt(vectors.shape[1]))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def kinds(truth: Snapshot, rng: np.random.Generator) -> dict[str, dict[str, Ids]]:
    games, characters = truth.clips.games, truth.characters.ids
    return {
        "no filter": {},
        "one game": {"games": rng.choice(games, 1)},
        "10 % of the games": {"games": np.sort(rng.choice(games, max(1, len(games) // 10), replace=False))},
        "without one game": {"games": games[1:]},
        "one character": {"characters": rng.choice(characters, 1)},
    }


def asked(libraries: tuple[Library, Library], queries: np.ndarray) -> dict[str, Any]:
    """Whole searches by character: time of each, and how many answers are equal."""
    took: tuple[list[float], list[float]] = ([], [])
    same = 0
    for query in queries:
        answers = []
        for library, times in zip(libraries, took, strict=True):
            answer, seconds = timed(
                lambda library=library, query=query: library.search_like(embedding=query.tolist()).document()
            )
            answers.append(answer)
            times.append(1e3 * seconds)
        same += answers[0] == answers[1]
    return {
        "faiss_p50_ms": round(float(np.median(took[0])), 2),
        "milvus_p50_ms": round(float(np.median(took[1])), 2),
        "equal_answers": same / len(queries),
    }


def measure(home: Path, server: Wheel) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    plain = Settings(home=home)
    with_milvus = Settings(home=home / "milvus", database_url=str(plain.url), index_url=SecretStr(server.url))
    figures: dict[str, Any] = {}
    with Library(plain) as faiss, Library(with_milvus) as milvus:
        figures["fill"] = _shown("filled from the log", filled(milvus, server))
        change(faiss, rng)
        _, seconds = timed(milvus.refresh)
        figures["changes_s"] = _shown("deletions, new labels and profiles, s", round(seconds, 1))
        faiss.refresh()
        truth = follow(faiss.catalog, faiss.space, None)
        verified, seconds = timed(lambda: milvus.verify(deep=True))
        figures["verify"] = _shown("verify --deep", {"ok": verified.ok, "s": round(seconds, 1)})
        queries = lines(truth, rng, server.searches)
        figures["clips"] = truth.clips.clips
        for kind in ("flat", "lists"):
            if kind == "lists":
                collections.FLAT_CLIPS = 0  # as a catalog of more clips
                _, seconds = timed(milvus.build_index)
                figures["build_lists_s"] = _shown("made anew with lists, s", round(seconds, 1))
            kept = milvus.ready.snapshot.clips
            figures[kind] = {
                name: _shown(f"{kind}, {name}", compared(kept, truth.clips, queries, filters))
                for name, filters in kinds(truth, np.random.default_rng(1)).items()
            }
            figures[kind]["by character"] = _shown(f"{kind}, search by character", asked((faiss, milvus), queries))
        collection = MilvusViews(milvus.catalog, Server(server.url)).collection(milvus.space)
        collection.delete(truth.clips.ids[100:101])
        found = milvus.verify()
        figures["a row taken out"] = _shown("a row taken out", {"ok": found.ok, "missing": found.index.missing})
    return figures


def _shown(what: str, found: Any) -> Any:
    print(f"{what:40} {found}", flush=True)
    return found


def main() -> None:
    parser = measuring.arguments(__doc__)
    parser.add_argument("--lite", metavar="PROGRAM")
    chosen = parser.parse_args()
    with measuring.simulated(chosen.home, chosen.clips) as home, wheel(chosen.lite) as (server, started):
        print(f"Milvus started in {started:.1f} s.")
        figures = measure(home, server) | {"start_s": round(started, 1)}
    measuring.report(f"{chosen.clips:,} simulated clips of 192 dimensions (scripts/simulate.py)", figures)


if __name__ == "__main__":
    main()
