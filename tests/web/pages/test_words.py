"""What the pages say: the same in both languages, all of it used, none of it missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from speaker_search.web.pages import languages, page_table, static_files
from speaker_search.web.pages.languages import LANGUAGES, words

PAGES = Path(languages.__file__).parent
TEMPLATES = {path.stem: path.read_text("utf-8") for path in (PAGES / "templates").glob("*.html")}
MODULES = {path: path.read_text("utf-8") for path in static_files.STATIC.rglob("*.js")}
KEY = re.compile(r'"([a-z_]+\.[a-z_]+)"')


def forms(value: str | dict[str, str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value.values())


def placeholders(value: str | dict[str, str]) -> set[str]:
    return {name for form in forms(value) for name in re.findall(r"\{(\w+)\}", form)}


def used() -> set[str]:
    """Keys of words in templates and modules, and those that every page needs by its name."""
    written = {key for text in (*TEMPLATES.values(), *MODULES.values()) for key in KEY.findall(text)}
    titles = {f"{name}.title" for name, text in TEMPLATES.items() if "extends" in text}
    links = {f"{page.name}.navigation" for page in page_table.PAGES if page.in_navigation}
    return {key for key in written if not key.endswith((".js", ".html"))} | titles | links


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, japanese = words("en"), words("ja")
    assert english.keys() == japanese.keys()
    assert [key for key in english if placeholders(english[key]) != placeholders(japanese[key])] == []
    assert [key for key in english if isinstance(english[key], str) != isinstance(japanese[key], str)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_used_and_none_is_missing(language: str) -> None:
    known = words(language).keys()
    parts = {key.partition(".")[0] for key in known}
    assert known - used() == set()
    assert {key for key in used() if key.partition(".")[0] in parts} - known == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_in_two_files(language: str) -> None:
    files = [*languages.WORDS.glob(f"*.{language}.json")]
    keys = [key for file in files for key in re.findall(r'^  "([^"]+)":', file.read_text("utf-8"), re.MULTILINE)]
    assert len(keys) == len(set(keys)) == len(words(language))


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "ja"}, "ja"),
        ({"accept-language": "ja-JP,ja;q=0.9,en;q=0.8"}, "ja"),
        ({"accept-language": "fr, en;q=0.5, ja;q=0.7"}, "ja"),
        ({"accept-language": "ja;q=0, en;q=0.1"}, "en"),
        ({"accept-language": "de, *;q=x"}, "en"),
        ({"accept-language": "ja", "cookie": "spksearch_language=en"}, "en"),
        ({"accept-language": "ja", "cookie": "spksearch_language=xx"}, "ja"),
    ],
)
def test_the_language_is_the_one_chosen_or_else_the_browsers(headers: dict[str, str], language: str) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert languages.language_of(Request({"type": "http", "headers": sent})) == language


def test_help_lists_every_key_that_a_page_takes() -> None:
    taken = {key for text in MODULES.values() for key in re.findall(r'onKey\("([^"]+)"', text)}
    listed = {re.sub(r"{{.*}}", " ", key) for key in re.findall(r"<kbd>(.+?)</kbd>", TEMPLATES["help"])}
    assert len(taken) > 8
    assert {"Esc" if key == "Escape" else key for key in taken} - listed == set()


def test_modules_build_no_html_from_text_and_are_short() -> None:
    for path, text in MODULES.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path
        assert len(text.splitlines()) <= 300, path
    for folder in {path.parent for path in MODULES}:
        assert len([*folder.glob("*.js")]) <= 12, folder


def test_templates_and_modules_name_no_other_server() -> None:
    for text in (*TEMPLATES.values(), *MODULES.values()):
        assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}
