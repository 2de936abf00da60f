"""Every page: its weight, languages, light and dark, narrow windows; what the server says of them in its headers."""

from __future__ import annotations

import re

import httpx
import pytest
from end_to_end import running
from playwright.sync_api import Page, expect
from web.pages.conftest import Visit, Visiting

from speaker_search.web.pages.page_table import PAGES

MOST_BYTES = 150_000  # besides sounds, and what is on a map
LOADED = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map((entry) => [entry.name, entry.transferSize])"""
PATHS = [page.path.replace("{id}", "1") for page in PAGES]
SHOWN = [*PATHS, "/docs"]


@pytest.mark.parametrize("path", [*PATHS, "/docs"])
def test_pages_may_not_be_framed_and_run_no_inline_script(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


@pytest.mark.parametrize("path", SHOWN)
def test_every_page_is_small_and_asks_no_other_host_and_is_accessible(visit: Visit, path: str) -> None:
    """Small is what a browser loads on its first visit."""
    page = opened(visit, path)
    loaded: list[tuple[str, int]] = page.evaluate(LOADED)
    assert {address for address, _ in loaded if not address.startswith(visit.url)} == set()
    counted = {address: size for address, size in loaded if not address.endswith(("/audio", "/map"))}
    counted[visit.url + path] = dict(loaded)[visit.url + path]  # the page of the map ends likewise
    assert sum(counted.values()) < MOST_BYTES, sorted(counted.items(), key=lambda one: -one[1])
    assert len(counted) > 3
    check(visit, language="en", width=1280)


def test_every_page_in_japanese_and_darkness_is_accessible_and_no_wider_than_a_phone(
    visiting: Visiting, ready: running.Server
) -> None:
    visit = visiting(ready.url, locale="ja", color_scheme="dark", viewport={"width": 390, "height": 844})
    for path in SHOWN:
        page = opened(visit, path)
        if path == "/docs":  # hundreds of parts from a few templates, all of which the test above goes through
            page.evaluate(
                "document.querySelectorAll('article, section[id]').forEach((one, n) => n % 10 && one.remove())"
            )
        check(visit, language="ja", width=390)


def opened(visit: Visit, path: str) -> Page:
    """A page that has loaded all it loads by itself."""
    page = visit.open(path)
    page.wait_for_load_state("networkidle")
    return page


def check(visit: Visit, *, language: str, width: int) -> None:
    """The page is in that language, fits into a window so wide, and is accessible."""
    page = visit.page
    assert page.locator("html").get_attribute("lang") == language, page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    visit.check_accessible()


def test_language_and_darkness_are_switched_and_remembered(visit: Visit) -> None:
    page = visit.open("/help")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("button", name="日本語").click()
    page.wait_for_selector("html[lang=ja]")
    page.reload()
    assert page.locator("html").get_attribute("lang") == "ja"
    assert page.evaluate(background) != light
    assert page.title().startswith("使い方")


def test_every_link_of_a_page_leads_to_a_page(visit: Visit, http: httpx.Client) -> None:
    page = visit.open("/help")
    links = page.locator("a[href^='/']").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert {http.get(link).status_code for link in links} == {200}


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "accept", "page"),
    [
        ("/nowhere", BROWSER, True),
        ("/nowhere", "*/*", False),
        ("/nowhere", "application/json, text/html;q=0", False),
        ("/v1/nowhere", BROWSER, False),
        ("/static/x/none.css", BROWSER, False),
    ],
)
def test_a_wrong_address_is_a_page_for_browsers_and_a_problem_for_programs(
    http: httpx.Client, path: str, accept: str, page: bool
) -> None:
    answer = http.get(path, headers={"Accept": accept, "Accept-Language": "ja"})
    assert answer.status_code == 404
    assert "Accept" in answer.headers["vary"].split(", ")
    if page:
        assert 'lang="ja"' in answer.text
        assert "ページが見つかりません" in answer.text
        assert "content-security-policy" in answer.headers
    else:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nowhere", "There is no such page"),
        ("/characters/999999", "There is no character 999999."),
        ("/games/x", "Not found."),
    ],
)
def test_an_address_that_leads_to_nothing_shows_ways_back(visit: Visit, path: str, says: str) -> None:
    page = visit.open(path)
    expect(page.locator("main")).to_contain_text(says)
    visit.check_accessible()
    page.get_by_role("link", name="See what the library holds").click()
    page.wait_for_url("**/library")
    visit.wrong.clear()  # the browser says on its console that an address was not there


def loaded(html: str) -> set[str]:
    """What a page has the browser load at once: styles, modules, words, icons."""
    return set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html))


def test_what_a_page_is_made_of_is_kept_until_it_changes(http: httpx.Client) -> None:
    (address,) = [address for address in loaded(http.get("/search").text) if address.endswith("/joined/search.css")]
    answer = http.get(address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    plain = http.get(address, headers={"Accept-Encoding": "identity"})
    assert (answer.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert (plain.content, plain.headers["etag"] != answer.headers["etag"]) == (answer.content, True)
    version = address.split("/")[2]
    before = http.get(address.replace(version, "0123456789abcdef"))
    assert (before.content, before.headers["cache-control"]) == (answer.content, "no-cache")
    assert http.get(address.replace("search.css", "none.css")).status_code == 404
    assert http.get(f"/static/{version}/../../page_table.py").status_code == 404
