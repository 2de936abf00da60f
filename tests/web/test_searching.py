"""POST /v1/search and GET /v1/characters/{id}/matches: what can be asked with, and how an answer is narrowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import Role

NO_CLIPS = "The minimum number of clips must be 0 or more, not -1."


def uploaded(http: httpx.Client, *clips: Path, **options: Any) -> dict[str, Any]:
    """The answer to a search by clips."""
    parts: list[tuple[str, Any]] = [("audio", (clip.name, clip.read_bytes(), "audio/ogg")) for clip in clips]
    if options:
        parts.append(("query", (None, json.dumps(options))))
    return answered(http.post("/v1/search", files=parts))


def asked(http: httpx.Client, **request: Any) -> dict[str, Any]:
    """The answer to a search in JSON."""
    return answered(http.post("/v1/search", json=request))


def answered(response: httpx.Response) -> dict[str, Any]:
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json"), response.text
    document: dict[str, Any] = response.json()
    return document


def names(document: dict[str, Any]) -> list[str]:
    """Addresses of the characters found."""
    found = [match["character"] for match in document["matches"]]
    return [f"{one['game']['maker']['name']}/{one['game']['title']}/{one['name']}" for one in found]


@pytest.fixture(scope="module")
def id_of(http_of_module: httpx.Client) -> dict[str, int]:
    """Ids of characters, by address."""
    return {
        f"{one['game']['maker']['name']}/{one['game']['title']}/{one['name']}": one["id"]
        for one in http_of_module.get("/v1/characters").json()["characters"]
    }


@pytest.fixture(scope="module")
def http_of_module(server: Any) -> httpx.Client:
    client: httpx.Client = server.client
    return client


def test_an_uploaded_clip_finds_its_voice_in_other_games(
    http: httpx.Client, clip: Path, role: Role, elsewhere: set[str]
) -> None:
    document = uploaded(http, clip, exclude_game=[role.game])
    assert set(names(document)[: len(elsewhere)]) == elsewhere
    assert document["query"]["clips"] == 1


def test_several_clips_are_one_query(http: httpx.Client, role: Role, elsewhere: set[str]) -> None:
    document = uploaded(http, *role.clips()[:3], exclude_game=[role.game])
    assert document["query"]["clips"] == 3
    assert set(names(document)[: len(elsewhere)]) == elsewhere
    alone = [uploaded(http, clip)["query"]["seconds"] for clip in role.clips()[:3]]
    assert document["query"]["seconds"] == pytest.approx(sum(alone), abs=0.002)


def test_an_upload_without_a_query_part_gives_ten_matches_and_a_cursor(http: httpx.Client, clip: Path) -> None:
    document = uploaded(http, clip)
    assert (len(document["matches"]), document["complete"]) == (10, False)
    assert document["next"]


def test_the_query_part_may_be_a_file(http: httpx.Client, clip: Path) -> None:
    """Browsers send a JSON blob with a file name of their own."""
    parts = [("audio", ("a.ogg", clip.read_bytes())), ("query", ("blob", b'{"limit": 3}', "application/json"))]
    assert answered(http.post("/v1/search", files=parts)) == uploaded(http, clip, limit=3)


def test_the_media_type_of_an_upload_may_be_in_capitals(http: httpx.Client, clip: Path) -> None:
    request = http.build_request("POST", "/v1/search", files=[("audio", ("a.ogg", clip.read_bytes()))])
    kind = request.headers["content-type"].replace("multipart/form-data", "Multipart/Form-Data")
    request.headers["content-type"] = kind
    assert answered(http.send(request)) == uploaded(http, clip)


def test_a_query_part_may_say_what_the_voice_is_not_like(
    http: httpx.Client, clip: Path, elsewhere: set[str], id_of: dict[str, int]
) -> None:
    away = next(iter(elsewhere))
    plain, unlike = uploaded(http, clip, limit=24), uploaded(http, clip, limit=24, unlike=[{"character": id_of[away]}])
    before, after = (
        next(match["score"] for match in document["matches"] if match["character"]["id"] == id_of[away])
        for document in (plain, unlike)
    )
    assert after < before - 0.2
    assert {match["probability"] for match in unlike["matches"]} == {None}
    assert unlike["query"]["warnings"]


def test_a_clip_of_the_catalog_finds_itself_first_and_its_character(
    http: httpx.Client, role: Role, id_of: dict[str, int], elsewhere: set[str]
) -> None:
    own = next(
        match["hits"][0]["clip"]
        for match in asked(http, like=[{"character": id_of[role.address]}], by="clip")["matches"]
        if match["character"]["id"] == id_of[role.address]
    )
    document = asked(http, like=[{"clip": own["id"]}])
    first = document["matches"][0]
    assert first["character"]["id"] == id_of[role.address]
    assert (first["hits"][0]["clip"], first["hits"][0]["cosine"]) == (own, 1.0)
    assert set(names(document)[1:3]) == elsewhere


def test_clips_and_characters_together_are_one_query(
    http: httpx.Client, role: Role, id_of: dict[str, int], elsewhere: set[str]
) -> None:
    ids = [id_of[address] for address in (role.address, *elsewhere)]
    document = asked(http, like=[{"character": id_} for id_ in ids])
    assert {match["character"]["id"] for match in document["matches"][:3]} == set(ids)
    assert document["query"]["clips"] == 24  # each character counts as its eight clips


def test_an_embedding_made_elsewhere_is_compared_by_its_direction(http: httpx.Client) -> None:
    vector = [(-1.0) ** place * (place + 1) for place in range(256)]
    document = asked(http, embedding=vector)
    assert document["query"]["seconds"] is None
    assert asked(http, embedding=[17 * value for value in vector])["matches"] == document["matches"]


def test_filters_let_only_what_they_name_answer(http: httpx.Client, clip: Path, role: Role) -> None:
    def games(**options: Any) -> set[tuple[str, str]]:
        found = uploaded(http, clip, limit=24, **options)["matches"]
        return {(m["character"]["game"]["maker"]["name"], m["character"]["game"]["title"]) for m in found}

    everywhere = games()
    assert len(everywhere) == 4
    assert games(game=[role.game]) == {(role.maker, role.game)}
    assert games(exclude_game=[role.game]) == everywhere - {(role.maker, role.game)}
    assert games(maker=[role.maker]) == {place for place in everywhere if place[0] == role.maker}
    assert games(exclude_maker=[role.maker]) == {place for place in everywhere if place[0] != role.maker}
    assert games(min_clips=9) == set()
    assert games(game=["　" + role.game]) == {(role.maker, role.game)}


def test_by_game_every_game_answers_once_and_by_clip_every_line_of_its_own(http: httpx.Client, clip: Path) -> None:
    games = [match["character"]["game"]["id"] for match in uploaded(http, clip, by="game")["matches"]]
    assert sorted(games) == sorted(set(games))
    assert len(games) == 4
    lines = [match["hits"][0]["clip"]["id"] for match in uploaded(http, clip, by="clip", limit=1000)["matches"]]
    assert len(lines) == len(set(lines)) == 193


def test_by_voice_the_characters_of_one_voice_answer_once(
    http: httpx.Client, role: Role, id_of: dict[str, int], elsewhere: set[str]
) -> None:
    document = asked(http, like=[{"character": id_of[role.address]}], by="voice", limit=24)
    found = names(document)
    assert len({role.address, *elsewhere} & set(found)) == 1
    voices = [match["character"]["voice"] for match in document["matches"]]
    assert len([voice for voice in voices if voice is not None]) == 8
    assert len(found) == 10


def test_pages_follow_each_other_by_their_cursors_alone(http: httpx.Client, clip: Path) -> None:
    whole = uploaded(http, clip, limit=24)
    page = uploaded(http, clip, limit=7)
    pages = page["matches"]
    while page["next"] is not None:
        assert not page["complete"]
        page = asked(http, cursor=page["next"], limit=7)
        pages += page["matches"]
        assert page["query"] == whole["query"]
    assert pages == whole["matches"]
    assert (len(pages), page["complete"], whole["complete"]) == (24, True, True)


def test_clips_of_the_catalog_and_uploads_are_one_query(http: httpx.Client, role: Role, id_of: dict[str, int]) -> None:
    one, other = role.clips()[:2]
    character = {"character": id_of[role.address]}
    assert uploaded(http, one, like=[character])["query"]["clips"] == 8  # of which it is one
    parts = [("audio", (one.name, one.read_bytes())), ("unlike", (other.name, other.read_bytes()))]
    away = answered(http.post("/v1/search", files=parts))
    assert {match["probability"] for match in away["matches"]} == {None}
    parts = [*parts[1:], ("query", (None, json.dumps({"like": [character]})))]
    assert answered(http.post("/v1/search", files=parts))["query"]["clips"] == 8


def test_a_batch_answers_each_search_as_if_it_were_alone(http: httpx.Client, role: Role) -> None:
    def batch(**request: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = answered(http.post("/v1/search/batch", **request))["answers"]
        return found

    one, other = role.clips()[:2]
    files = [("audio", (clip.name, clip.read_bytes())) for clip in (one, other)]
    options = ("query", (None, '{"limit": 3}'))
    alone = [uploaded(http, clip, limit=3) for clip in (one, other)]
    for one_of_both, by_itself in zip(batch(files=[*files, options]), alone, strict=True):
        found = one_of_both["search"]
        assert (one_of_both["problem"], found["query"], names(found)) == (None, by_itself["query"], names(by_itself))
        scores = [[match["score"] for match in document["matches"]] for document in (found, by_itself)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)  # embedded together, vectors differ in the last digits
    queries: list[dict[str, Any]] = [
        {"audio": [0, 1], "limit": 2},
        {"audio": [1], "by": "game", "min_clips": -1},
        {"like": [{"clip": 999}]},
        {"like": [{"clip": 1}], "by": "clip", "limit": 1},
    ]
    both, wrong, absent, by_clip = batch(files=[*files, ("queries", (None, json.dumps({"queries": queries})))])
    assert names(both["search"]) == names(uploaded(http, one, other, limit=2))
    assert by_clip["search"] == asked(http, like=[{"clip": 1}], by="clip", limit=1)
    assert wrong == {"search": None, "problem": {"type": "urn:spksearch:problem:usage", "detail": NO_CLIPS}}
    assert (absent["search"], absent["problem"]["type"]) == (None, "urn:spksearch:problem:not-found")
    assert batch(json={"queries": queries[2:]}) == [absent, by_clip]


def test_matches_of_a_character_are_of_other_games_unless_asked(
    http: httpx.Client, role: Role, id_of: dict[str, int], elsewhere: set[str]
) -> None:
    path = f"/v1/characters/{id_of[role.address]}/matches"
    found = names(answered(http.get(path)))
    assert set(found[: len(elsewhere)]) == elsewhere
    assert not any(f"/{role.game}/" in name for name in found)
    everyone = names(answered(http.get(path, params={"same_game": True, "limit": 24})))
    assert len(everyone) == 23
    assert role.address not in everyone


def test_matches_of_a_character_take_filters_and_pages(http: httpx.Client, role: Role, id_of: dict[str, int]) -> None:
    path = f"/v1/characters/{id_of[role.address]}/matches"
    whole = answered(http.get(path, params={"limit": 24}))
    first = answered(http.get(path, params={"limit": 3}))
    second = answered(http.get(path, params={"limit": 3, "cursor": first["next"]}))
    assert first["matches"] + second["matches"] == whole["matches"][:6]
    other = next(match["character"]["game"]["title"] for match in whole["matches"])
    left = names(answered(http.get(path, params={"exclude_game": [other, role.game], "limit": 24})))
    assert left == [name for name in names(whole) if f"/{other}/" not in name]
