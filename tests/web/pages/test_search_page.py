"""Searching as a person does: a line dropped, chosen or recorded; matches heard, gone on from, filtered and shared."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from end_to_end import bundled, running
from playwright.sync_api import Page, Route, expect
from standin import StandInEncoder
from web.in_thread import serving_in_thread
from web.pages.conftest import Visit, Visiting

from speaker_search.library import Library
from speaker_search.settings import Settings

DROP = """([bytes, name]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name));
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
}"""


def drop(page: Page, file: Path) -> None:
    page.evaluate(DROP, [base64.b64encode(file.read_bytes()).decode(), file.name])


def names(page: Page) -> list[str]:
    page.locator("#answer:not(.is-old) .match").first.wait_for()
    return page.locator(".match h3").all_inner_texts()


def test_one_drop_on_the_start_page_says_who_else_it_is(
    visit: Visit, clip: Path, role: bundled.Role, elsewhere: set[str]
) -> None:
    page = visit.open("/")
    expect(page.locator("#catalog-size")).to_contain_text("24characters")
    drop(page, clip)
    found = names(page)
    assert found[0] == role.character
    assert {name.rpartition("/")[2] for name in elsewhere} <= set(found[: 1 + len(elsewhere)])
    assert page.url.endswith("/search")
    expect(page.locator("#asked")).to_contain_text(clip.name)
    expect(page.locator("#asked")).to_contain_text("the address of the page holds the filters, not the sound")
    visit.check_accessible()


def test_the_page_shows_what_the_api_answers(visit: Visit, ready: running.Server) -> None:
    page = visit.open("/search?character=1&exclude_game=硝子の終着駅&min_clips=2")
    asked = {"like": [{"character": 1}], "exclude_game": ["硝子の終着駅"], "min_clips": 2}
    matches = ready.client.post("/v1/search", json=asked).json()["matches"]
    assert names(page) == [match["character"]["name"] for match in matches]
    shown = page.locator(".match .likely-words").all_inner_texts()
    percents = [f"{round(one['probability'] * 100)}%" if one["probability"] >= 0.01 else "< 1%" for one in matches]
    assert [words.partition("\n")[0].endswith(percent) for words, percent in zip(shown, percents, strict=True)] == [
        True
    ] * len(matches)
    assert page.locator(".match .line").count() == sum(len(match["hits"]) for match in matches)
    expect(page.locator("#filters-set")).to_have_text("2 are set")
    expect(page.locator(".chip", has_text="You asked with this")).to_have_count(1)


def test_more_like_a_line_has_an_address_that_another_window_understands(visiting: Visiting, visit: Visit) -> None:
    page = visit.open("/search?clip=53")
    first = names(page)
    page.locator(".match").nth(1).get_by_role("button", name="Search with this line").first.click()
    expect(page.locator("#asked")).to_contain_text(first[1])
    second = names(page)
    assert second != first
    other = visiting(page.url.removesuffix("/"))
    other.page.goto(page.url)
    assert names(other.page) == second
    page.go_back()
    expect(page.locator(".match h3")).to_have_text(first)


def test_what_a_voice_should_be_unlike_is_asked_and_taken_back(visit: Visit) -> None:
    page = visit.open("/search?clip=53")
    first = names(page)
    page.locator(".match").first.get_by_role("button", name="Unlike this", exact=True).click()
    expect(page.locator(".note")).to_contain_text("cannot say how likely")
    assert names(page) != first
    assert "unlike_character=" in page.url
    expect(page.locator(".likely-words").first).to_have_text("Cannot say")
    page.locator("#asked").get_by_role("button", name="Remove", exact=False).last.click()
    page.locator(".note").wait_for(state="detached")
    expect(page.locator(".match h3")).to_have_text(first)


def test_filters_narrow_the_matches(visit: Visit) -> None:
    page = visit.open("/search?clip=53")
    names(page)
    page.get_by_text("Filters").click()
    page.get_by_label("Only these games").fill("硝子の終着駅")
    page.get_by_label("Only these games").press("Enter")
    page.get_by_label("Group matches by").select_option("game")
    expect(page.locator(".match")).to_have_count(1)
    expect(page.locator(".match")).to_contain_text("硝子の終着駅")
    page.get_by_role("button", name="Remove 硝子の終着駅").click()
    expect(page.locator(".match")).to_have_count(4)
    visit.check_accessible()


def test_a_match_that_filters_leave_keeps_its_card(visit: Visit, ready: running.Server) -> None:
    page = visit.open("/search?clip=53")
    before = names(page)
    cards = page.locator(".match").element_handles()
    page.get_by_text("Filters").click()
    page.get_by_label("Without these games").fill("硝子の終着駅")
    page.get_by_label("Without these games").press("Enter")
    expect(page.locator("#filters-set")).to_have_text("1 is set")
    expect(page.locator(".match")).to_have_count(len(before))
    after = names(page)
    assert after != before
    for card, name in zip(cards, before, strict=True):
        assert card.evaluate("(one) => one.isConnected") == (name in after)
    asked = {"like": [{"clip": 53}], "exclude_game": ["硝子の終着駅"]}
    matches = ready.client.post("/v1/search", json=asked).json()["matches"]
    assert after == [match["character"]["name"] for match in matches]
    page.get_by_role("button", name="Remove 硝子の終着駅").click()
    expect(page.locator(".match h3")).to_have_text(before)
    page.get_by_role("button", name="More matches").click()
    expect(page.locator(".match")).to_have_count(20)
    page.get_by_label("With at least so many lines").fill("1000")
    page.get_by_label("With at least so many lines").press("Enter")
    expect(page.locator(".match")).to_have_count(0)
    page.go_back()
    expect(page.locator(".match h3")).to_have_text(before)


def test_a_late_answer_does_not_replace_a_newer_one(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/v1/search", lambda route: held.append(route) if of_games(route) else route.continue_())
    page = visit.open("/search?clip=53")
    first = names(page)
    page.get_by_text("Filters").click()
    page.get_by_label("Group matches by").select_option("game")
    page.locator(".busy").wait_for()
    page.get_by_label("Group matches by").select_option("character")
    expect(page.locator(".busy")).to_have_count(0)
    assert names(page) == first
    held[0].fulfill(json={"matches": []})
    assert names(page) == first


def test_a_search_without_a_server_says_so_and_the_next_one_is_shown(visit: Visit) -> None:
    visit.page.route("**/v1/search", lambda route: route.abort() if of_games(route) else route.continue_())
    page = visit.open("/search?clip=53")
    first = names(page)
    page.get_by_text("Filters").click()
    page.get_by_label("Group matches by").select_option("game")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.get_by_label("Group matches by").select_option("character")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert names(page) == first
    visit.wrong[:] = [words for words in visit.wrong if "ERR_FAILED" not in words]


def of_games(route: Route) -> bool:
    """Whether a search asks for games."""
    return json.loads(route.request.post_data or "{}")["by"] == "game"


def test_an_answer_that_arrives_in_parts_is_read_whole(visit: Visit) -> None:
    page = visit.open("/help")
    letters = page.evaluate(
        """async (address) => {
          const {get} = await import(address);
          const read = JSON.stringify(await get("/openapi.json"));
          return read === JSON.stringify(await (await fetch("/openapi.json")).json()) ? read.length : 0;
        }""",
        module(page, "shared/api.js"),
    )
    assert letters > 1 << 16  # the browser hands on no more at once


def test_what_nobody_wants_any_more_is_not_asked(visit: Visit) -> None:
    page = visit.open("/help")
    error = page.evaluate(
        """async (address) => {
          const {get} = await import(address);
          return await get("/openapi.json", {}, {signal: AbortSignal.abort()}).catch(({name}) => name);
        }""",
        module(page, "shared/api.js"),
    )
    assert error == "AbortError"


def test_pages_of_matches_follow_each_other(visit: Visit) -> None:
    page = visit.open("/search?clip=53")
    names(page)
    page.get_by_role("button", name="More matches").click()
    expect(page.locator(".match")).to_have_count(20)
    page.get_by_role("button", name="More matches").click()
    expect(page.locator(".match")).to_have_count(24)
    assert len(set(names(page))) == 24
    expect(page.get_by_role("button", name="More matches")).to_have_count(0)


def test_lines_are_heard_and_compared_by_keys_alone(visit: Visit) -> None:
    page = visit.open("/search?clip=53")
    names(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".match .line.is-playing")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator("#asked .line.is-playing")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator(".match .line.is-playing")).to_have_count(1)
    expect(page.locator(".line.is-playing .time")).to_contain_text("/")
    page.keyboard.press("Escape")
    expect(page.locator(".line.is-playing")).to_have_count(0)


def test_a_line_is_heard_to_its_end(visiting: Visiting, ready: running.Server) -> None:
    page = visiting(ready.url, slowly=False).open("/search?clip=53")
    names(page)
    play = page.locator(".match .play").first
    play.evaluate(
        """(button) => {
          button.dataset.heard = "";
          const note = () => (button.dataset.heard += ` ${button.getAttribute("aria-pressed")}`);
          new MutationObserver(note).observe(button, {attributeFilter: ["aria-pressed"]});
        }"""
    )
    play.click()
    expect(play).to_have_attribute("data-heard", " true false")


@pytest.mark.parametrize(
    ("level", "gained"), [(0.5, -16.98), (0.05, 3.02), (0.001, 30.0)], ids=["loud", "quiet", "whispered"]
)
def test_lines_are_brought_to_one_loudness_and_never_startle(visit: Visit, level: float, gained: float) -> None:
    page = visit.open("/help")
    gain = page.evaluate(
        """async ([address, level]) => {
          const {evenGain} = await import(address);
          return evenGain(new Float32Array(48000).fill(level), 48000);
        }""",
        [module(page, "player/loudness.js"), level],
    )
    assert 20 * math.log10(gain) == pytest.approx(gained, abs=0.01)


def module(page: Page, path: str) -> str:
    """The address of one of the page's modules."""
    base: str = page.locator("script[type='module']").get_attribute("src") or ""
    return f"{base.partition('/joined/')[0]}/{path}"


