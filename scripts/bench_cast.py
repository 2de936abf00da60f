#!/usr/bin/env python3
"""Measures how long it takes to find the recurring voices of a large catalog, and how much memory.

Then a game is added: `follow_s` is taking its clips into the views and calibrating the scores again, `update_s` linking
its characters alone, and `afresh_s` linking all characters anew. `same` are voices that the game left as they were.

Example: scripts/bench_cast.py --characters 7357 20000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
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


def work(home: Path, characters: int) -> dict[str, Any]:
    """Open a catalog for the first time and link its characters. Runs in a process of its own, for its peak memory."""
    settings = Settings(home=home)
    cast = simulate.world(characters * CLIPS_PER_CHARACTER, characters=characters)
    with Library(settings) as library:
        began = time.monotonic()
        library.prepare()
        opened = time.monotonic()
        found = library.cast()
        linked = time.monotonic()
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
        "seconds": round(linked - opened, 1),
        "peak_mib": peak,
        "f1": f1_of(found, cast),
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


def f1_of(found: Cast, cast: simulate.World) -> float:
    voices = -1 - np.arange(len(cast.actors))  # the unlinked are voices of their own
    for voice in found.voices:
        voices[[character.id - 1 for character, _ in voice.members]] = voice.id
    heard = np.array([character.id - 1 for character in found.unlinked], np.int64)
    heard = np.union1d(heard, np.flatnonzero(voices > 0))
    agreement = metrics.bcubed(voices[heard], cast.actors[heard])
    return round(metrics.f1(agreement.precision, agreement.recall), 3)


def measure(characters: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        catalog = open_catalog(Settings(home=Path(home)).url)
        clips = characters * CLIPS_PER_CHARACTER
        simulate.fill(catalog, clips, characters=characters, without_last_game=True)
        catalog.close()
        child = [sys.executable, __file__, "--work", home, "--characters", str(characters)]
        figures: dict[str, Any] = json.loads(subprocess.run(child, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, nargs="+", default=[7_357])
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        print(json.dumps(work(chosen.work, chosen.characters[0])))
        return
    figures = {}
    for characters in chosen.characters:
        found = figures[characters] = measure(characters)
        if len(figures) == 1:
            print("characters", *found, sep="\t")
        print(f"{characters:,}", *found.values(), sep="\t")
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"simulated characters with {CLIPS_PER_CHARACTER} clips each on average"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
