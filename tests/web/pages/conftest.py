"""A real server with real voices, and a headless Chromium that fails a test for any word to another host."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from end_to_end import running
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

#: Violations that keep people from using a page.
SERIOUS = ("serious", "critical")
ARGUMENTS = (
    "--no-sandbox",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",  # asks nobody whether the microphone may be used
)
LIMIT_MS = 60_000  # for any one wait: only a hang takes as long
#: Lines of two seconds would be over before a machine under load has looked whether they play.
SLOWLY = """const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  this.playbackRate.value = 1 / 64;
  start.apply(this, when);
};"""


@pytest.fixture(scope="module")
def chromium(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for the tests of a file: while there is one, no other test can run an event loop of its own. Its
    microphone hears one of the bundled lines, again and again.
    """
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is installed: `apt install chromium`")
    heard = tmp_path_factory.mktemp("microphone") / "line.wav"
    soundfile.write(heard, *soundfile.read(clip))
    microphone = f"--use-file-for-fake-audio-capture={heard}"
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, microphone])
        yield browser
        browser.close()


@dataclass(slots=True)
class Visit:
    """A browser window at the server, and all that went wrong in it."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def check_accessible(self) -> None:
        """axe finds nothing serious on the page as it is now."""
        found = Axe().run(self.page).response["violations"]
        wrong = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]
        assert wrong == [], self.page.url


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(chromium: Browser) -> Iterator[Visiting]:
    """Opens windows, each with its own cookies; the test fails for what went wrong in any of them.

    That is: an error on the console, which violations of the Content-Security-Policy are too, an exception that nobody
    caught, and a request to another host. Lines play slowly unless a window is asked for with `slowly=False`.
    """
    windows: list[tuple[BrowserContext, Visit]] = []

    def visit(url: str, *, slowly: bool = True, **options: object) -> Visit:
        context = chromium.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
        context.set_default_timeout(LIMIT_MS)
        if slowly:
            context.add_init_script(SLOWLY)
        opened = Visit(context.new_page(), url)
        host = urlsplit(url).netloc

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                opened.wrong.append(f"asked {request.url}")

        context.on("request", asked)
        opened.page.on("console", lambda message: message.type == "error" and opened.wrong.append(message.text))
        opened.page.on("pageerror", lambda error: opened.wrong.append(str(error)))
        windows.append((context, opened))
        return opened

    yield visit
    for context, _ in windows:
        context.close()
    assert [window.wrong for _, window in windows if window.wrong] == []


@pytest.fixture(scope="session")
def ready(server: running.Server) -> running.Server:
    """The server with the bundled voices, once it answers searches."""
    return once_ready(server)


def once_ready(server: running.Server) -> running.Server:
    """A server, once it answers searches: before, browsers report its 503 as an error."""
    while server.client.get("/readyz").status_code == 503:
        pass
    return server


@pytest.fixture
def visit(visiting: Visiting, ready: running.Server) -> Visit:
    """A window at the server with the bundled voices."""
    return visiting(ready.url)
