"""Pages of charts in a browser: they draw themselves from the file alone, and show names as text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from speaker_search.pictures.charts import Chart, Table, save

NAME = "<b>白瀬</b><img src=http://127.0.0.1:1/x onerror=alert(1)>"
LIMIT_MS = 60_000  # for any one wait: only a hang takes as long


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is installed: `apt install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page of two charts whose points fill them; the test fails for any request but its own, and for any error."""
    everywhere = {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, 2]}}
    point = {
        "title": NAME,
        "width": 300,
        "height": 300,
        "params": [{"name": "zoom", "select": "interval", "bind": "scales"}],
        "data": {"values": [{"x": 1, "name": NAME}]},
        "mark": {"type": "point", "filled": True, "size": 60_000},
        "encoding": {"x": everywhere, "y": everywhere, "tooltip": [{"field": "name", "type": "nominal"}]},
    }
    file = tmp_path / "page.html"
    save(file, NAME, [Chart(point), NAME, Table((NAME,), [(NAME,)]), Chart(point)])
    opened, wrong, asked = chromium.new_page(), [], []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    yield opened
    assert (wrong, asked) == ([], [file.as_uri()])
    opened.close()


def test_a_page_draws_every_chart_by_itself(page: Page) -> None:
    canvases = page.locator("canvas")
    expect(canvases).to_have_count(2, timeout=LIMIT_MS)
    assert page.evaluate('document.fonts.check("12px IPAexGothic", "白瀬")')
    middle = "canvas => [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]"
    for number in range(2):
        assert canvases.nth(number).evaluate(middle) != [255, 255, 255, 255]
    assert page.title() == NAME
    expect(page.get_by_role("img", name=NAME)).to_have_count(2)
    assert Axe().run(page).response["violations"] == []


def test_what_is_pointed_at_says_its_name_as_text(page: Page) -> None:
    page.locator("canvas").first.hover(timeout=LIMIT_MS)
    expect(page.locator("#vg-tooltip-element td.value")).to_have_text(NAME, timeout=LIMIT_MS)
    expect(page.locator("img, b")).to_have_count(0)
