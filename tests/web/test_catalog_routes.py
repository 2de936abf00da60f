"""GET /v1/characters and /v1/clips/{id}/audio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import VOICES, Ingested, Role, cast
from end_to_end.running import quickly


def characters(http: httpx.Client, **parameters: Any) -> dict[str, Any]:
    response = http.get("/v1/characters", params=parameters)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


@pytest.fixture
def sound(http: httpx.Client, role: Role) -> tuple[str, bytes]:
    """Where a clip's sound is, and the bytes of its file."""
    (one,) = characters(http, maker=role.maker, game=role.game, name=role.character)["characters"]
    found = http.post("/v1/search", json={"like": [{"character": one["id"]}], "by": "clip", "limit": 1}).json()
    hit = found["matches"][0]["hits"][0]["clip"]
    return hit["audio"], _of_text(hit["text"]).read_bytes()


def _of_text(text: str) -> Path:
    """The bundled file of a line, by the lists beside them."""
    for index in VOICES.glob("*/index.json"):
        for row in json.loads(index.read_text(encoding="utf-8")):
            if row["Text"] == text:
                stem = row.get("Voice", row.get("FilePath")).rpartition("\\")[2].removesuffix(".ogg")
                return next(index.parent.rglob(f"{stem}.ogg"))
    raise AssertionError(text)


@pytest.mark.parametrize("limit", [1, 5, 24, 1000])
def test_a_walk_along_the_cursor_visits_every_character_once(http: httpx.Client, limit: int) -> None:
    seen, cursor = [], None
    while True:
        page = characters(http, limit=limit, **({} if cursor is None else {"cursor": cursor}))
        assert 1 <= len(page["characters"]) <= limit
        seen += [(one["game"]["maker"]["name"], one["game"]["title"], one["name"]) for one in page["characters"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted((role.maker, role.game, role.character) for role in cast())


def test_characters_are_filtered_by_folded_names(http: httpx.Client, role: Role) -> None:
    of_maker = characters(http, maker=role.maker)["characters"]
    assert {one["game"]["maker"]["name"] for one in of_maker} == {role.maker}
    assert len(of_maker) == 12
    of_game = characters(http, game=f" {role.game} ")["characters"]
    assert {one["game"]["title"] for one in of_game} == {role.game}
    assert len(of_game) == 6
    (only,) = characters(http, maker=role.maker, game=role.game, name=role.character)["characters"]
    assert (only["name"], only["clips"]) == (role.character, 8)
    assert characters(http, name="nobody") == {"characters": [], "next": None}


def test_a_clips_sound_is_its_file_byte_for_byte(http: httpx.Client, sound: tuple[str, bytes]) -> None:
    path, content = sound
    response = http.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "audio/ogg")
    assert response.headers["accept-ranges"] == "bytes"
    assert response.content == content


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-50", slice(-50, None)),
        ("bytes=7-7", slice(7, 8)),
        ("bytes=10-99999999", slice(10, None)),
    ],
)
def test_a_part_of_a_sound_comes_with_its_place(
    http: httpx.Client, sound: tuple[str, bytes], wanted: str, part: slice
) -> None:
    path, content = sound
    start, stop, _ = part.indices(len(content))
    response = http.get(path, headers={"Range": wanted})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"
    assert response.content == content[part]


def test_a_part_beyond_the_end_is_a_problem_that_tells_the_length(http: httpx.Client, sound: tuple[str, bytes]) -> None:
    path, content = sound
    response = http.get(path, headers={"Range": "bytes=99999999-"})
    assert (response.status_code, response.headers["content-type"]) == (416, "application/problem+json")
    assert response.headers["content-range"] == f"bytes */{len(content)}"
    document = response.json()
    assert (document["type"], document["title"]) == ("urn:spksearch:problem:range", "Range Not Satisfiable")


def test_a_missing_file_is_not_found_and_one_that_is_not_audio_is_sent(http: httpx.Client, ingested: Ingested) -> None:
    refused = quickly("catalog", "refused", "--json", home=ingested.home).document["clips"]
    found = {clip["reason"]: http.get(f"/v1/clips/{clip['id']}/audio").status_code for clip in refused}
    assert found == {"missing": 404, "not_audio": 200}


def test_an_answer_does_not_wait_for_an_acknowledgement(http: httpx.Client) -> None:
    """Without TCP_NODELAY each answer on a connection in use takes 40 ms, however idle the machine is."""
    assert any(http.get("/healthz").elapsed.total_seconds() < 0.03 for _ in range(1_000))
