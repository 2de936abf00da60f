"""Pictures of every page with the bundled voices, `scripts/screenshots FOLDER`, or of those in the README."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.server import listen, server_of

VOICES = Path(__file__).resolve().parents[1] / "speaker_search" / "demo" / "voices"
ENCODER = "campplus"


@dataclass(frozen=True)
class Shot:
    """A page as it is shown: its address, and what to wait for before the picture is taken."""

    name: str
    path: str
    wait_for: str = "h1"


SHOTS = (
    Shot("start", "/", "#catalog-size strong"),
    Shot("search", "/search?clip=1&exclude_game=星降る坂の約束", ".match .line"),
    Shot("queue", "/queue", "#queue h2"),
    Shot("voices", "/voices", ".voice"),
    Shot("game", "/games/3", ".likely-voice"),
    Shot("character", "/characters/13", ".near"),
    Shot("audit", "/credits/audit", "#audit h2"),
    Shot("map", "/map", "#map[data-shown]"),
    Shot("library", "/library", "#library[data-shown] tbody tr"),
    Shot("help", "/help"),
)
#: Language, colours, width and height.
WINDOWS = (
    ("en", "light", 1280, 860),
    ("ja", "light", 1280, 860),
    ("ja", "dark", 1280, 860),
    ("ja", "light", 390, 844),
    ("en", "dark", 390, 844),
)
#: The README's pictures, in the first of these windows, as small files.
GALLERY = Path(__file__).parent / "gallery"
IN_GALLERY = ("search", "queue", "voices", "map")
JPEG_QUALITY = 75
COMPARISON_SCALE = 0.7  # of the picture of a comparison, which ends after its first chart
STILL_MS = 400  # until waveforms are drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="where they go, as NAME-LANGUAGE-COLOURS-WIDTH.png; else the README's are made",
    )
    parser.add_argument("--url", help="a server that runs already, instead of one with the bundled voices")
    parser.add_argument("--comparison", type=Path, help="a page of `spksearch compare --out`: take the README's of it")
    parser.add_argument("--only", choices=[shot.name for shot in SHOTS], help="one page")
    arguments = parser.parse_args()
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("There is no Chromium here. Install one, for example `apt install chromium`.")
    wanted = IN_GALLERY if arguments.folder is None else [shot.name for shot in SHOTS]
    shots = [shot for shot in SHOTS if shot.name in wanted and arguments.only in (None, shot.name)]
    (arguments.folder or GALLERY).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        if arguments.comparison:
            take_comparison(browser, arguments.comparison.resolve())
            return
        if arguments.url:
            take(browser, arguments.url, shots, arguments.folder)
            return
        with tempfile.TemporaryDirectory() as home, serving(Path(home)) as url:
            take(browser, url, shots, arguments.folder)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of a server with the bundled voices, until the end of the context."""
    with Library(Settings(home=home, encoder=ENCODER)) as library:
        library.ingest([VOICES])
        library.prepare()
        library.warm_up()
        patience = Patience()
        listener = listen("127.0.0.1", 0)
        server = server_of(create_app(library, patience=patience), patience)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def take(browser: Browser, url: str, shots: list[Shot], folder: Path | None) -> None:
    """Take each picture in each of the WINDOWS, or those of the README."""
    for language, colours, width, height in WINDOWS if folder else WINDOWS[:1]:
        size = {"width": width, "height": height}
        context = browser.new_context(locale=language, color_scheme=colours, viewport=size, reduced_motion="reduce")
        page = context.new_page()
        for shot in shots:
            page.goto(url + shot.path)
            page.locator(shot.wait_for).first.wait_for()
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(STILL_MS)
            if folder:
                page.screenshot(path=folder / f"{shot.name}-{language}-{colours}-{width}.png")
            else:
                page.screenshot(path=GALLERY / f"{shot.name}.jpg", type="jpeg", quality=JPEG_QUALITY)
        context.close()


def take_comparison(browser: Browser, report: Path) -> None:
    """The README's picture of a comparison: its tables and its first chart."""
    page = browser.new_page(viewport={"width": 1200, "height": 900}, device_scale_factor=COMPARISON_SCALE)
    page.goto(report.as_uri())
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(STILL_MS)
    chart = page.locator("figure:has(canvas)").first.bounding_box() or {"y": 0, "height": 900}
    clip = {"x": 0, "y": 0, "width": 1200, "height": chart["y"] + chart["height"]}
    page.screenshot(path=GALLERY / "compare.jpg", type="jpeg", quality=JPEG_QUALITY, full_page=True, clip=clip)


if __name__ == "__main__":
    main()
