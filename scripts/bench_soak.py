#!/usr/bin/env python3
"""Has many clients search a server for minutes while another program ingests, and says what they saw.

Works on a copy of a catalog with voices. Counted are errors, torn answers (a match without lines, twice, or out of
order) and stale ones (a character with fewer clips than the same client saw before), times, and the server's memory.
Example: scripts/bench_soak.py --home ~/voices/catalog --ingest ~/voices/new_game --seconds 300
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import measuring
import psutil

CLIENTS = 32
SECONDS = 300.0
INGEST_AFTER = 0.1  # of the time
KNOWN_CLIPS = 1_000  # that are searched for
NOTED_S = 0.5  # between looks at memory and index
READY_S = 120.0  # for the server to start: a catalog without voices, or whose encoder is missing, is never ready
GIVE_UP_S = 600.0  # after the searches, for the ingest to end
INDEX = re.compile(r"^spksearch_index_clips (\S+)", re.MULTILINE)
AGE = re.compile(r"^spksearch_index_age_seconds (\S+)", re.MULTILINE)


@dataclass
class Seen:
    """What all clients saw."""

    took: list[tuple[float, float]] = field(default_factory=list)  # when a search ended, and how long it took
    errors: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def client(address: str, clips: list[int], number: int, end: float, seen: Seen) -> None:
    """Search until then, each time as soon as the answer is there."""
    rng, place, known = random.Random(number), urlsplit(address), dict[int, int]()
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    while time.monotonic() < end:
        began, asked = time.monotonic(), rng.choice(clips)
        try:
            body = json.dumps({"like": [{"clip": asked}], "limit": 10})
            connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            whole = json.loads(answer.read())
            if answer.status != 200:
                seen.errors.append(f"{answer.status} {whole.get('type')}")
            elif fault := torn(whole):
                seen.torn.append(f"clip {asked}: {fault}")
            else:
                held = {match["character"]["id"]: match["character"]["clips"] for match in whole["matches"]}
                seen.stale += [f"character {id_}" for id_, count in held.items() if count < known.get(id_, 0)]
                known |= held
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            seen.errors.append(repr(error))
            connection.close()
        seen.took.append((time.monotonic(), time.monotonic() - began))


def torn(answer: dict[str, Any]) -> str | None:
    """What is wrong with an answer; None when nothing is."""
    matches = answer["matches"]
    scores = [match["score"] for match in matches]
    ids = [match["character"]["id"] for match in matches]
    if not matches:
        return "no match"
    if scores != sorted(scores, reverse=True):
        return "out of order"
    if len(set(ids)) < len(ids):
        return "a character twice"
    if not all(
        match["hits"] and match["character"]["name"] and match["character"]["game"]["title"] for match in matches
    ):
        return "a match without lines or names"
    return None


def metric(address: str, pattern: re.Pattern[str]) -> float:
    with urllib.request.urlopen(f"{address}/metrics") as answer:  # noqa: S310
        found = pattern.search(answer.read().decode())
    return float(found[1]) if found else 0.0


def some_clips(address: str) -> list[int]:
    with urllib.request.urlopen(f"{address}/v1/clips?state=embedded&limit={KNOWN_CLIPS}") as answer:  # noqa: S310
        return [clip["id"] for clip in json.load(answer)["clips"]]


def until_ready(address: str, server: psutil.Process) -> None:
    told, end = "", time.monotonic() + READY_S
    while server.is_running() and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/readyz").close()  # noqa: S310
        except urllib.error.HTTPError as error:
            told = error.read().decode()
            time.sleep(NOTED_S)
        except OSError:
            time.sleep(NOTED_S)
        else:
            return
    raise SystemExit(f"The server was not ready in {READY_S:.0f} s. It said: {told or 'nothing'}")


def soak(home: Path, voices: Path, clients: int, seconds: float, processes: int) -> dict[str, Any]:
    seen, ages, memory = Seen(), list[float](), list[int]()
    with measuring.serving(home, processes) as (server, address):
        until_ready(address, server)
        clips, start = some_clips(address), time.monotonic()
        end = start + seconds
        threads = [threading.Thread(target=client, args=(address, clips, n, end, seen)) for n in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(INGEST_AFTER * seconds)
        memory.append(measuring.memory_mib(server))
        command = [sys.executable, "-m", "speaker_search", "ingest", str(voices), "--json"]
        environment = {**os.environ, "SPKSEARCH_HOME": str(home)}
        ingest = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        began, ended, found = time.monotonic(), 0.0, 0.0
        while time.monotonic() < (end if found else end + GIVE_UP_S):
            time.sleep(NOTED_S)
            memory.append(measuring.memory_mib(server))
            ages.append(metric(address, AGE))
            if not ended and ingest.poll() is not None:
                ended, report = time.monotonic(), json.loads(ingest.communicate()[0])
            if ended and not found and metric(address, INDEX) >= report["catalog"]["embedded"]:
                found = time.monotonic()
        for thread in threads:
            thread.join()
    if not found:
        raise SystemExit("The ingest did not end, or the server does not find its clips.")
    beside = [took for at, took in seen.took if began <= at <= ended]
    for name in ("errors", "torn", "stale"):
        for what in sorted(set(getattr(seen, name)))[:3]:
            print(f"{name}: {what}", file=sys.stderr)
    return {
        "searches": len(seen.took),
        "errors": len(seen.errors),
        "torn": len(seen.torn),
        "stale": len(seen.stale),
        **measuring.quantiles([took for _, took in seen.took]),
        "beside_the_ingest": measuring.quantiles(beside),
        "new_clips": report["embedded"],
        "ingest_s": round(ended - began, 1),
        "found_after_s": round(found - ended, 1),
        "index_age_most_s": round(max(ages), 1),
        "memory_mib": {"at_first": memory[0], "most": max(memory), "at_last": memory[-1]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a folder with a catalog, which is copied")
    parser.add_argument("--ingest", type=Path, required=True, help="voices that are not in it")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--processes", type=int, default=1, help="of the server")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        home = Path(passing) / "home"
        shutil.copytree(chosen.home, home)
        figures = soak(home, chosen.ingest, chosen.clients, chosen.seconds, chosen.processes)
    for name, value in figures.items():
        print(f"{name:20} {value}")
    data = f"{chosen.clients} clients for {chosen.seconds:g} s beside an ingest, server processes: {chosen.processes}"
    measuring.report(data, figures)


if __name__ == "__main__":
    main()
