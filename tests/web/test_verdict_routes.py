"""/v1/verdicts: the same words, refusals and history as on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import quickly, serving


@pytest.fixture
def http(ingested: Ingested, tmp_path: Path) -> Iterator[httpx.Client]:
    """A server whose catalog may be changed."""
    with serving(ingested.copy(tmp_path / "home")) as server:
        yield server.client


def say(http: httpx.Client, one: int | str, other: int | str, same: bool, **more: Any) -> httpx.Response:
    return http.post("/v1/verdicts", json={"one": one, "other": other, "same": same, **more})


def test_verdicts_are_kept_once_refused_and_undone(http: httpx.Client) -> None:
    first = say(http, 1, 13, True, note="by ear", author="ann")
    assert (first.status_code, first.json()["new"]) == (201, True)
    assert (first.json()["author"], first.json()["note"], first.json()["state"]) == ("ann", "by ear", "stands")
    again = say(http, 13, 1, True, author="bea")
    assert (again.status_code, again.json()["new"]) == (200, False)
    assert say(http, 13, 14, True).status_code == 201
    refused = say(http, 1, 14, False)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:spksearch:problem:contradiction"
    assert "by verdict 1" in refused.json()["detail"]
    assert "by verdict 2" in refused.json()["detail"]
    newest = http.get("/v1/verdicts", params={"limit": 1}).json()
    assert [verdict["id"] for verdict in newest["verdicts"]] == [2]
    rest = http.get("/v1/verdicts", params={"cursor": newest["next"]}).json()
    assert ([verdict["id"] for verdict in rest["verdicts"]], rest["next"]) == ([1], None)
    undone = http.delete("/v1/verdicts/1", params={"author": "bea"})
    assert (undone.status_code, undone.json()["new"], undone.json()["state"]) == (200, True, "undone")
    assert http.delete("/v1/verdicts/1").json()["undone_by"] == "bea"
    assert say(http, 1, 14, False).status_code == 201
    history = http.get("/v1/verdicts", params={"character": 1, "history": True}).json()["verdicts"]
    assert [(verdict["id"], verdict["state"]) for verdict in history] == [(3, "stands"), (1, "undone")]


def test_wrong_requests_are_problems(http: httpx.Client) -> None:
    assert say(http, 1, 1, True).status_code == 422
    assert say(http, 1, 999, True).status_code == 404
    assert say(http, 1, 2, True, whim=1).status_code == 422
    assert say(http, 1, 2, True, note="x" * 2001).status_code == 422
    assert http.delete("/v1/verdicts/9").status_code == 404
    assert http.delete("/v1/verdicts/0").status_code == 422
    assert http.get("/v1/verdicts", params={"cursor": "x"}).status_code == 422
    assert http.get("/v1/verdicts").json() == {"verdicts": [], "next": None}


def test_the_queue_gives_pairs_whose_lines_can_be_heard(ingested: Ingested, tmp_path: Path) -> None:
    """Of a character whose lines are of two people, as after a wrong merge: the bundled ones leave no doubt."""
    home = ingested.copy(tmp_path / "mixed")
    assert quickly("catalog", "merge", "character", "1", "2", home=home).code == 0
    with serving(home) as server:
        _hear_and_judge(server.client)


def _hear_and_judge(http: httpx.Client) -> None:
    queue = http.get("/v1/queue", params={"limit": 2}).json()
    assert len(queue["pairs"]) == 2
    first = queue["pairs"][0]
    for line in first["lines"]:
        assert http.get(line["audio"]).headers["content-type"].startswith("audio/")
    assert say(http, first["one"]["id"], first["other"]["id"], False).status_code == 201
    ends = [(pair["one"]["id"], pair["other"]["id"]) for pair in http.get("/v1/queue").json()["pairs"]]
    assert (first["one"]["id"], first["other"]["id"]) not in ends
    assert http.get("/v1/queue", params={"limit": 0}).status_code == 422


def test_confused_pairs_come_in_pages_that_neither_repeat_nor_skip(http: httpx.Client) -> None:
    whole = http.get("/v1/confusions", params={"limit": 1000}).json()
    assert whole["next"] is None
    first = http.get("/v1/confusions", params={"limit": 2}).json()
    second = http.get("/v1/confusions", params={"limit": 2, "cursor": first["next"]}).json()
    assert first["pairs"] + second["pairs"] == whole["pairs"][:4]
    assert [len(pair["lines"]) for pair in first["pairs"]] == [2, 2]
    for wrong in ({"limit": 0}, {"min_probability": 1}, {"min_probability": "high"}):
        assert http.get("/v1/confusions", params=wrong).status_code == 422
    assert http.get("/v1/confusions", params={"cursor": "nothing"}).status_code == 422


def test_a_verdict_without_an_author_has_the_name_of_its_key(ingested: Ingested, tmp_path: Path) -> None:
    with serving(ingested.copy(tmp_path / "home"), SPKSEARCH_API_KEYS="rin:edit:secret") as server:
        server.client.headers["X-API-Key"] = "secret"
        verdict = say(server.client, 1, 13, True).json()
        assert (verdict["author"], say(server.client, 1, 2, False, author="ann").json()["author"]) == ("rin", "ann")
        assert server.client.delete(f"/v1/verdicts/{verdict['id']}").json()["undone_by"] == "rin"
        edit = {"kind": "rename", "noun": "game", "what": "1", "to": "another"}
        assert server.client.post("/v1/edits", json=edit).json()["edit"]["author"] == "rin"
