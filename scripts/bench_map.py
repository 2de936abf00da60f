#!/usr/bin/env python3
"""Measures the voice map in headless Chromium with software rendering: frames a second while it is moved, first paint.

The page is the server's own; its map is made up, with as many characters as asked for. It is panned and zoomed by
events, one for each frame, and the frames are counted, with the processor time that each takes in all of the browser's
processes: it says more where other programs run. Example: scripts/bench_map.py --points 100000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn
from playwright.sync_api import CDPSession, Page, sync_playwright

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app

SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WINDOW = {"width": 1280, "height": 900}
SEED = 5

POINTING = "point at another"  # a new card in every frame; no movement
#: What the events of a frame are, by what is measured. `turn` counts frames from 0 on.
MOVES = {
    "pan, all in sight": "drag(6 * Math.cos(turn / 9), 6 * Math.sin(turn / 9))",
    "zoom in and out": "wheel(turn % 120 < 60 ? -16 : 16)",
    "pan and zoom": "drag(5 * Math.cos(turn / 7), 3); wheel(turn % 160 < 80 ? -10 : 10)",
    POINTING: "hover(0.5 + 0.3 * Math.cos(turn / 11), 0.5 + 0.3 * Math.sin(turn / 13))",
}
MOVING = """async (seconds) => {
    const map = document.getElementById("map-window");
    const box = map.getBoundingClientRect();
    const at = {left: box.left + box.width / 2, top: box.top + box.height / 2};
    map.setPointerCapture = () => {};  // there is no pointer to capture
    const send = (kind, more) => {
        const event = {bubbles: true, pointerId: 7, clientX: at.left, clientY: at.top, ...more};
        map.firstElementChild.dispatchEvent(new PointerEvent(kind, event));
    };
    let pressed = false;
    const drag = (right, down) => {
        if (!pressed) send("pointerdown", {button: 0});
        pressed = true;
        at.left += right;
        at.top += down;
        send("pointermove", {});
    };
    const within = (right, down) => ({clientX: box.left + right * box.width, clientY: box.top + down * box.height});
    const turned = (deltaY) => new WheelEvent("wheel", {deltaY, cancelable: true, ...within(0.5, 0.5)});
    const wheel = (deltaY) => map.dispatchEvent(turned(deltaY));
    const hover = (right, down) => send("pointermove", {pointerId: 8, ...within(right, down)});
    const step = (turn) => { MOVE };
    const times = [];
    for (let turn = 0, began = performance.now(); performance.now() - began < 1000 * seconds; turn++) {
        step(turn);
        times.push(await new Promise(requestAnimationFrame));
    }
    if (pressed) send("pointerup", {});
    return times;
}"""


def made_up(points: int) -> dict[str, object]:
    """A map of this many characters in 200 heaps, as the API answers it."""
    rng = np.random.default_rng(SEED)
    heaps = rng.random((200, 2))
    places = heaps[rng.integers(len(heaps), size=points)] + rng.normal(0, 0.035, (points, 2))
    places = (places - places.min(axis=0)) / (places.max(axis=0) - places.min(axis=0))
    games = max(1, points // 12)
    voices = rng.integers(max(1, points // 8), size=points)
    return {
        "encoder": "made-up",
        "better": False,
        "x": places[:, 0].round(4).tolist(),
        "y": places[:, 1].round(4).tolist(),
        "ids": list(range(1, points + 1)),
        "names": [f"登場人物 {number}" for number in range(points)],
        "games": (np.arange(points) % games).tolist(),
        "voices": [int(voice) + 1 if voice % 3 else None for voice in voices],
        "sexes": [("f", "m", None)[voice % 3] for voice in voices],
        "clips": rng.integers(1, 900, points).tolist(),
        "of_games": [
            {"id": n + 1, "title": f"作品 {n}", "maker": {"id": n % 150 + 1, "name": f"メーカー {n % 150}"}}
            for n in range(games)
        ],
        "inference": "",
    }


@contextmanager
def served() -> Iterator[str]:
    """The address of a server on an empty catalog."""
    with tempfile.TemporaryDirectory() as home, Library(Settings(home=Path(home))) as library:
        server = uvicorn.Server(uvicorn.Config(create_app(library), port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join()


def processor_ms(browser: CDPSession) -> float:
    """The processor time that all processes of a browser have taken so far."""
    found = browser.send("SystemInfo.getProcessInfo")["processInfo"]
    return 1000 * sum(one["cpuTime"] for one in found)


def measure(page: Page, browser: CDPSession, url: str, points: int, seconds: float) -> dict[str, object]:
    body = json.dumps(made_up(points), ensure_ascii=False)
    page.route("**/v1/map", lambda route: route.fulfill(body=body, content_type="application/json"))
    page.goto(f"{url}/map")
    page.locator("#map[data-shown]").wait_for(timeout=120_000)
    shown_ms = page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    paint_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"first paint after {paint_ms:.0f} ms, {points:,} points after {shown_ms:.0f} ms, {len(body) / 1e6:.1f} MB")
    print(f"{'movement':20} {'frames/s':>10} {'median ms':>10} {'p95 ms':>8} {'CPU ms':>8}")
    found: dict[str, object] = {"first_paint_ms": round(paint_ms), "points_drawn_ms": round(shown_ms)}
    moves = {}
    for name, move in MOVES.items():
        before = processor_ms(browser)
        times = np.diff(page.evaluate(MOVING.replace("MOVE", move), seconds))
        rate = 1000 / float(times.mean())
        p50, p95 = (float(np.percentile(times, share)) for share in (50, 95))
        used = (processor_ms(browser) - before) / (len(times) + 1)
        moves[name] = {
            "frames_per_s": round(rate, 1), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "cpu_ms": round(used, 1)
        }  # fmt: skip
        print(f"{name:20} {rate:10.1f} {p50:10.1f} {p95:8.1f} {used:8.1f}")
    return {
        **found,
        "frames_per_s": min(one["frames_per_s"] for name, one in moves.items() if name != POINTING),
        "moves": moves,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each movement")
    asked = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("No Chromium is installed: `apt install chromium`.")
    with served() as url, sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", *SOFTWARE])
        page = window.new_page(viewport=WINDOW)
        found = measure(page, window.new_browser_cdp_session(), url, asked.points, asked.seconds)
        drawn_by = page.locator("#map").get_attribute("data-drawn-by")
        window.close()
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"{asked.points:,} made-up characters in a window of {WINDOW['width']} x {WINDOW['height']}"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), "drawn_by": drawn_by, **found}))


if __name__ == "__main__":
    main()
