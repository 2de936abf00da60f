"""Ingests over HTTP: from allowed folders only, in the background, with the report that the command line prints."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import LIMIT_S, quickly, serving
from standin import write_voice

from speaker_search.web.ingests import locked

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Allowed:
    """A server that may take voices in, and the folder they may lie in."""

    client: httpx.Client
    folder: Path


@pytest.fixture(scope="module")
def allowed(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Allowed]:
    place = tmp_path_factory.mktemp("allowed")
    folder = place / "voices"
    for take in range(4):
        write_voice(folder / "工房/新作/役" / f"{take}.wav", 3, take, seconds=1.5)
    (folder / "工房/新作/役/broken.wav").write_text("no sound")
    (folder / "工房/新作/役/other.ape").write_text("a sound in another format")
    (folder / "empty").mkdir()
    (place / "secret").mkdir()
    (folder / "link").symlink_to(place / "secret")
    roots = os.pathsep.join([str(place / "nowhere"), str(folder)])
    with serving(ingested.copy(place / "home"), SPKSEARCH_INGEST_ROOTS=roots) as server:
        yield Allowed(server.client, folder)


def ended(client: httpx.Client, answer: httpx.Response) -> Any:
    """The document of an ingest that has ended."""
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + LIMIT_S
    while True:
        document = client.get(f"/v1/ingest/{answer.json()['id']}").json()
        if document["state"] in ("done", "failed"):
            return document
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


def test_voices_taken_in_over_http_are_found(allowed: Allowed, ingested: Ingested) -> None:
    answer = allowed.client.post("/v1/ingest", json={"paths": [str(allowed.folder / "工房")], "maker": "工房"})
    document = ended(allowed.client, answer)
    assert (document["state"], document["error"]) == ("done", None)
    progress = document["progress"]
    assert (progress["phase"], progress["games"], progress["opened"], progress["of"]) == ("done", 1, 5, 5)
    assert progress["problems"] == []
    assert progress["routes"] == {"folder": 5, "unsupported": 1}
    assert "Convert them" in progress["advice"][0]
    assert progress.keys() == ingested.first.document.keys()  # the report that the command line prints
    refused = progress["refused"]
    assert sum(refused.values()) >= 1
    assert refused["not_audio"] == 1
    listed = allowed.client.get("/v1/characters", params={"game": "新作"}).json()["characters"]
    assert [(one["name"], one["clips"]) for one in listed] == [("役", 5 - sum(refused.values()))]


def test_a_second_ingest_of_known_voices_opens_none(allowed: Allowed) -> None:
    request = {"paths": [str(allowed.folder / "工房")], "maker": "工房"}
    ended(allowed.client, allowed.client.post("/v1/ingest", json=request))
    progress = ended(allowed.client, allowed.client.post("/v1/ingest", json=request))["progress"]
    assert (progress["scanned"], progress["known"], progress["opened"]) == (6, 5, 0)


def test_an_ingest_that_only_registers_shows_how_far_workers_are_with_its_clips(
    allowed: Allowed, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with serving(home, SPKSEARCH_INGEST_ROOTS=str(allowed.folder), SPKSEARCH_ENCODER="resemblyzer") as server:
        request = {"paths": [str(allowed.folder / "工房")], "maker": "工房", "enqueue": True}
        begun = ended(server.client, server.client.post("/v1/ingest", json=request))

        def counts(ingest: Any) -> tuple[str, str, int, int, int]:
            now = ingest["progress"]
            return ingest["state"], now["phase"], now["opened"], now["of"], now["pending"]

        assert counts(begun) == ("done", "embedding", 0, 5, 5)
        assert quickly("worker", "--drain", home=home).code == 1  # one of them is no sound
        assert counts(server.client.get(f"/v1/ingest/{begun['id']}").json()) == ("done", "done", 5, 5, 0)
        assert [counts(one) for one in server.client.get("/v1/ingest").json()["ingests"]] == [("done", "done", 5, 5, 0)]


@pytest.mark.parametrize(
    "path",
    ["{folder}/../secret", "{folder}/link", "/etc", "/nowhere/at/all", "voices", "{folder}x", "{folder}/../voicesx"],
)
def test_paths_outside_the_allowed_folders_are_refused_alike_whether_they_exist(allowed: Allowed, path: str) -> None:
    answer = allowed.client.post("/v1/ingest", json={"paths": [path.format(folder=allowed.folder)]})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:spksearch:problem:usage")
    assert "is not in a folder of SPKSEARCH_INGEST_ROOTS" in answer.json()["detail"]


def test_a_path_without_voices_fails_with_its_sentence(allowed: Allowed) -> None:
    answer = allowed.client.post("/v1/ingest", json={"paths": [str(allowed.folder / "empty")]})
    document = ended(allowed.client, answer)
    assert document["state"] == "failed"
    assert "holds no audio files" in document["error"]


def test_a_server_may_begin_with_an_empty_catalog_and_fill_it(allowed: Allowed, tmp_path: Path) -> None:
    settings = {"SPKSEARCH_INGEST_ROOTS": str(allowed.folder), "SPKSEARCH_ENCODER": "resemblyzer"}
    with serving(tmp_path / "home", **settings) as server:
        assert "an empty catalog" in server.log[-1]
        request = {"paths": [str(allowed.folder / "工房")], "maker": "工房"}
        assert ended(server.client, server.client.post("/v1/ingest", json=request))["state"] == "done"
        (character,) = server.client.get("/v1/characters").json()["characters"]
        assert (character["name"], character["clips"] > 0) == ("役", True)


def test_ingests_are_listed_cancelled_and_kept_by_the_next_server(allowed: Allowed, tmp_path: Path) -> None:
    """The lock that the test holds stands for another server, which runs the ingests of this home."""
    home = tmp_path / "home"
    (home / "ingests").mkdir(parents=True)
    settings = {"SPKSEARCH_INGEST_ROOTS": str(allowed.folder), "SPKSEARCH_ENCODER": "resemblyzer"}
    request = {"paths": [str(allowed.folder / "工房")], "maker": "工房"}
    with (home / "ingests/lock").open("wb") as lock:
        assert locked(lock)
        with serving(home, **settings) as server:
            ids = [server.client.post("/v1/ingest", json=request).json()["id"] for _ in range(3)]
            first = server.client.get("/v1/ingest", params={"limit": 2}).json()
            assert [one["id"] for one in first["ingests"]] == [ids[2], ids[1]]
            last = server.client.get("/v1/ingest", params={"limit": 2, "cursor": first["next"]}).json()
            assert ([one["id"] for one in last["ingests"]], last["next"]) == ([ids[0]], None)
            assert server.client.get("/v1/ingest", params={"cursor": "x"}).status_code == 422
            cancelled = server.client.delete(f"/v1/ingest/{ids[1]}").json()
            assert (cancelled["state"], cancelled["paths"]) == ("cancelled", request["paths"])
            assert server.client.delete(f"/v1/ingest/{'0' * 32}").status_code == 404
            states = [one["state"] for one in server.client.get("/v1/ingest").json()["ingests"]]
            assert states == ["waiting", "cancelled", "waiting"]
    deadly = home / "ingests" / f"{ids[2]}.json"  # three servers died of it
    deadly.write_text(json.dumps({**json.loads(deadly.read_text("utf-8")), "starts": 3}), "utf-8")
    with serving(home, **settings) as server:
        for id_, state in zip(ids, ("done", "cancelled", "failed"), strict=True):
            deadline = time.monotonic() + LIMIT_S
            while (now := server.client.get(f"/v1/ingest/{id_}").json())["state"] in ("waiting", "running"):
                assert time.monotonic() < deadline
                time.sleep(POLL_S)
            assert now["state"] == state
        assert "The server died 3 times while this ingest ran." in now["error"]
        assert server.client.delete(f"/v1/ingest/{ids[0]}").json()["state"] == "done"
        (character,) = server.client.get("/v1/characters").json()["characters"]
        assert character["name"] == "役"


def test_a_server_without_allowed_folders_takes_nothing_in(http: httpx.Client, tmp_path: Path) -> None:
    answer = http.post("/v1/ingest", json={"paths": [str(tmp_path)]})
    assert answer.status_code == 422
    assert "SPKSEARCH_INGEST_ROOTS" in answer.json()["detail"]


@pytest.mark.parametrize("root", ["s3://me:hush@voices", "s3://me:hu/sh@voices", "ftp://voices", "s3://"])
def test_roots_that_are_no_places_are_refused_at_once_and_not_repeated(root: str, tmp_path: Path) -> None:
    """GET /v1/state named the first two with their secrets, and ftp://voices allowed /voices."""
    done = quickly("serve", "--port", "0", home=tmp_path, SPKSEARCH_INGEST_ROOTS=f"{tmp_path}{os.pathsep}{root}")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("spksearch: ")
    assert "me:hu" not in done.err


def test_an_unknown_ingest_is_not_found(http: httpx.Client) -> None:
    answer = http.get("/v1/ingest/77")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:spksearch:problem:not-found")


@pytest.mark.parametrize("body", [{}, {"paths": []}, {"paths": "x"}, {"paths": ["/x"], "encoder": "y"}])
def test_a_request_of_another_form_is_a_problem(allowed: Allowed, body: dict[str, object]) -> None:
    answer = allowed.client.post("/v1/ingest", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:spksearch:problem:usage")