def test_a_file_that_is_no_sound_is_answered_in_a_sentence(visiting: Visiting, ready: running.Server) -> None:
    visit = visiting(ready.url, locale="ja")
    page = visit.open("/search")
    drop(page, Path(__file__))
    expect(page.get_by_role("alert")).to_contain_text("この音声は使えません。")
    expect(page.get_by_role("alert")).to_contain_text("ffmpeg")
    expect(page.locator("#asked")).to_contain_text("このブラウザーではこの音声を再生できません。")
    visit.wrong[:] = [words for words in visit.wrong if "422" not in words]


def test_filters_are_kept_and_the_sound_is_missed_when_a_page_is_opened_again(visit: Visit, clip: Path) -> None:
    page = visit.open("/search?exclude_maker=夜汽車ソフト")
    drop(page, clip)
    assert len(names(page)) > 1
    page.reload()
    expect(page.locator("#answer")).to_contain_text("Drop it again")
    expect(page.locator("#filters-set")).to_have_text("1 is set")
    page.locator("#files").set_input_files(clip)
    assert len(names(page)) > 1


def test_each_person_in_a_recording_is_searched_for(visit: Visit, talk: Path, speakers: list[bundled.Role]) -> None:
    page = visit.open("/search")
    drop(page, talk)
    expect(page.locator(".note")).to_contain_text("Several people speak")
    page.get_by_role("button", name="Search for each of them").click()
    expect(page.locator(".verdict")).to_have_count(2)
    firsts = {cards.locator("h3").first.inner_text() for cards in page.locator(".cards").all()}
    assert firsts == {role.character for role in speakers}
    expect(page.locator(".verdict").first).to_contain_text("Person 1, heard at ")
    visit.check_accessible()


