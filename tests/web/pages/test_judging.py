"""Listening and judging as a person does it: the queue by the keyboard alone, and the pages about voices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from end_to_end import bundled, running
from playwright.sync_api import Page, expect
from web.pages.conftest import LIMIT_MS, Visit, Visiting, once_ready

from speaker_search.library import Library
from speaker_search.settings import Settings

expect.set_options(timeout=LIMIT_MS)  # machines that share their cores are slow

#: As a maker, a game, a character and a line may be called: to be read, not to be run.
HOSTILE = "<img src=x onerror=alert(1)>"
#: The second one credits 汐見 まどか wrongly, as the voices have it.
CREDITS = """maker,game,character,voice_actor
こもれび工房,星降る坂の約束,白瀬 ひかり,Ann
こもれび工房,潮風カレンダー,汐見 まどか,Ann
こもれび工房,潮風カレンダー,渚 ゆら,Ann
こもれび工房,星降る坂の約束,九条 あおい,Bea
"""


@pytest.fixture(scope="module")
def told(ingested: bundled.Ingested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Server]:
    """A server whose catalog is in doubt: characters of different people were merged, and one credit is wrong."""
    home = ingested.copy(tmp_path_factory.mktemp("told") / "home")
    with Library(Settings(home=home)) as library:
        library.merge("character", 3, 4, author="ann")
        library.merge("character", 5, 6, author="ann")
        library.import_credits("credits.csv", CREDITS.encode())
        library.rename("maker", 2, HOSTILE, author="ann")
        library.rename("game", 4, HOSTILE, author="ann")
        library.rename("character", 20, HOSTILE, author="ann")
    with closing(sqlite3.connect(home / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE clips SET text = ? WHERE character_id = 20", (HOSTILE,))
    with running.serving(home) as server:
        yield once_ready(server)


@pytest.fixture
def visit(visiting: Visiting, told: running.Server) -> Visit:
    return visiting(told.url)


def names(page: Page) -> list[str]:
    """Of the pair that is asked about."""
    expect(page.locator(".listening h2")).to_have_count(2)
    return page.locator(".listening h2").all_inner_texts()


def verdicts(told: running.Server) -> list[tuple[bool, str, str]]:
    return [(one["same"], one["author"], one["note"]) for one in told.client.get("/v1/verdicts").json()["verdicts"]]


def test_the_queue_is_judged_by_the_keyboard_alone(visit: Visit, told: running.Server) -> None:
    page = visit.open("/queue")
    first = names(page)
    page.keyboard.press("Space")
    expect(page.locator(".listening .line.is-playing")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator(".listening .side:nth-child(2) .line.is-playing")).to_have_count(1)
    page.keyboard.press("n")
    page.keyboard.type("by ear")
    page.keyboard.press("Enter")
    page.keyboard.press("s")
    page.keyboard.type("Rin")
    page.keyboard.press("Enter")
    expect(page.locator(".recent .is-kept")).to_have_count(1)
    assert verdicts(told) == [(True, "Rin", "by ear")]
    second = names(page)
    assert second != first
    expect(page.locator(".listening .line.is-playing")).to_have_count(1)  # at once, after an answer
    page.keyboard.press("c")
    expect(page.locator(".figure").first).to_contain_text("1")
    page.keyboard.press("u")
    assert names(page) == second
    parted = page.locator(".effect", has_text="Splits a voice").count() == 1
    page.keyboard.press("d" if parted else "s")
    expect(page.locator(".recent .is-kept")).to_have_count(2)
    assert [same for same, *_ in verdicts(told)] == [not parted, True]
    expect(page.locator(".recent li").first.locator(".change").first).to_contain_text("Voice")
    page.keyboard.press("u")
    expect(page.locator(".recent .is-undone")).to_have_count(1)
    assert names(page) == second
    page.keyboard.press("u")
    expect(page.locator(".recent .is-undone")).to_have_count(2)
    assert verdicts(told) == []
    assert names(page) == first
    visit.check_accessible()


def test_an_answer_waits_for_the_connection_and_a_contradiction_is_explained(
    visit: Visit, told: running.Server
) -> None:
    # From the start: a page that has loaded sends some requests past a route that is added later.
    visit.page.route("**/v1/verdicts", lambda route: route.abort())
    page = visit.open("/queue")
    page.evaluate("localStorage.setItem('spksearch_author', 'Rin')")
    names(page)
    page.keyboard.press("s")
    expect(page.get_by_text("One answer waits in this browser")).to_be_visible()
    page.unroute("**/v1/verdicts")
    page.reload()  # what was not sent is sent by the next page
    expect(page.locator(".recent .is-kept")).to_have_count(1)
    (verdict,) = told.client.get("/v1/verdicts").json()["verdicts"]
    shown = names(page)
    links = page.locator(".listening h2 a").evaluate_all("links => links.map((link) => link.pathname)")
    one, another = (int(link.rpartition("/")[2]) for link in links)
    other = {"one": one, "other": another, "same": False, "author": "Bea"}
    given = told.client.post("/v1/verdicts", json=other).json()
    page.keyboard.press("s")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text(f"by verdict {given['id']}")
    assert names(page) != shown  # it goes on meanwhile
    page.get_by_role("button", name="Judge this pair again").click()
    assert names(page) == shown
    for id_ in (verdict["id"], given["id"]):
        told.client.delete(f"/v1/verdicts/{id_}")
    assert all("Failed to load resource" in wrong for wrong in visit.wrong)
    visit.wrong.clear()


def test_verdicts_given_are_filtered_and_undone(visit: Visit, told: running.Server) -> None:
    for one, other, same, author in ((10, 12, False, "Rin"), (10, 17, True, "Bea")):
        told.client.post("/v1/verdicts", json={"one": one, "other": other, "same": same, "author": author})
    page = visit.open("/queue?given")
    expect(page.locator(".given")).to_have_count(2)
    page.get_by_label("Given by").fill("Rin")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".given")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    page.get_by_label("Name").fill("Mio")
    page.keyboard.press("Enter")
    expect(page.get_by_text("undone by Mio")).to_be_visible()
    (left,) = told.client.get("/v1/verdicts").json()["verdicts"]
    assert left["author"] == "Bea"
    told.client.delete(f"/v1/verdicts/{left['id']}")
    visit.check_accessible()


def as_rin(visit: Visit, path: str) -> Page:
    """A page whose visitor has said who judges."""
    page = visit.open(path)
    page.evaluate("localStorage.setItem('spksearch_author', 'Rin')")
    return page


def test_voices_are_filtered_and_one_is_heard_and_judged(visit: Visit, told: running.Server) -> None:
    page = as_rin(visit, "/voices")
    expect(page.locator(".voice").nth(1)).to_be_visible()
    page.get_by_label("Voice actor").fill("ann")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".voice")).to_have_count(1)
    assert page.url.endswith("voice_actor=ann&min_characters=2")
    expect(page.locator(".role", has_text="銀河")).to_contain_text("Ann likely")
    page.get_by_role("button", name="Listen to its roles").click()
    page.locator(".role", has_text="銀河").locator(".play").click()
    expect(page.locator(".role .line.is-playing")).to_have_count(1)
    page.get_by_role("button", name="Same voice").click()
    expect(page.get_by_text("Rin: same voice")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Same voice")).to_be_visible()
    assert verdicts(told) == []
    visit.check_accessible()
    page.get_by_role("link", name="Voice 1", exact=True).first.click()
    expect(page.locator(".weakest")).to_be_visible()
    page.goto(f"{visit.url}/voices?maker=nobody")
    expect(page.get_by_role("alert")).to_contain_text("nobody")
    assert all("404" in wrong for wrong in visit.wrong)
    visit.wrong.clear()


def test_a_cast_sheet_shows_who_its_characters_are_elsewhere_and_who_may_speak_unknown_lines(visit: Visit) -> None:
    page = visit.open("/games/3")
    expect(page.get_by_role("heading", level=1)).to_have_text("硝子の終着駅")
    card = page.locator("#game > .cards > .card", has_text="機関士")
    expect(card.locator(".likely-voice").first).to_contain_text("灯台守")
    expect(card.locator(".likely-voice").first).to_contain_text("Very likely")
    card.locator(".play").first.click()
    expect(card.locator(".side:nth-child(1) .is-playing")).to_have_count(1)
    page.keyboard.press("x")
    expect(card.locator(".side:nth-child(2) .is-playing")).to_have_count(1)
    expect(page.get_by_text("None of the known characters")).to_be_visible()
    visit.check_accessible()


def test_a_character_is_judged_renamed_and_merged_and_all_of_it_undone(visit: Visit, told: running.Server) -> None:
    page = as_rin(visit, "/characters/7")
    expect(page.get_by_role("heading", level=1)).to_have_text("渚 ゆら")
    expect(page.locator(".known")).to_contain_text("Ann credited")
    expect(page.get_by_text("The sound file is missing.")).to_be_visible()
    expect(page.locator("#lines + .paged .line")).to_have_count(8)
    near = page.locator("[aria-labelledby=nearest] .card").first
    near.get_by_role("button", name="Different voices").click()
    expect(near.get_by_text("Rin: different voices")).to_be_visible()
    page.reload()
    near.get_by_role("button", name="Undo").click()
    expect(near.get_by_role("button", name="Same voice")).to_be_visible()
    assert verdicts(told) == []
    page.get_by_label("Name of this character").fill("渚")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("渚")
    page.get_by_label("The same character as").fill("真珠")
    page.get_by_label("The same character as").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("真珠")
    for name in ("渚", "渚 ゆら"):
        page.locator("[aria-labelledby=names]").get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(near.get_by_role("button", name="Same voice")).to_be_visible()
    visit.check_accessible()
    # Right after a merge, a search by the character is asked again.
    assert all("422" in wrong for wrong in visit.wrong)
    visit.wrong.clear()


def test_credits_that_the_voices_disagree_with_are_heard(visit: Visit) -> None:
    page = visit.open("/credits/audit")
    card = page.locator(".card", has_text="汐見 まどか").first
    expect(card).to_contain_text("Credited to Ann")
    expect(card.locator(".compared").nth(1)).to_contain_text("琴子")
    expect(card.locator(".line")).to_have_count(4)
    visit.check_accessible()


def test_names_and_lines_are_shown_as_they_are_written(visit: Visit) -> None:
    for path in ("/queue", "/voices", "/voices?voice=3", "/games/4", "/characters/20", "/characters/14"):
        page = visit.open(path)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.locator("img[src=x]").count() == 0


def test_a_characters_styles_are_heard_one_by_one(visit: Visit) -> None:
    page = visit.open("/characters/4")  # with another person's lines since the two were merged
    styles = page.locator("[aria-labelledby=styles]")
    expect(styles.get_by_role("heading", level=3)).to_have_text(["Style 1", "Style 2"])
    expect(styles.locator(".style .line")).to_have_count(6)
    styles.locator(".style").nth(1).locator(".play").first.click()
    expect(styles.locator(".style").nth(1).locator(".is-playing")).to_have_count(1)
    visit.check_accessible()
    expect(visit.open("/characters/1").locator("[aria-labelledby=styles]")).to_contain_text("It takes 12 lines")
