"""Templates to HTML: every value is escaped, and every text comes from the words of the reader's language."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from speaker_search.web.pages import reference
from speaker_search.web.pages.languages import LANGUAGES, language_of, words
from speaker_search.web.pages.page_headers import HEADERS
from speaker_search.web.pages.page_table import PAGES, Page
from speaker_search.web.pages.static_files import assets, takes_gzip

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("light", "dark")
Described = Callable[[], Mapping[str, Any]]  # gives the OpenAPI description of the server
THEME_COOKIE = "spksearch_theme"  # written by the switch on the pages


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {function.__name__: function for function in reference.IN_TEMPLATES}
    return environment


def rendered(
    request: Request, page: Page, *, keys: bool, status: int = 200, api: Described | None = None, **values: Any
) -> Response:
    """A page in the reader's language; `keys` says whether people sign in, `values` are for its template.

    Without values it is the same for all readers of one language, and rendered once.
    """
    theme = request.cookies.get(THEME_COOKIE)
    chosen = page, language_of(request), theme if theme in THEMES else "", keys, api
    if values:
        return HTMLResponse(_html(*chosen, **values), status, HEADERS)
    plain, packed = _kept(*chosen)
    if takes_gzip(request):
        return HTMLResponse(packed, status, {**HEADERS, "Content-Encoding": "gzip"})
    return HTMLResponse(plain, status, HEADERS)


@cache
def _kept(page: Page, language: str, theme: str, keys: bool, api: Described | None) -> tuple[bytes, bytes]:
    html = _html(page, language, theme, keys, api).encode()
    return html, gzip.compress(html, mtime=0)


def _html(page: Page, language: str, theme: str, keys: bool, api: Described | None, **values: Any) -> str:
    table, held = words(language), assets()

    def t(key: str, **filled: object) -> str:
        text = table[key]
        if isinstance(text, dict):
            raise TypeError(f"{key} depends on a number: say it in a module")
        return text.format(**filled) if filled else text

    return (
        _templates()
        .get_template(f"{page.name}.html")
        .render(
            t=t,
            page=page,
            pages=PAGES,
            language=language,
            languages=LANGUAGES,
            theme=theme,
            keys=keys,
            address=held.address,
            icon=Markup(held.files["icon.svg"].content.decode()),  # noqa: S704 - a file of ours
            style=held.of_page(page, "css"),
            script=held.of_page(page, "js"),
            api=api() if api else None,
            **values,
        )
    )
