"""The languages of the pages, and what the pages say in each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request

LANGUAGES = {"en": "English", "ja": "日本語"}
DEFAULT = "en"
COOKIE = "spksearch_language"  # written by the switch on the pages
WORDS = Path(__file__).parent / "words"


@cache
def words(language: str) -> Mapping[str, str | dict[str, str]]:
    """All words of a language by key, from every file words/PART.LANGUAGE.json.

    A value is a text, or {"one", "other"} where the number in it decides; {name} in it is a placeholder.
    """
    found: dict[str, str | dict[str, str]] = {}
    for file in sorted(WORDS.glob(f"*.{language}.json")):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


@cache
def server_sentences(language: str) -> Mapping[str, str]:
    """What the API says in English, and what pages in a language show instead; what is missing is shown as it is.

    {1}, {2} … stand for the values in a sentence, in the order of the English one.
    """
    found: dict[str, str] = json.loads((WORDS / "server" / f"{language}.json").read_text(encoding="utf-8"))
    return found


def language_of(request: Request) -> str:
    """The language that a reader has chosen, or that their browser prefers among ours."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    wanted = []
    for place, part in enumerate(request.headers.get("accept-language", "").split(",")):
        name, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            weight = 0.0
        wanted.append((-weight, place, name.strip().lower().partition("-")[0]))
    return next((name for weight, _, name in sorted(wanted) if weight and name in LANGUAGES), DEFAULT)
