"""Every page that is built. One that is not in this table is linked nowhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its template is templates/NAME.html, its words are words/NAME.*.json with NAME.title among them."""

    name: str
    path: str
    module: str = ""  #: in static/; "" for a page that needs none of its own
    in_navigation: bool = False  #: then NAME.navigation is what the link says


#: In the order of the navigation.
PAGES: tuple[Page, ...] = (
    Page("start", "/", "search/page.js"),
    Page("search", "/search", "search/page.js", in_navigation=True),
    Page("queue", "/queue", "queue/page.js", in_navigation=True),
    Page("voices", "/voices", "voices/page.js", in_navigation=True),
    Page("games", "/games/{id}", "games/page.js"),
    Page("characters", "/characters/{id}", "characters/page.js"),
    Page("audit", "/credits/audit", "audit/page.js"),
    Page("map", "/map", "map/page.js", in_navigation=True),
    Page("library", "/library", "library/page.js", in_navigation=True),
    Page("help", "/help", in_navigation=True),
)
