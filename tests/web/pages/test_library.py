"""The library's page: what it holds, voices taken in while one watches, what was refused, and how the server is."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest
from end_to_end import bundled, running
from playwright.sync_api import expect
from standin import write_voice
from web.pages.conftest import LIMIT_MS, Visit, Visiting

from speaker_search.web import shown_answers
from speaker_search.web.ingests import locked


def test_a_maker_leads_to_its_games_and_a_game_to_its_characters(visit: Visit, http: httpx.Client) -> None:
    game = http.get("/v1/games/1").json()
    page = visit.open("/library")
    held = page.locator("#library-held")
    held.get_by_role("button", name="Makers").click()
    held.get_by_role("button", name=f"games of {game['maker']['name']}").click()
    expect(held.locator(".chip")).to_contain_text(game["maker"]["name"])
    held.get_by_role("button", name=f"characters of {game['title']}").click()
    expect(held.locator("tbody tr")).to_have_count(game["characters"])
    page.reload()
    expect(held.locator("tbody tr")).to_have_count(game["characters"])
    name = held.locator("tbody td").first.inner_text()
    held.get_by_label("Filter by name").fill(name)
    expect(held.locator("tbody tr")).to_have_count(1)
    visit.check_accessible()


def test_refused_lines_are_shown_by_reason_with_their_files(visit: Visit, http: httpx.Client) -> None:
    refused = http.get("/v1/refusals", params={"reason": "not_audio"}).json()["clips"]
    page = visit.open("/library")
    page.get_by_role("button", name="Not a sound").click()
    expect(page.locator("#library-refused tbody tr")).to_have_count(len(refused))
    expect(page.locator("#library-refused")).to_contain_text(refused[0]["file"])


def test_the_server_says_which_encoders_work_but_not_where_its_files_are(visit: Visit, http: httpx.Client) -> None:
    page = visit.open("/library")
    page.get_by_role("button", name="Examine").click()
    row = page.get_by_role("row", name="resemblyzer")
    expect(row).to_contain_text("Ready", timeout=4 * LIMIT_MS)
    answer = http.get("/v1/doctor")
    assert answer.json().keys() == shown_answers.ANSWERS["get_health"].model_dump().keys()
    assert not any(str(place) in answer.text for place in (sys.prefix, Path(__file__).parents[3], Path.home()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices")


def test_voices_are_taken_in_while_one_watches_and_an_ingest_is_cancelled(
    visiting: Visiting, ingested: bundled.Ingested, tmp_path: Path, folder: Path
) -> None:
    for take in range(2):
        write_voice(folder / "工房/新作/役" / f"{take}.wav", 3, take, seconds=1.5)
    (folder / "工房/新作/役/broken.wav").write_text("no sound")
    keys = "ann:edit:one,bea:read:two"
    home = ingested.copy(tmp_path / "home")
    (home / "ingests").mkdir()
    with (
        (home / "ingests/lock").open("ab") as lock,
        running.serving(home, SPKSEARCH_INGEST_ROOTS=str(folder), SPKSEARCH_API_KEYS=keys) as server,
    ):
        assert locked(lock)  # as by another server, which runs the ingests
        visit = visiting(server.url)
        page = visit.open("/sign-in?next=/library")
        page.get_by_label("Key").fill("one")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Folder or archive")).to_have_value(str(folder))
        page.get_by_role("button", name="Take in").click()
        card = page.locator(".ingest").first
        expect(card).to_contain_text("Waiting")
        card.get_by_role("button", name="Cancel").click()
        expect(card).to_contain_text("Cancelled")
        lock.close()
        page.get_by_role("button", name="Take in").click()
        page.locator(".ingest[data-state=done]").wait_for(timeout=4 * LIMIT_MS)
        expect(card).to_contain_text("2 lines taken in")
        expect(card).to_contain_text("Not a sound: 1")
        expect(page.locator("#library-held")).to_contain_text("新作")
        page.get_by_role("button", name="Choose …").press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name=str(folder))).to_be_focused()
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("button", name="↑ Up")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(dialog.get_by_role("button", name="工房")).to_be_focused()
        visit.check_accessible()
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("button", name="新作")).to_be_visible()
        dialog.get_by_role("button", name="Choose this folder").press("Enter")
        expect(page.get_by_label("Folder or archive")).to_have_value(str(folder / "工房"))
        page.get_by_label("Folder or archive").fill("/")
        page.get_by_role("button", name="Take in").click()
        expect(page.locator("#library-ingests .problem")).to_contain_text("SPKSEARCH_INGEST_ROOTS")
        assert len(visit.wrong) == 1  # the browser notes that answer
        visit.wrong.clear()

        reading = {"X-API-Key": "two"}
        listed = server.client.get("/v1/ingest", headers=reading)
        assert [one["paths"] for one in listed.json()["ingests"]] == [[folder.name]] * 2
        assert str(folder) not in listed.text
        assert server.client.get("/v1/folders", headers=reading).status_code == 403

        page = visiting(server.url).open("/sign-in?next=/library")
        page.get_by_label("Key").fill("two")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Your key may only read")).to_be_visible()
        expect(page.get_by_label("Folder or archive")).to_have_count(0)
