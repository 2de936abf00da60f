"""Listening and judging as a person does it: the queue by the keyboard alone, and the pages about voices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from end_to_end import bundled, running
from playwright.sync_api import Page, expect
from web.pages.conftest import Visit, Visiting

from speaker_search.library import Library
from speaker_search.settings import Settings

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
        yield server


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
    page = visit.open("/queue")
    page.evaluate("localStorage.setItem('spksearch_author', 'Rin')")
    asked = page.evaluate("fetch('/v1/queue').then((answer) => answer.json())")["pairs"]
    names(page)
    page.context.set_offline(True)
    page.keyboard.press("s")
    expect(page.get_by_text("One answer waits in this browser")).to_be_visible()
    page.context.set_offline(False)
    page.reload()  # what was not sent is sent by the next page
    expect(page.locator(".recent .is-kept")).to_have_count(1)
    (verdict,) = told.client.get("/v1/verdicts").json()["verdicts"]
    shown = names(page)
    pair = next(pair for pair in asked if [pair["one"]["name"], pair["other"]["name"]] == shown)
    other = {"one": pair["one"]["id"], "other": pair["other"]["id"], "same": False, "author": "Bea"}
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
