"""Command line, HTTP and Python give the same answers, also to many at once."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import Ingested, Role
from end_to_end.running import LIMIT_S, Server, quickly

import speaker_search
from speaker_search.documents import SearchOptions
from speaker_search.documents.paging import cursor_after


def upload(client: httpx.Client, clips: list[Path], query: str = "{}") -> Any:
    parts: list[tuple[str, Any]] = [("audio", (clip.name, clip.read_bytes())) for clip in clips]
    return client.post("/v1/search", files=[*parts, ("query", (None, query))]).json()


@pytest.fixture(scope="module")
def library(ingested: Ingested) -> Any:
    with speaker_search.open(ingested.home) as library:
        yield library


def test_a_search_by_clips_is_the_same_by_command_line_http_and_python(
    ingested: Ingested, http: httpx.Client, role: Role, library: Any
) -> None:
    clips = role.clips()[:2]
    flags = ("--exclude-game", role.game, "--limit", "7", "--min-clips", "2", "--by", "voice", "--json")
    flags += ("--min-probability", "0.3")
    by_command = quickly("search", *clips, *flags, home=ingested.home).document
    query = {"exclude_game": [role.game], "limit": 7, "min_clips": 2, "by": "voice", "min_probability": 0.3}
    assert upload(http, clips, json.dumps(query)) == by_command
    options = SearchOptions(**query)
    assert library.search_document(clips, options).model_dump(mode="json") == by_command
    uploads = [clip.read_bytes() for clip in clips]
    assert library.search_document(uploads, options).model_dump(mode="json") == by_command


def test_similar_is_the_same_by_command_line_http_and_python(
    ingested: Ingested, http: httpx.Client, role: Role, library: Any
) -> None:
    id_ = library.character(role.address).id
    flags = ("--limit", "5", "--min-probability", "0.3", "--json")
    by_command = quickly("similar", str(id_), *flags, home=ingested.home).document
    query = {"limit": 5, "min_probability": 0.3}
    assert http.get(f"/v1/characters/{id_}/matches", params=query).json() == by_command
    answer = library.similar_document(role.address, SearchOptions(**query))
    assert answer.model_dump(mode="json") == by_command
    assert 0 < len(by_command["matches"]) < 5
    assert all(match["probability"] >= 0.3 for match in by_command["matches"])


def test_the_objects_that_python_gets_are_those_of_the_document(role: Role, library: Any) -> None:
    clips = role.clips()[:2]
    matches = library.search(clips).matches
    document = library.search_document(clips, SearchOptions())
    assert [match.character.address for match in matches] == [match.character.address for match in document.matches]
    assert [round(match.probability, 6) for match in matches] == [match.probability for match in document.matches]
    assert matches[0].hits[0].clip.path in clips


def test_characters_are_the_same_by_command_line_http_and_python(
    ingested: Ingested, http: httpx.Client, library: Any
) -> None:
    after = cursor_after("characters", 3)
    by_command = quickly("catalog", "list", "--limit", "5", "--cursor", after, "--json", home=ingested.home).document
    assert http.get("/v1/characters", params={"limit": 5, "cursor": after}).json() == by_command
    assert library.characters(limit=5, cursor=after).model_dump(mode="json") == by_command
    assert [one["id"] for one in by_command["characters"]] == [4, 5, 6, 7, 8]


def test_a_clip_that_is_in_the_catalog_is_found_as_itself(
    http: httpx.Client, role: Role, clip: Path, library: Any
) -> None:
    first = upload(http, [clip])["matches"][0]
    assert first["character"]["name"] == role.character
    assert first["hits"][0]["cosine"] == pytest.approx(1.0, abs=1e-4)
    assert first["hits"][0]["clip"]["audio"]
    assert http.get(first["hits"][0]["clip"]["audio"]).content == clip.read_bytes()


def alike(one: Any, other: Any) -> bool:
    """Whether two documents are equal but for the last digits of numbers: sounds embedded together differ in these,
    and so do the cursors that hold them.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one if key != "next")
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-3)
    return bool(one == other)


def test_searches_at_once_give_what_each_gives_alone(server: Server, role: Role) -> None:
    questions: list[tuple[str, Any]] = [("clip", [clip]) for clip in role.clips()[:4]]
    questions += [("character", id_) for id_ in range(1, 13)]
    questions += [("by clip", id_) for id_ in range(1, 13)]

    def ask(question: tuple[str, Any]) -> Any:
        kind, about = question
        with httpx.Client(base_url=server.url, timeout=LIMIT_S, trust_env=False) as client:
            if kind == "clip":
                return upload(client, about)
            if kind == "character":
                return client.get(f"/v1/characters/{about}/matches").json()
            return client.post("/v1/search", json={"like": [{"clip": about}], "by": "clip"}).json()

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, questions * 2))
    assert all(alike(one, other) for one, other in zip(together, alone * 2, strict=True))
    assert [answer for answer in alone if not answer.get("matches")] == []
