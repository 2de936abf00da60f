"""The OpenAPI description: every route, both ways to search, errors, and no dangling reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture(scope="module")
def document(server: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_route_is_described_in_words(document: dict[str, Any]) -> None:
    described = dict(operations(document))
    assert described.keys() >= {
        "GET /healthz",
        "POST /v1/search",
        "GET /v1/characters",
        "GET /v1/characters/{character_id}/matches",
        "GET /v1/clips/{clip_id}/audio",
    }
    assert [name for name, operation in described.items() if not operation.get("description")] == []


def test_a_search_is_described_as_upload_and_as_json(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert content.keys() == {"multipart/form-data", "application/json"}
    assert content["multipart/form-data"]["schema"]["properties"].keys() == {"audio", "unlike", "query"}
    batch = document["paths"]["/v1/search/batch"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert batch["schema"]["properties"].keys() == {"audio", "query", "queries"}


def test_every_reference_is_defined(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert reference.startswith("#/"), reference
        part: Any = document
        for name in reference[2:].split("/"):
            assert name in part, reference
            part = part[name]


def test_the_json_of_a_search_names_every_field(document: dict[str, Any]) -> None:
    schema = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    assert fields.keys() >= {"like", "unlike", "embedding", "limit", "cursor", "by", "game", "maker", "min_clips"}
    assert "min_probability" in fields


def test_errors_are_described_with_their_own_media_type(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "/v1/" not in name:
            continue
        failures = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert failures.keys() >= {"401", "404", "413", "422", "503"}, name
        for status, answer in failures.items():
            assert answer["content"].keys() == {"application/problem+json"}, (name, status)


def test_an_answer_has_the_fields_its_description_names(document: dict[str, Any], http: httpx.Client) -> None:
    answer = http.get("/v1/characters/1/matches", params={"limit": 1}).json()
    schemas = document["components"]["schemas"]
    assert answer.keys() == schemas["Search"]["properties"].keys()
    assert answer["matches"][0].keys() == schemas["Match"]["properties"].keys()
    assert answer["matches"][0]["character"].keys() == schemas["Character"]["properties"].keys()


def test_a_sound_is_described_as_audio(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/clips/{clip_id}/audio"]["get"]["responses"]
    assert all(kind.startswith("audio/") for kind in answers["200"]["content"])
    assert answers["200"]["content"]
    assert "206" in answers
