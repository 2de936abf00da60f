#!/usr/bin/env python3
"""Measures how long it takes to find the recurring voices of a large catalog, and how much memory.

`open_cpu_s` and `cpu_s` are the seconds of processor time in `open_s` and `seconds`, which other programs change less.

With --credited a share of the characters, drawn at random, have their true actors as credits. `again_s` is a second
call that finds nothing changed.

Then a game is added: `follow_s` is taking its clips into the views and calibrating the scores again, `update_s` linking
its characters alone, and `afresh_s` linking all characters anew. `same` are voices that the game left as they were.

Example: scripts/bench_cast.py --characters 7357 20000 --credited 0 0.2 0.8
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simulate

from speaker_search.cast.voices import Cast
from speaker_search.catalog.database import open_catalog
from speaker_search.entities import Voice
from speaker_search.evaluation import metrics
from speaker_search.library import Library
from speaker_search.settings import Settings

CLIPS_PER_CHARACTER = 4  # each embedded clip only moves its character's mean, so a few tell as much as hundreds


def work(home: Path, characters: int, share: float) -> dict[str, Any]:
    """Open a catalog for the first time and link its characters. Runs in a process of its own, for its peak memory."""
    settings = Settings(home=home)
    cast = simulate.world(characters * CLIPS_PER_CHARACTER, characters=characters)
    with Library(settings) as library:
        began, cpu = time.monotonic(), time.process_time()
        library.prepare()
        opened, cpu_opened = time.monotonic(), time.process_time()
        found = library.cast()
        linked, cpu_linked = time.monotonic(), time.process_time()
        library.cast()
        unchanged = time.monotonic()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        simulate.fill_last_game(library.catalog, characters * CLIPS_PER_CHARACTER, characters=characters)
        written = time.monotonic()
        library.refresh()
        followed = time.monotonic()
        updated = library.cast()
        done = time.monotonic()
        anew = library.cast(afresh=True)
        again = time.monotonic()
    return {
        "open_s": round(opened - began, 1),
        "open_cpu_s": round(cpu_opened - cpu, 1),
        "seconds": round(linked - opened, 1),
        "cpu_s": round(cpu_linked - cpu_opened, 1),
        "again_s": round(unchanged - linked, 3),
        "peak_mib": peak,
        "f1": f1_of(found, cast),
        "f1_uncredited": f1_of(found, cast, credited(characters, share)),
        "voices": len(found.voices),
        "follow_s": round(followed - written, 1),
        "update_s": round(done - followed, 1),
        "update_f1": f1_of(updated, cast),
        "same": len(set(found.voices) & set(updated.voices)),
        "afresh_s": round(again - done, 1),
        "afresh_f1": f1_of(anew, cast),
        "afresh_same": len(set(map(people, found.voices)) & set(map(people, anew.voices))),
    }


def people(voice: Voice) -> frozenset[int]:
    return frozenset(character.id for character, _ in voice.members)


def f1_of(found: Cast, cast: simulate.World, left_out: Sequence[int] | np.ndarray = ()) -> float:
    """B-cubed F1 of all characters, or of those that are not left out."""
    voices = -1 - np.arange(len(cast.actors))  # the unlinked are voices of their own
    for voice in found.voices:
        voices[[character.id - 1 for character, _ in voice.members]] = voice.id
    heard = np.array([character.id - 1 for character in found.unlinked], np.int64)
    heard = np.union1d(heard, np.flatnonzero(voices > 0))
    precisions, recalls = metrics.bcubed_of_each(voices[heard], cast.actors[heard])
    counted = ~np.isin(heard, left_out)
    return round(metrics.f1(precisions[counted].mean(), recalls[counted].mean()), 3)


def credited(characters: int, share: float) -> np.ndarray:
    """The places of the characters whose actors are known."""
    return np.random.default_rng(0).permutation(characters)[: round(share * characters)]


def credit(home: Path, characters: int, share: float) -> None:
    cast = simulate.world(characters * CLIPS_PER_CHARACTER, characters=characters)
    path = home / "credits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("maker", "game", "character", "voice_actor"))
        for place in credited(characters, share).tolist():
            maker, title = simulate.names(int(cast.games[place]))
            writer.writerow((maker, title, f"Character {place}", f"Actor {cast.actors[place]}"))
    with Library(Settings(home=home)) as library:
        library.import_credits(path)


def measure(characters: int, share: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        catalog = open_catalog(Settings(home=Path(home)).url)
        clips = characters * CLIPS_PER_CHARACTER
        simulate.fill(catalog, clips, characters=characters, without_last_game=True)
        catalog.close()
        if share:
            credit(Path(home), characters, share)
        child = [sys.executable, __file__, "--work", home, "--characters", str(characters), "--credited", str(share)]
        figures: dict[str, Any] = json.loads(subprocess.run(child, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, nargs="+", default=[7_357])
    parser.add_argument("--credited", type=float, nargs="+", default=[0.0], metavar="SHARE")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        print(json.dumps(work(chosen.work, chosen.characters[0], chosen.credited[0])))
        return
    figures: dict[str, Any] = {}
    for characters in chosen.characters:
        for share in chosen.credited:
            found = measure(characters, share)
            if not figures:
                print("characters", "credited", *found, sep="\t")
            print(f"{characters:,}", f"{share:.0%}", *found.values(), sep="\t", flush=True)
            figures[f"{characters}" if not share else f"{characters}, {share:.0%} credited"] = found
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"simulated characters with {CLIPS_PER_CHARACTER} clips each on average"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