@pytest.fixture
def speakers() -> list[bundled.Role]:
    """Two people of one game who do not sound alike."""
    roles = [role for role in bundled.cast() if role.clips()]
    return [role for role in roles if role.character in ("岬 航平", "渚 ゆら")]


@pytest.fixture
def talk(speakers: list[bundled.Role], tmp_path: Path) -> Path:
    """A recording of these people, each of whom says three lines."""
    spoken = [soundfile.read(clip) for role in speakers for clip in role.clips()[:3]]
    file = tmp_path / "talk.wav"
    soundfile.write(file, np.concatenate([samples for samples, _ in spoken]), spoken[0][1])
    return file


def test_a_recording_is_searched_with_when_it_is_stopped(visit: Visit, role: bundled.Role) -> None:
    page = visit.open("/search")
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Stop and search (3 s)").click()
    assert names(page)[0] == role.character
    expect(page.locator("#asked")).to_contain_text("Recording")
    expect(page.locator("#asked .time")).to_have_text(re.compile(r"3(\.\d)? s"))


def test_a_sound_is_pasted(visit: Visit, clip: Path, role: bundled.Role) -> None:
    page = visit.open("/search")
    page.evaluate(
        """([bytes, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name));
          document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        [base64.b64encode(clip.read_bytes()).decode(), clip.name],
    )
    assert names(page)[0] == role.character


def test_names_with_html_in_them_are_text(visiting: Visiting, hostile: str) -> None:
    visit = visiting(hostile)
    page = visit.open("/search?character=1")
    assert names(page)[0] == HTML.format("character")
    for noun in ("game", "maker", "line"):
        expect(page.locator(".match").first).to_contain_text(HTML.format(noun))
    assert page.locator("main img, main b").count() == 0
    drop(page, Path(__file__))
    page.get_by_role("alert").wait_for()
    visit.wrong[:] = [words for words in visit.wrong if "422" not in words]


HTML = "<img src=x onerror=alert(1)><b>{}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[str]:
    """The address of a server on a catalog whose every name is HTML."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "a.ogg").write_bytes(clip.read_bytes())
    row = {"path": "a.ogg", **{noun: HTML.format(noun) for noun in ("character", "maker", "game")}}
    (folder / "manifest.jsonl").write_text(json.dumps({**row, "text": HTML.format("line")}))
    with Library(Settings(home=tmp_path_factory.mktemp("home")), encoder=StandInEncoder()) as library:
        library.ingest([folder])
        library.warm_up()
        with serving_in_thread(library) as client:
            yield str(client.base_url)
