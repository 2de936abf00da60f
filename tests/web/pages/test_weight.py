"""How much a browser loads for each page on a first visit, all of it from the server itself."""

from __future__ import annotations

import pytest
from web.pages.conftest import Visit

from speaker_search.web.pages.page_table import PAGES

MOST_BYTES = 150_000  # besides sounds, and what is on a map
LOADED = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map((entry) => [entry.name, entry.transferSize])"""


@pytest.mark.parametrize("path", [*(page.path.replace("{id}", "1") for page in PAGES), "/docs"])
def test_a_page_is_small_and_asks_no_other_host(visit: Visit, path: str) -> None:
    page = visit.open(path)
    page.wait_for_load_state("networkidle")
    loaded: list[tuple[str, int]] = page.evaluate(LOADED)
    assert {address for address, _ in loaded if not address.startswith(visit.url)} == set()
    counted = {address: size for address, size in loaded if not address.endswith(("/audio", "/map"))}
    counted[visit.url + path] = dict(loaded)[visit.url + path]  # the page of the map ends likewise
    assert sum(counted.values()) < MOST_BYTES, sorted(counted.items(), key=lambda one: -one[1])
    assert len(counted) > 3
