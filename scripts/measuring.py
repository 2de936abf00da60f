"""What benchmarks share: simulated catalogs, servers, quantiles, and the JSON that they end with."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import simulate

from speaker_search.catalog.database import open_catalog
from speaker_search.settings import Settings

STOP_S = 60.0  # that a server may take to end


def arguments(about: str | None) -> argparse.ArgumentParser:
    """The flags of a benchmark on a simulated catalog."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="a catalog of scripts/simulate.py, made there if there is none")
    return parser


@contextmanager
def simulated(home: Path | None, clips: int) -> Iterator[Path]:
    """A folder with a simulated catalog of that many clips: the one given, filled if it has none, or a passing one."""
    with tempfile.TemporaryDirectory() as passing:
        home = home or Path(passing)
        if not (home / "catalog.db").exists():
            home.mkdir(parents=True, exist_ok=True)
            catalog = open_catalog(Settings(home=home).url)
            simulate.fill(catalog, clips)
            catalog.close()
        yield home


@contextmanager
def serving(home: Path, processes: int = 1) -> Iterator[tuple[psutil.Process, str]]:
    """A server on a free port of this machine, and its address, once it answers."""
    words = ["--processes", str(processes)] if processes > 1 else []
    environment = {**os.environ, "SPKSEARCH_HOME": str(home)}
    command = [sys.executable, "-m", "speaker_search", "serve", "--port", "0", *words]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None  # noqa: S101
    try:
        address = next((line for line in server.stderr if line.startswith("Serving")), "")
        found = re.search(r"http://[^\s;,]+", address)
        if found is None:
            raise SystemExit("The server did not start.")
        threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop it
        yield psutil.Process(server.pid), found[0]
    finally:
        server.terminate()
        server.wait(STOP_S)


def family(server: psutil.Process) -> list[psutil.Process]:
    """A server and the processes that it started."""
    return [server, *server.children(recursive=True)]


def cpu_s(server: psutil.Process) -> float:
    """CPU time of a server's processes so far."""
    return sum(sum(one.cpu_times()[:2]) for one in family(server))


def memory_mib(server: psutil.Process) -> int:
    """Memory of a server's processes, without what they share and the index's map, which is the page cache's."""
    return int(sum(one.memory_full_info().uss for one in family(server))) >> 20


def quantiles(took: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile of seconds, in milliseconds."""
    return {f"p{q}_ms": round(1e3 * float(np.quantile(took, q / 100)), 2) for q in (50, 95, 99)}


def shown(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Print a line of figures, and return them."""
    print(f"{name:28}", *(f"{key} {value}" for key, value in found.items()), flush=True)
    return found


def report(data: str, figures: dict[str, Any]) -> None:
    """Print the last line of a benchmark: machine, data, command and figures as JSON."""
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))
