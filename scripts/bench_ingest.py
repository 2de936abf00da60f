#!/usr/bin/env python3
"""Measures an ingest by stage: scan and register, decode, embed, store, and a second run that knows every file.

The dump is made of the demo voices: `--clips` real sounds, each varied in loudness so that no two are the same audio,
and `--files` more that are hard links to them and only registered. Prints a table, and a JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
from bench_encoder import machine_name

from speaker_search import audio
from speaker_search.audio.decoders import Decoders
from speaker_search.entities import Waveform
from speaker_search.errors import AudioError
from speaker_search.library import Library
from speaker_search.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[1]
DEMO = CHECKOUT / "speaker_search" / "demo" / "voices"
GAMES = 20
CHARACTERS = 12  # in each
LINKS = 20_000  # to one file: file systems allow some 32,000 or 65,000
SEED = 4

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1_000, help="sounds to embed")
    parser.add_argument("--files", type=int, default=0, help="further files, to register only")
    parser.add_argument("--voices", type=Path, default=DEMO, help="folder of sounds that the dump is made of")
    parser.add_argument("--encoder", default="resemblyzer")
    parser.add_argument("--database-url", help="PostgreSQL in place of SQLite; an empty database")
    parser.add_argument("--work", type=Path, help="folder for the dump and the catalog; a temporary one unless given")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        place = Path(folder)
        figures = measure(chosen, place)
    print(f"\n{'stage':44} {'seconds':>9} {'per second':>12}")
    for name, (seconds, rate) in figures.items():
        print(f"{name:44} {seconds:9.2f} {rate:12,.0f}")
    end_to_end, encoder = figures["ingest, end to end (s of audio)"], figures["encoder, in memory (s of audio)"]
    known = figures["second run, all known (files)"]
    print(
        json.dumps(
            {
                "machine": machine_name(),
                "data": f"{chosen.clips} clips of {chosen.voices.name}, {chosen.files} files to register",
                "command": shlex.join(["scripts/bench_ingest.py", *sys.argv[1:]]),
                "ratio_to_encoder": round(end_to_end[1] / encoder[1], 3),
                "files_per_s": round(figures["scan and register (files)"][1]),
                "known_files_per_s": round(known[1]),
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "stages": {name: {"seconds": seconds, "per_second": rate} for name, (seconds, rate) in figures.items()},
            }
        )
    )


def measure(chosen: argparse.Namespace, place: Path) -> dict[str, tuple[float, float]]:
    """Seconds and rate of every stage."""
    sounds = make_sounds(place / "sounds", chosen.voices, chosen.clips)
    seconds = sum(soundfile.info(path).duration for path in sounds)
    cores = os.cpu_count() or 1
    settings = Settings(home=place / "home", encoder=chosen.encoder, database_url=chosen.database_url)
    with Library(settings) as library:
        encoder = library.encoder_for_ingest()
        encoder.embed([audio.read(path).samples for path in sounds[:8]])  # kernels, caches, lazy imports
        figures: dict[str, tuple[float, float]] = {}

        def stage(name: str, amount: float, run: Callable[[], T]) -> T:
            print(f"{name} ...", file=sys.stderr, flush=True)
            began = time.perf_counter()
            done = run()
            spent = time.perf_counter() - began
            figures[name] = (round(spent, 3), amount / spent)
            return done

        with Decoders(cores) as decoders:
            decoders.submit(sounds[0]).result()
            waveforms = stage("decode, in processes (s of audio)", seconds, lambda: decode(decoders, sounds))
        samples = [waveform.samples for waveform in waveforms]
        stage("encoder, in memory (s of audio)", seconds, lambda: encoder.embed(samples))
        stage("ingest, end to end (s of audio)", seconds, lambda: library.ingest([place / "sounds"]))
        links = make_links(place / "links", sounds, chosen.files)
        files = links + chosen.clips
        paths = [place / "links", place / "sounds"] if links else [place / "sounds"]
        if links:
            stage("scan and register (files)", links, lambda: library.ingest([place / "links"], enqueue=True))
        else:
            figures["scan and register (files)"] = (0.0, 0.0)
        report = stage("second run, all known (files)", files, lambda: library.ingest(paths, enqueue=True))
        if (report.known, report.new, report.opened) != (files, 0, 0):
            sys.exit(f"The second run did not know every file: {report}")
    return figures


def decode(decoders: Decoders, sounds: list[Path]) -> list[Waveform]:
    return [future.result() for future in [decoders.submit(path) for path in sounds]]


def make_sounds(root: Path, voices: Path, count: int) -> list[Path]:
    """`count` sounds in the folders layout, no two the same."""
    originals = []
    for path in sorted(each for each in voices.rglob("*") if each.suffix.lower() in audio.AUDIO_SUFFIXES):
        with suppress(AudioError):
            audio.read(path)
            originals.append(path)
    gains = np.random.default_rng(SEED).uniform(0.5, 1.0, count)

    def write(number: int) -> Path:
        samples, rate = soundfile.read(originals[number % len(originals)])
        path = place_of(root, number).with_suffix(".ogg")
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples * gains[number], rate, format="OGG", subtype="VORBIS")
        return path

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(write, range(count)))


def make_links(root: Path, sounds: list[Path], count: int) -> int:
    """`count` files that take no room."""
    if count > LINKS * len(sounds):
        sys.exit(f"With {len(sounds)} clips there can be {LINKS * len(sounds):,} files: give more --clips.")
    for number in range(count):
        path = place_of(root, number).with_suffix(".ogg")
        if number < GAMES * CHARACTERS:
            path.parent.mkdir(parents=True, exist_ok=True)
        os.link(sounds[number % len(sounds)], path)
    return count


def place_of(root: Path, number: int) -> Path:
    game, character = number % GAMES, number // GAMES % CHARACTERS
    return root / "工房" / f"作品 {game:02}" / f"役 {character:02}" / f"voice_{number:07}"


if __name__ == "__main__":
    main()
