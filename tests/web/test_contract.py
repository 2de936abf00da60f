"""The server against its own OpenAPI description: every answer to good, odd and hostile requests is described there."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from web.stocked import stocked

from speaker_search.web import shown_answers
from speaker_search.web.problems import KINDS, PREFIX

#: Values for every parameter, whatever it is for.
ODD = ("", "x", "0", "-1", "1.5", "9" * 30, "true", "%00", "é＼'\"<>", "null", "a" * 5000, "NaN", "../../etc/passwd")
#: Bodies for every route that takes JSON.
BODIES = (b"", b"{", b"null", b"[]", b"0", b'"x"', b"{}", b'{"\\ud800": 1}', b"\xff", b"[" * 10_000, b'{"a": NaN}')
#: A whole number, a list, an object and too long a text in place of every field of a body.
FIELDS = (10**30, -1, [], {}, "x" * 5000, None, True, "\0", 1.5)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with stocked(tmp_path_factory.mktemp("stock")) as (_, client):
        yield client


@pytest.fixture(scope="module")
def description(http: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/openapi.json").json()
    return found


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def filled(path: str, value: str = "1") -> str:
    """The path with this in place of each of its parameters."""
    return re.sub(r"\{\w+\}", value, path)


def check(answer: Any, path: str, method: str, operation: dict[str, Any]) -> None:
    """Whether the description has this answer: its status, its media type, its type of problem."""
    asked = f"{method} {answer.request.url} {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500 or path == "/readyz", asked
    described = operation["responses"].get(str(answer.status_code))
    assert described is not None, asked
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code >= 400:
        assert kind == "application/problem+json", asked
        problem = answer.json()
        name = problem["type"].removeprefix(PREFIX)
        assert name in described["content"][kind]["examples"], asked
        assert KINDS[name].status == problem["status"] == answer.status_code, asked
        assert not re.search(r"`spksearch |Traceback|/tmp/", problem["detail"]), asked
    elif answer.status_code != 304:
        kinds = described["content"]
        assert kind in kinds or f"{kind.partition('/')[0]}/*" in kinds, asked


def test_every_operation_has_a_name_a_tag_words_and_an_example(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for *_, operation in operations(description)]
    assert len(set(names)) == len(names) >= 29
    assert [name for name in names if not name.isidentifier() or keyword.iskeyword(name)] == []
    tags = {tag["name"] for tag in description["tags"]}
    for path, method, operation in operations(description):
        assert operation["description"], (method, path)
        assert set(operation["tags"]) <= tags, (method, path)
        assert operation["tags"], (method, path)
        for status, answer in operation["responses"].items():
            if "application/json" in answer.get("content", {}):
                assert "example" in answer["content"]["application/json"], (method, path, status)
        for kind, body in operation.get("requestBody", {"content": {}})["content"].items():
            assert kind != "application/json" or "example" in body, (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["in"] in ("path", "query"), (method, path)


def test_no_example_is_of_a_route_that_is_not_there(description: dict[str, Any]) -> None:
    names = {operation["operationId"] for *_, operation in operations(description)}
    assert shown_answers.ANSWERS.keys() <= names
    assert shown_answers.BODIES.keys() <= names


def test_every_link_leads_from_an_id_of_the_example_to_a_parameter(description: dict[str, Any]) -> None:
    parameters = {
        operation["operationId"]: {parameter["name"] for parameter in operation.get("parameters", [])}
        for *_, operation in operations(description)
    }
    linked = set()
    for *_, operation in operations(description):
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                ((name, place),) = link["parameters"].items()
                assert name in parameters[link["operationId"]]
                part = answer["content"]["application/json"]["example"]
                for key in place.removeprefix("$response.body#/").split("/"):
                    part = part[int(key)] if isinstance(part, list) else part[key]
                assert part
                linked.add(link["operationId"])
    taking = {name for name, taken in parameters.items() if any(each.endswith("_id") for each in taken)}
    assert linked <= taking


def test_every_type_of_problem_is_an_example_of_some_route(description: dict[str, Any]) -> None:
    named = {
        name
        for *_, operation in operations(description)
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for name in content.get("examples", {})
    }
    assert named == KINDS.keys() - {"method"} == description["components"]["examples"].keys() - {"method"}


def test_answers_have_the_fields_of_their_examples(http: TestClient, description: dict[str, Any]) -> None:
    compared = 0
    for path, method, operation in operations(description):
        if method != "GET" or "{ingest_id}" in path or path in ("/v1/clips/{clip_id}/audio", "/v1/doctor", "/metrics"):
            continue
        answer = http.get(filled(path))
        check(answer, path, method, operation)
        example = operation["responses"]["200"]["content"]["application/json"]["example"]
        if answer.status_code == 200 and isinstance(example, dict):
            assert answer.json().keys() == example.keys(), path
            compared += 1
    assert compared > 18


def test_odd_parameters_get_answers_that_are_described(http: TestClient, description: dict[str, Any]) -> None:
    asked = 0
    for path, method, operation in operations(description):
        if method != "GET":
            continue
        for parameter in operation.get("parameters", []):
            for value in ODD:
                if parameter["in"] == "query":
                    answer = http.get(filled(path), params={parameter["name"]: value})
                else:
                    answer = http.get(filled(path, value.replace("/", "%2F").replace("%00", "%2500") or "%20"))
                    if answer.request.url.path.count("/") != path.count("/"):
                        continue  # another route
                check(answer, path, method, operation)
                asked += 1
    assert asked > 900


def test_odd_bodies_get_answers_that_are_described(http: TestClient, description: dict[str, Any]) -> None:
    asked = 0
    for path, method, operation in operations(description):
        for kind in operation.get("requestBody", {"content": {}})["content"]:
            for body in BODIES:
                sent = f"{kind}; boundary=b" if kind.startswith("multipart") else kind
                answer = http.request(method, path, content=body, headers={"Content-Type": sent})
                check(answer, path, method, operation)
                asked += 1
        example = shown_answers.BODIES.get(operation["operationId"], {})
        for name in (*example, "unknown"):
            for value in FIELDS:
                answer = http.request(method, path, json={**example, name: value})
                check(answer, path, method, operation)
                asked += 1
    assert asked > 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("search", {"like": [{"voice": True}]}),
        ("search", {"like": [{"clip": "1"}]}),
        ("search", {"like": [{"clip": 1}], "limit": "3"}),
        ("search", {"like": [{"clip": 1}], "min_probability": "0.5"}),
        ("search", {"embedding": [True] * 32}),
        ("search/batch", {"queries": [{"embedding": [False]}]}),
        ("verdicts", {"one": True, "other": 2, "same": True}),
    ],
)
def test_a_number_is_not_taken_from_a_text_or_a_truth_value(http: TestClient, path: str, body: Any) -> None:
    """true was 1, and a search for voice 1 was answered."""
    answer = http.post(f"/v1/{path}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"{PREFIX}usage")
