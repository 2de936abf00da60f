#!/usr/bin/env python3
"""Measures how long the listening queue's page takes from an answer's key until the next pair is heard, in headless
Chromium: a hundred pairs in ten minutes are 6 s a pair, and what the page leaves of them is for listening.

The catalog is simulated, its clips are played as the bundled voices, and answers are the simulated truth.
Example: scripts/bench_queue.py --pairs 100
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import simulate
from measuring import serving
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select, update

import speaker_search
from speaker_search.catalog import tables
from speaker_search.catalog.database import open_catalog
from speaker_search.settings import Settings

VOICES = Path(speaker_search.__file__).parent / "demo" / "voices"
CLIPS, CHARACTERS = 4_000, 1_000
#: Few clips, far from their roles, and roles far from their actors: that leaves voices in doubt, and pairs to judge.
simulate.ROLE, simulate.TAKE = 1.0, 1.6
BUDGET_S = 6.0  # a pair, for a hundred in ten minutes
LIMIT_MS = 20_000  # for one pair
#: Notes the time from each answer's key until the next sound starts.
NOTING = """
localStorage.setItem("spksearch_author", "bench");
window.taken = [];
let began = null;
addEventListener("keydown", ({key}) => "sd".includes(key) && (began = performance.now()), true);
const {start} = AudioBufferSourceNode.prototype;
AudioBufferSourceNode.prototype.start = function (...given) {
    if (began !== null) taken.push(performance.now() - began);
    began = null;
    return start.apply(this, given);
};
"""
UNTIL = """([count, limit]) => new Promise((done, fail) => {
    setTimeout(() => fail(new Error(`The next pair after ${count - 1} was not heard.`)), limit);
    const look = () => (taken.length >= count ? done() : setTimeout(look, 1));
    look();
})"""
SHOWN = "[...document.querySelectorAll('.listening .pair h2 a')].map((one) => Number(one.href.split('/').pop()))"


def fill(home: Path, folder: Path) -> None:
    """Simulate a catalog, and have every clip of it be one of the bundled voices."""
    sounds = [path for path in sorted(VOICES.rglob("*.ogg")) if path.read_bytes().startswith(b"OggS")]
    catalog = open_catalog(Settings(home=home).url)
    simulate.fill(catalog, CLIPS, characters=CHARACTERS)
    with catalog.write() as connection:
        connection.execute(update(tables.roots).values(path=str(folder)))
        paths = connection.execute(select(tables.clips.c.path)).scalars().all()
    catalog.close()
    for number, path in enumerate(paths):
        shutil.copyfile(sounds[number % len(sounds)], folder / path)


def answered(page: Page, url: str, pairs: int, actors: np.ndarray) -> list[float]:
    """The milliseconds of each answer, given as soon as a pair is heard."""
    page.add_init_script(NOTING)
    page.goto(f"{url}/queue")
    page.locator(".listening .pair .line").first.wait_for(timeout=LIMIT_MS)
    for done in range(1, pairs + 1):
        one, other = page.evaluate(SHOWN)
        page.keyboard.press("s" if actors[one - 1] == actors[other - 1] else "d")
        page.evaluate(UNTIL, [done, LIMIT_MS])
    return [float(one) for one in page.evaluate("taken")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    asked = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("No Chromium is installed: `apt install chromium`.")
    actors = simulate.world(CLIPS, characters=CHARACTERS).actors
    with tempfile.TemporaryDirectory() as folder:
        home, sounds = Path(folder, "home"), Path(folder, "sounds")
        home.mkdir()
        sounds.mkdir()
        fill(home, sounds)
        with serving(home) as (_, url), sync_playwright() as playwright:
            window = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--mute-audio"])
            began = time.perf_counter()
            taken = answered(window.new_page(), url, asked.pairs, actors)
            whole_s = time.perf_counter() - began
            window.close()
    p50, p95, most = (float(np.percentile(taken, share)) for share in (50, 95, 100))
    left_s = BUDGET_S - sum(taken) / len(taken) / 1000
    print(f"{len(taken)} pairs answered in {whole_s:.1f} s without listening")
    print(f"from the key to the next pair's sound: {p50:.0f} ms, p95 {p95:.0f} ms, at most {most:.0f} ms")
    print(f"left to listen, of {BUDGET_S:g} s a pair: {left_s:.2f} s")
    figures = {
        "pairs": len(taken),
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "max_ms": round(most, 1),
        "left_to_listen_s": round(left_s, 2),
    }
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"{CHARACTERS:,} simulated characters with the bundled voices as sounds"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
