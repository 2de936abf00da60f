"""What the server says in English, on Japanese pages: each warning, problem and refusal has its Japanese sentence."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect
from web.pages import server_sentences
from web.pages.conftest import Visiting

from speaker_search.encoders import PURPOSES
from speaker_search.web.pages import languages, static_files
from speaker_search.web.pages.languages import LANGUAGES
from speaker_search.web.problems import KINDS

#: Errors whose every sentence may be read on a page.
SHOWN = ("AudioError", "NotFoundError", "OverloadedError", "TooLargeError", "ContradictionError")
#: Advice that names requests, which pages leave out.
FOR_PROGRAMS = re.compile(r"spksearch|GET |multipart")
VALUE = re.compile(r"\{\d\}")


def whole(text: str) -> bool:
    """Whether a text has words of its own: the others only join sentences."""
    return re.search(r"\w", VALUE.sub("", text)) is not None


def key(text: str) -> str:
    """What a sentence is kept as: one that ends in another sentence is kept without that."""
    return re.sub(r": \{\d\}$", ": ", text) if text.startswith("Left out") else text


@pytest.mark.parametrize("name", ["Caution", *SHOWN])
def test_every_sentence_of_a_warning_or_an_error_is_known_in_japanese(name: str) -> None:
    sentences = {key(text) for text in server_sentences.said(name) if whole(text)}
    if name != "Caution":
        sentences = {text for text in sentences if not FOR_PROGRAMS.search(text)}
    assert sentences
    assert sentences - languages.server_sentences("ja").keys() == set()


def test_every_kind_of_problem_has_words() -> None:
    module = (static_files.STATIC / "shared" / "problems.js").read_text("utf-8")
    assert KINDS.keys() - set(re.findall(r'^  "?([a-z-]+)"?: "problem\.', module, re.MULTILINE)) == set()


def test_every_encoders_purpose_is_known_in_japanese() -> None:
    assert set(PURPOSES.values()) - languages.server_sentences("ja").keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_known_sentence_is_one_that_the_server_says(language: str) -> None:
    known = languages.server_sentences(language)
    assert [text for text in known if not any(text in said for said in server_sentences.texts())] == []
    assert [text for text, words in known.items() if set(VALUE.findall(words)) - set(VALUE.findall(text))] == []


SAID = {
    "1.2 s of audio is little to recognise a voice by: give more or longer clips.": (
        "1.2秒の音声では声を見分けるのに足りません。同じ声の台詞を足してください。"
    ),
    "Left out: Clip 2 of 3: resemblyzer found no speech in the clip.": (
        "使わなかったもの：3つのうち2つ目：この音声には話し声が見つかりません（resemblyzer）。"
    ),
    "Unlike clip 1 of 1: The clip is 0.10 s long, and at least 0.3 s are needed.": (
        "「似ていない声」1つのうち1つ目：この音声の長さは0.10秒です。0.3秒以上が必要です。"
    ),
    "There is no character 999999.": "999999というキャラクターはありません。",
    "Too many searches are waiting. Try again in 5 s.": "検索が混み合っています。5秒後にもう一度お試しください。",
    "Something new happened.": "Something new happened.",
    "Too many searches are waiting. Do this.": "検索が混み合っています。 Do this.",
}


def test_sentences_are_translated_with_their_values_and_unknown_ones_stay(
    visiting: Visiting, http: httpx.Client
) -> None:
    window = visiting(str(http.base_url).rstrip("/"), locale="ja-JP")
    page = window.open("/help")
    module = re.sub(
        r"joined/.*$", "shared/server_words.js", page.locator("script[type=module]").get_attribute("src") or ""
    )
    say = (
        "async ([module, texts]) => { const {fromServer} = await import(module);"
        "return texts.map((text) => fromServer(text).map((part) => part.textContent ?? part).join('')); }"
    )
    assert page.evaluate(say, [module, [*SAID]]) == [*SAID.values()]


def test_a_japanese_page_says_what_is_wrong_in_japanese(visiting: Visiting, http: httpx.Client) -> None:
    page = visiting(str(http.base_url).rstrip("/"), locale="ja-JP").open("/search?clip=53&unlike_character=7")
    note = page.locator(".note")
    expect(note).to_contain_text("どのくらい確かかは判断できません")
    assert note.locator("[lang=en]").count() == 0
