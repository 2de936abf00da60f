"""Lists over HTTP: filters, and cursors that neither repeat nor skip while rows are added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from search.filling import around, fill, units
from standin import DIM
from web.stocked import stocked

from speaker_search.documents.paging import cursor_after
from speaker_search.library import Library

Stock = tuple[Library, TestClient]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with stocked(tmp_path_factory.mktemp("stock")) as found:
        yield found


@pytest.fixture(scope="module")
def http(stock: Stock) -> TestClient:
    return stock[1]


def get(http: TestClient, path: str, **parameters: Any) -> Any:
    response = http.get(f"/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def walk(http: TestClient, path: str, listed: str, **parameters: Any) -> list[Any]:
    """All rows of a list, page by page."""
    found, cursor = [], None
    while True:
        page = get(http, path, **parameters, **({} if cursor is None else {"cursor": cursor}))
        found += page[listed]
        cursor = page["next"]
        if cursor is None:
            return found
        assert len(page[listed]) == parameters["limit"]


LISTS = {
    "makers": "makers",
    "games": "games",
    "characters": "characters",
    "clips": "clips",
    "voices": "voices",
    "verdicts": "verdicts",
    "credits": "credits",
    "edits": "edits",
    "games/1/unknown": "lines",
}


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_a_list_have_each_row_once(http: TestClient, path: str) -> None:
    whole = walk(http, path, LISTS[path], limit=1000)
    assert whole
    assert walk(http, path, LISTS[path], limit=1) == whole
    assert walk(http, path, LISTS[path], limit=2) == whole


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "1", "", "LTE", "é", "/../", "A" * 3000, cursor_after("another list", 1)])
def test_a_cursor_that_the_list_did_not_give_is_a_problem(http: TestClient, path: str, cursor: str) -> None:
    response = http.get(f"/v1/{path}", params={"cursor": cursor})
    assert (response.status_code, response.json()["type"]) == (422, "urn:spksearch:problem:usage")
    assert "is not a cursor of this list" in response.json()["detail"]


@pytest.mark.parametrize("key", [2**63, -(2**64), float("inf"), float("nan"), True, [1], "x", None])
def test_a_cursor_made_by_our_own_rule_of_an_impossible_key_is_a_problem(http: TestClient, key: Any) -> None:
    for path in ("characters", "verdicts", "edits"):
        assert http.get(f"/v1/{path}", params={"cursor": cursor_after(path, key)}).status_code == 422
    assert http.get("/v1/credits", params={"cursor": cursor_after("credits", 1, key)}).status_code == 422


def test_an_altered_cursor_is_a_problem(http: TestClient) -> None:
    cursor = get(http, "characters", limit=2)["next"]
    for place in range(len(cursor)):
        altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        assert http.get("/v1/characters", params={"cursor": altered}).status_code == 422


@pytest.mark.parametrize("path", ["games", "characters", "clips", "makers"])
def test_rows_added_while_a_list_is_read_come_once_and_none_is_skipped(stock: Stock, path: str) -> None:
    library, http = stock
    before = walk(http, path, path, limit=1000)
    page = get(http, path, limit=3)
    rng = np.random.default_rng(len(path))
    fill(
        library,
        {f"added to {path}/added to {path}": {f"added to {path}": around(units(rng.standard_normal(DIM)), 2, rng)}},
    )
    ids = [row["id"] for row in page[path]]
    while page["next"]:
        page = get(http, path, limit=3, cursor=page["next"])
        ids += [row["id"] for row in page[path]]
    assert ids[: len(before)] == [row["id"] for row in before]
    assert len(ids) > len(before)
    assert len(set(ids)) == len(ids)


def test_verdicts_given_while_they_are_read_do_not_repeat_the_older_ones(stock: Stock) -> None:
    library, http = stock
    page = get(http, "verdicts", limit=2)
    given = library.judge(3, 30, same=False, author="cleo")
    rest = get(http, "verdicts", cursor=page["next"])["verdicts"]
    ids = [row["id"] for row in page["verdicts"] + rest]
    assert ids == sorted(set(ids), reverse=True)
    assert given.id not in ids
    library.undo_verdict(given.id)


def test_makers_and_games_are_found_by_names_parts_and_ids(http: TestClient) -> None:
    (kumo,) = get(http, "makers", name=" ＫＵＭＯ ")["makers"]
    assert (kumo["name"], kumo["games"]) == ("Kumo", 1)
    assert get(http, f"makers/{kumo['id']}") == kumo
    assert {row["name"] for row in get(http, "makers", contains="AKER1")["makers"]} == {"maker1"}
    assert get(http, "makers", contains="%")["makers"] == []
    (hare,) = get(http, "games", maker_id=kumo["id"])["games"]
    assert (hare["title"], hare["maker"]["name"], hare["characters"]) == ("Hare", "Kumo", 2)
    assert get(http, f"games/{hare['id']}") == hare
    assert get(http, "games", maker="kumo", title="hare")["games"] == [hare]
    assert get(http, "games", maker="maker1", title="hare")["games"] == []
    assert [row["title"] for row in get(http, "games", contains="AME3")["games"]] == ["game3"]


def test_what_was_renamed_or_merged_is_found_by_its_former_name_and_id(stock: Stock) -> None:
    library, http = stock
    (game,) = get(http, "games", title="game five")["games"]
    assert get(http, "games", title="game5")["games"] == [game]
    one, other = get(http, "characters", game_id=game["id"])["characters"][-2:]
    library.merge("character", one["id"], other["id"], author="ann")
    merged = get(http, f"characters/{one['id']}")
    assert (merged["id"], merged["clips"]) == (other["id"], one["clips"] + other["clips"])
    assert get(http, "clips", character_id=one["id"]) == get(http, "clips", character_id=other["id"])
    library.undo_edit(get(http, "edits", limit=1)["edits"][0]["id"])
    assert get(http, f"characters/{one['id']}") == one


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("makers/999", "`GET /v1/makers`"),
        ("games/999", "`GET /v1/games`"),
        ("characters/999", "`GET /v1/characters`"),
        ("characters?maker_id=999", "`GET /v1/makers`"),
        ("clips?game=nothing", "`GET /v1/games`"),
        ("voices/999", "`GET /v1/voices`"),
        ("games/999/cast", "`GET /v1/games`"),
        ("verdicts?character=nobody", "`GET /v1/characters`"),
    ],
)
def test_what_is_not_there_is_a_problem_that_names_the_list_to_look_in(
    http: TestClient, path: str, instead: str
) -> None:
    response = http.get(f"/v1/{path}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:spksearch:problem:not-found")
    assert instead in response.json()["detail"]
    assert "spksearch " not in response.json()["detail"]


def test_characters_are_filtered_by_ids_and_by_parts_of_their_names(http: TestClient) -> None:
    (hare,) = get(http, "games", title="Hare")["games"]
    cast = get(http, "characters", game_id=hare["id"])["characters"]
    assert [one["name"] for one in cast] == ["Aoi", "Beni"]
    assert get(http, "characters", maker_id=hare["maker"]["id"], contains="BEN")["characters"] == cast[1:]
    assert get(http, f"characters/{cast[0]['id']}") == cast[0]
    assert cast[0]["clips"] == 2


def test_clips_are_filtered_by_whose_they_are_and_by_their_state(http: TestClient) -> None:
    (hare,) = get(http, "games", title="Hare")["games"]
    aoi = get(http, "characters", game_id=hare["id"])["characters"][0]
    clips = get(http, "clips", character_id=aoi["id"])["clips"]
    assert [clip["state"] for clip in clips].count("embedded") == 2
    (refused,) = get(http, "clips", state="refused")["clips"]
    assert (refused["reason"], refused["character"]["name"], refused["seconds"]) == ("not_audio", "Aoi", None)
    assert refused in clips
    assert get(http, "clips", state="pending")["clips"] == []
    assert (
        get(http, "clips", game_id=hare["id"], state="embedded")["clips"]
        == get(http, "clips", maker="Kumo", state="embedded")["clips"]
    )
    unknown = get(http, "clips", unknown=True, game="game0")["clips"]
    assert [clip["character"] for clip in unknown] == [None, None]
    assert get(http, f"clips/{refused['id']}") == refused
    assert "path" not in refused
    both = http.get("/v1/clips", params={"unknown": True, "character_id": aoi["id"]})
    assert both.status_code == 422


def test_voices_are_filtered_by_game_character_and_actor(http: TestClient) -> None:
    voices = get(http, "voices")["voices"]
    actors = [voice for voice in voices if voice["voice_actor"] == "Ann"]
    assert actors
    assert get(http, "voices", voice_actor="ＡＮＮ")["voices"] == actors
    one = voices[0]["characters"][0]
    assert get(http, "voices", character_id=one["id"])["voices"] == [voices[0]]
    in_game = get(http, "voices", game=one["game"], maker=one["maker"])["voices"]
    assert in_game == [v for v in voices if any(c["game"] == one["game"] for c in v["characters"])]
    most = max(len(voice["characters"]) for voice in voices)
    assert {len(voice["characters"]) for voice in get(http, "voices", min_characters=most)["voices"]} == {most}
    assert get(http, "voices", min_characters=most + 1)["voices"] == []


def test_verdicts_are_filtered_by_character_kind_and_author(http: TestClient) -> None:
    everything = get(http, "verdicts", history=True)["verdicts"]
    assert get(http, "verdicts", same=False, author="bea")["verdicts"] == [
        v for v in everything if v["author"] == "bea"
    ]
    assert get(http, "verdicts", same=True, author="bea")["verdicts"] == []
    one = everything[-1]["one"]
    wanted = [v for v in everything if one["id"] in (v["one"]["id"], v["other"]["id"]) and v["state"] == "stands"]
    assert get(http, "verdicts", character=one["id"])["verdicts"] == wanted
    assert get(http, "verdicts", character=f"{one['maker']}/{one['game']}/{one['name']}")["verdicts"] == wanted


def test_credits_are_listed_by_character_and_imported_from_a_file(stock: Stock) -> None:
    library, http = stock
    listed = get(http, "credits")["credits"]
    assert [one["voice_actor"] for one in listed] == ["Ann", "Ann", "Bea"]
    assert get(http, "credits", voice_actor="bea")["credits"] == listed[2:]
    assert get(http, "credits", game="game1")["credits"] == listed[1:2]
    assert get(http, "credits", character_id=listed[0]["character"]["id"])["credits"] == listed[:1]
    more = b"maker,game,character,voice_actor\nKumo,Hare,Aoi,Cleo\nKumo,Hare,Nobody,Cleo\n"
    for dry_run in (True, False):
        response = http.post("/v1/credits", params={"dry_run": dry_run}, files={"file": ("x/列.csv", more)})
        assert response.status_code == 200, response.text
        assert (response.json()["matched"], response.json()["unmatched"], response.json()["new"]) == (1, 1, 1)
        assert response.json()["dry_run"] is dry_run
        assert len(get(http, "credits")["credits"]) == (3 if dry_run else 4)
    audit = get(http, "credits/audit", limit=1)
    assert audit["encoder"] == library.space.name
    assert get(http, "credits/likely", min_probability=0.5)["encoder"] == library.space.name


def test_a_list_of_credits_that_cannot_be_used_is_a_problem(http: TestClient) -> None:
    for content, words in ((b"", "empty"), (b"a,b\n1,2\n", "has no column"), (b"\xff\xfe\x00", "neither UTF-8")):
        response = http.post("/v1/credits", files={"file": ("list.csv", content)})
        assert (response.status_code, response.json()["type"]) == (422, "urn:spksearch:problem:usage"), response.text
        assert words in response.json()["detail"]
    large = http.post("/v1/credits", files={"file": ("list.csv", b"x" * (16 * 2**20 + 1))})
    assert (large.status_code, large.json()["type"]) == (413, "urn:spksearch:problem:too-large")


def test_a_games_cast_is_its_sheet(stock: Stock) -> None:
    library, http = stock
    (game,) = get(http, "games", title="game2")["games"]
    sheet = get(http, f"games/{game['id']}/cast")
    assert sheet == library.cast_sheet("game2").model_dump(mode="json")
    assert {one["id"] for one in sheet["sheet"]} == {
        one["id"] for one in get(http, "characters", game_id=game["id"])["characters"]
    }


def test_the_unknown_lines_of_a_game_come_without_places_on_the_servers_disk(stock: Stock) -> None:
    library, http = stock
    lines = get(http, "games/1/unknown")["lines"]
    assert [line["id"] for line in lines] == [line.id for line in library.unknown_lines("game0").lines]
    assert all("path" not in line and line["audio"] for line in lines)


def test_changes_of_voices_are_listed(http: TestClient) -> None:
    assert get(http, "voices/changes")["changes"][-1]["kind"] == "first"
