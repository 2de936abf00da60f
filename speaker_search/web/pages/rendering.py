"""Templates to HTML: every value is escaped, and every text comes from the words of the reader's language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from speaker_search.web.pages.languages import LANGUAGES, language_of, words
from speaker_search.web.pages.page_headers import HEADERS
from speaker_search.web.pages.page_table import PAGES, Page
from speaker_search.web.pages.static_files import assets

TEMPLATES = Path(__file__).parent / "templates"
BASE_STYLE = "styles/base.css"
EVERYWHERE = "shared/header.js"  # the module of the switches in the header
THEMES = ("light", "dark")
THEME_COOKIE = "spksearch_theme"  # written by the switch on the pages


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def rendered(request: Request, page: Page, *, keys: bool, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in the reader's language; `keys` says whether people sign in, `values` are for its template."""
    language = language_of(request)
    table, held = words(language), assets()

    def t(key: str, **filled: object) -> str:
        text = table[key]
        if isinstance(text, dict):
            raise TypeError(f"{key} depends on a number: say it in a module")
        return text.format(**filled) if filled else text

    own = [f"styles/{name}.css" for name in dict.fromkeys((page.module.partition("/")[0], page.name))]
    theme = request.cookies.get(THEME_COOKIE)
    html = (
        _templates()
        .get_template(f"{page.name}.html")
        .render(
            t=t,
            page=page,
            pages=PAGES,
            language=language,
            languages=LANGUAGES,
            theme=theme if theme in THEMES else "",
            keys=keys,
            address=held.address,
            styles=[name for name in (BASE_STYLE, *own) if name in held.files],
            modules=[name for name in (EVERYWHERE, page.module) if name],
            preloaded=[one for one in dict.fromkeys(_imported(page)) if one not in (EVERYWHERE, page.module)],
            **values,
        )
    )
    return HTMLResponse(html, status, HEADERS)


def _imported(page: Page) -> list[str]:
    held = assets()
    return [*held.modules(EVERYWHERE), *(held.modules(page.module) if page.module else [])]
