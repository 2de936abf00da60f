#!/usr/bin/env python3
"""Measures the pages in headless Chromium: when each is first painted, what it loads, and a search on the page.

Loads are first visits, each in a window with an empty cache. The peer of their first paint is /healthz, one line of
text: what the browser itself takes.

A search begins with the change of a filter, or with a file that is dropped on the page: one of the catalog's lines,
decoded and embedded anew. It is "shown" when the new matches of the first window are in the page, "painted" when the
next frame is, and "whole" when all matches are there. Its peer is "api": in turn with the searches, the same request
by the same page, which does nothing else meanwhile, from the call until the answer's text is in hand. Both are sent
and read in the same way, so what is between them is the page's own work; the browser's part in asking is in both.
"filter" changes a filter that leaves the first matches as they are. "game" excludes the game of the second match, or
allows it again, so that the first matches change. What was typed is painted before either change begins, and no
developer tools listen to their requests (unwatched.py).

"own request" and "api request" are the two requests as the browser notes them, from its start to the last byte. These
notes leave out what any page waits before and after them, 0.6 to 1 ms in all (2 cores, Chromium 156).

The server has the bundled voices unless --home names another catalog.
Example: scripts/bench_pages.py --loads 20 --searches 50

Prints tables and, as the last line, a JSON object.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import measuring
from playwright.sync_api import Browser, sync_playwright
from unwatched import UnwatchedWindow

from speaker_search.demo.tour import VOICES
from speaker_search.web.pages.page_table import PAGES

BARE = "/healthz"
PATHS = (BARE, *(page.path.replace("{id}", "1") for page in PAGES), "/docs")
ASKED, SOUND = "/search?clip=53", "/v1/clips/53/audio"
WARMING = 5  # searches before those that count
PAUSE_MS = 300  # between searches, for the sounds of the one before
LOADED = """async () => {
  const painted = await new Promise((resolve) => {
    const look = (list) => {
      const found = list.getEntriesByName("first-contentful-paint")[0];
      if (found) resolve(found.startTime);
    };
    new PerformanceObserver(look).observe({type: "paint", buffered: true});
  });
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const counted = all.filter((one) => !/\\/audio$|^.+\\/v1\\/.*map$/.test(one.name));
  const bytes = counted.reduce((sum, one) => sum + one.transferSize, 0);
  return {painted, bytes, requests: counted.length};
}"""
TOOK = """
  const took = async () => {
    for (;;) {
      const one = performance.getEntriesByType("resource").find(({name}) => name.endsWith("/v1/search"));
      if (one) return one.responseEnd - one.startTime;
      await new Promise((resolve) => setTimeout(resolve, 10)); // the browser may note it after the page has the answer
    }
  };"""
NOTED = """() => {
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (body) {
    window.latest = body;
    send.call(this, body);
  };
}"""
FILTERED = """
  const field = document.getElementById("min-clips");
  field.value = field.value === "1" ? 2 : 1;
  const change = () => field.dispatchEvent(new Event("change"));"""
EXCLUDED = """
  const field = document.getElementById("exclude_game");
  const chosen = document.querySelector("#exclude_game-chosen button");
  if (!chosen) field.value = document.querySelectorAll("#answer .match")[1].querySelector("p a").textContent;
  const change = () => (chosen ? chosen.click() : field.dispatchEvent(new Event("change")));"""
SEARCHED = (
    TOOK
    + """
  const answer = document.getElementById("answer");
  const verdict = () => answer.querySelector(".verdict"); // each answer's own, put in with its first matches
  const before = verdict();
  const has = (test) => new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!test()) return;
      observer.disconnect();
      resolve(performance.now());
    });
    observer.observe(answer, {childList: true, subtree: true, attributes: true});
  });
  const shown = has(() => ![before, null].includes(verdict()));
  const whole = has(() => ![before, null].includes(verdict()) && !answer.matches(".is-old"));
  performance.clearResourceTimings();
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50))); // the field is painted
  const begun = performance.now();
  change();
  const times = {shown: (await shown) - begun};
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  times.painted = performance.now() - begun;
  times.whole = (await whole) - begun;
  times["own request"] = await took();
  return times;
}"""
)
ASK = """
  const asked = (body, headers) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const length = () => Number(request.getResponseHeader("Content-Length"));
    const bytes = () => new TextEncoder().encode(request.responseText).length;
    request.onreadystatechange = () => {
      const now = performance.now();
      if (request.status >= 400) reject(new Error(`The server refuses the search: ${request.status}.`));
      if (request.readyState >= XMLHttpRequest.LOADING && bytes() === length()) resolve(now);
    };
    request.onerror = () => reject(new Error("The server does not answer."));
    request.open("POST", "/v1/search");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });"""
ANSWERED = (
    "async () => {"
    + TOOK
    + ASK
    + """
  const body = window.latest;
  performance.clearResourceTimings();
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
  const begun = performance.now();
  const api = (await asked(body, {"Content-Type": "application/json"})) - begun;
  return {api, "api request": await took()};
}"""
)

DROPPED = (
    "async (sound) => {"
    + TOOK
    + ASK
    + """
  const heard = await fetch(sound);
  if (!heard.ok) throw new Error(`The sound of ${sound} cannot be had.`);
  const file = new File([await heard.blob()], "line.ogg");
  const data = new DataTransfer();
  data.items.add(file);
  const shown = new Promise((resolve) => {
    const look = () => document.querySelector("#answer .match") && resolve(performance.now());
    new MutationObserver(look).observe(document.getElementById("answer"), {childList: true, subtree: true});
  });
  performance.clearResourceTimings();
  const begun = performance.now();
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
  const times = {shown: (await shown) - begun};
  times["own request"] = await took();
  await new Promise((resolve) => setTimeout(resolve, 500));
  performance.clearResourceTimings();
  const body = new FormData();
  body.append("audio", file);
  const alone = performance.now();
  times.api = (await asked(body, {})) - alone;
  times["api request"] = await took();
  return times;
}"""
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder of a catalog with a clip 53; by default the bundled voices")
    parser.add_argument("--loads", type=int, default=20, help="of each page")
    parser.add_argument("--searches", type=int, default=50)
    parser.add_argument("--language", default="ja", help="of the browser: ja or en")
    chosen = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("No Chromium is installed: `apt install chromium`.")
    with (
        tempfile.TemporaryDirectory() as passing,
        sync_playwright() as playwright,
        measuring.serving(chosen.home or bundled(Path(passing))) as (_, url),
    ):
        arguments = ["--no-sandbox", "--window-size=1280,800", f"--accept-lang={chosen.language}"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        search = searches(browser, url, chosen)
        figures = {"pages": loads(browser, url, chosen), "search": search}
        browser.close()
    measuring.report("bundled voices" if chosen.home is None else str(chosen.home), figures)


def bundled(home: Path) -> Path:
    """A folder with a catalog of the bundled voices."""
    command = [sys.executable, "-m", "speaker_search", "ingest", str(VOICES), "--json"]
    subprocess.run(command, env={**os.environ, "SPKSEARCH_HOME": str(home)}, stdout=subprocess.DEVNULL)
    return home


def loads(browser: Browser, url: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """First paint in milliseconds, kilobytes and requests of each page, the pages in turn."""
    taken: dict[str, list[dict[str, float]]] = {path: [] for path in PATHS}
    for _ in range(chosen.loads):
        for path, rows in taken.items():
            context = browser.new_context(locale=chosen.language)
            page = context.new_page()
            page.goto(url + path, wait_until="load")
            page.wait_for_timeout(PAUSE_MS)
            rows.append(page.evaluate(LOADED))
            context.close()
    return {path: measuring.shown(path, of_loads(rows)) for path, rows in taken.items()}


def of_loads(rows: list[dict[str, float]]) -> dict[str, float]:
    return {
        **measuring.quantiles([row["painted"] / 1e3 for row in rows]),
        "kb": round(max(row["bytes"] for row in rows) / 1e3, 1),
        "requests": int(max(row["requests"] for row in rows)),
    }


def searches(browser: Browser, url: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Searches on the page and the API's answers alone, in turn, in milliseconds."""
    found: dict[str, Any] = {}
    for name, change in {"filter": FILTERED, "game": EXCLUDED}.items():
        rows: list[dict[str, float]] = []
        with UnwatchedWindow(browser, url + ASKED) as window:
            window.wait_for("#answer:not(.is-old) .match")
            window.evaluate(NOTED)
            for _ in range(WARMING + chosen.searches):
                window.wait(PAUSE_MS)
                row = window.evaluate(f"async () => {{{change}{SEARCHED}")
                window.wait(PAUSE_MS)
                rows.append({**row, **window.evaluate(ANSWERED)})
        found[name] = of_searches(name, rows[WARMING:])
    dropped: list[dict[str, float]] = []
    for _ in range(WARMING + chosen.searches):
        page = browser.new_page(locale=chosen.language)
        page.goto(url + "/search", wait_until="networkidle")
        dropped.append(page.evaluate(DROPPED, SOUND))
        page.close()
    return {**found, "drop": of_searches("drop", dropped[WARMING:])}


def of_searches(name: str, counted: list[dict[str, float]]) -> dict[str, Any]:
    found = {part: measuring.quantiles([row[part] / 1e3 for row in counted]) for part in counted[0]}
    for part, row in found.items():
        measuring.shown(f"{name}: {part}", row)
    ratios = {
        f"{part}_to_{peer}": round(statistics.median(row[part] / row[peer] for row in counted), 2)
        for part in ("shown", "painted", "whole")
        if part in counted[0]
        for peer in ("api", "own request", "api request")
    }
    return {**found, **measuring.shown(f"{name}: ratio", ratios)}


if __name__ == "__main__":
    main()
