"""Clients that keep the server waiting, or come in numbers, are refused; others are answered meanwhile."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.running import LIMIT_S
from standin import StandInEncoder, write_dump
from web.in_thread import serving_in_thread

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.serving.connections import Patience

SHORT_S, CONNECTIONS = 0.5, 20
UPLOAD = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
HALF_A_HEAD, HALF_A_BODY = "GET /healthz HTTP/1.1\r\nHost: local", UPLOAD + "Content-Length: 999\r\n\r\n--b\r\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    dump = write_dump(tmp_path_factory.mktemp("dump"), {"Kumo/Hare": {"Aoi": 1, "Beni": 2}, "Hoshi/Tsuki": {"Chie": 1}})
    settings = Settings(home=tmp_path_factory.mktemp("home"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        library.ingest([dump])
        yield library


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[httpx.Client]:
    patience = Patience(head_s=SHORT_S, body_s=SHORT_S, stalled_s=SHORT_S, connections=CONNECTIONS)
    with serving_in_thread(library, patience) as client:
        yield client


@pytest.fixture
def line(tmp_path: Path) -> bytes:
    return (write_dump(tmp_path, {"Kumo/Hare": {"Aoi": 1}}) / "Kumo/Hare/Aoi/000.wav").read_bytes()


def half_sent(client: httpx.Client, text: str) -> socket.socket:
    """A connection on which part of a request has been sent."""
    url = client.base_url
    connection = socket.create_connection((url.host, url.port or 80), timeout=LIMIT_S)
    connection.sendall(text.encode())
    return connection


def answer(connection: socket.socket) -> tuple[int, Any]:
    with connection, HTTPResponse(connection) as response:
        response.begin()
        return response.status, json.load(response)


@pytest.mark.parametrize("text", [HALF_A_HEAD, HALF_A_BODY])
def test_half_a_request_is_refused_in_time(client: httpx.Client, text: str) -> None:
    status, problem = answer(half_sent(client, text))
    assert (status, problem["type"]) == (408, "urn:spksearch:problem:slow")


@pytest.mark.parametrize(
    "text", ["GET /healthz HTTP/1.1\r\nHost: local", UPLOAD + "Content-Length: 999\r\n\r\n--b\r\n"]
)
def test_more_half_sent_requests_than_connections_keep_nobody_from_an_answer(client: httpx.Client, text: str) -> None:
    with ExitStack() as stack:
        for _ in range(3 * CONNECTIONS):
            stack.enter_context(half_sent(client, text))
        assert httpx.get(f"{client.base_url}/healthz", timeout=LIMIT_S, trust_env=False).status_code == 200


def test_a_connection_that_says_nothing_is_closed(client: httpx.Client) -> None:
    with half_sent(client, "") as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_what_is_not_http_is_a_problem(client: httpx.Client) -> None:
    status, problem = answer(half_sent(client, "\x16\x03\x01 hello\r\n\r\n"))
    assert (status, problem["type"]) == (400, "urn:spksearch:problem:request")


def test_a_body_of_two_gigabytes_is_refused_by_its_head(client: httpx.Client) -> None:
    status, problem = answer(half_sent(client, UPLOAD + f"Content-Length: {2 * 2**30}\r\n\r\n"))
    assert (status, problem["type"]) == (413, "urn:spksearch:problem:too-large")


def test_ten_thousand_parts_are_refused(client: httpx.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nx\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/v1/search", content=10_000 * part + b"--b--\r\n", headers=headers)
    assert (response.status_code, response.json()["type"]) == (400, "urn:spksearch:problem:request")
    assert "Too many files" in response.json()["detail"]


def test_an_upload_that_ends_early_is_a_problem(client: httpx.Client) -> None:
    content = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nRIFF'
    response = client.post("/v1/search", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (response.status_code, response.json()["type"]) == (400, "urn:spksearch:problem:request")
    assert "ends early" in response.json()["detail"]


def test_a_name_that_leads_elsewhere_is_only_a_name(client: httpx.Client, line: bytes, tmp_path: Path) -> None:
    response = client.post("/v1/search", files={"audio": ("../../../../tmp/a.wav", line)})
    assert response.status_code == 200
    assert client.get("/v1/clips/..%2f..%2f..%2fetc%2fpasswd/audio").status_code == 404


def test_head_is_answered_as_get_without_the_body(client: httpx.Client) -> None:
    got, head = client.get("/v1/characters"), client.head("/v1/characters")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_the_server_is_ready_once_it_is_warm(client: httpx.Client) -> None:
    while (response := client.get("/readyz")).status_code != 200:
        assert response.json()["type"] == "urn:spksearch:problem:starting"
        assert int(response.headers["retry-after"]) > 0
    assert response.json() == {
        "status": "ready",
        "encoder": StandInEncoder.space,
        "clips": 9,
        "characters": 3,
        "games": 2,
    }


def test_figures_count_requests_stages_and_refusals(client: httpx.Client, line: bytes) -> None:
    assert client.post("/v1/search", files={"audio": line}).status_code == 200
    assert client.get("/v1/characters/999/matches").status_code == 404
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    figures = dict(row.rsplit(" ", 1) for row in response.text.splitlines() if not row.startswith("#"))
    assert float(figures['spksearch_requests_total{method="POST",route="/v1/search",status="200"}']) >= 1
    assert float(figures['spksearch_refusals_total{type="not-found"}']) >= 1
    for stage in ("decode", "embed", "compare"):
        assert float(figures[f'spksearch_stage_seconds_count{{stage="{stage}"}}']) >= 1
    assert float(figures["spksearch_index_clips"]) == 9
    assert float(figures["spksearch_index_age_seconds"]) >= 0
    assert {"spksearch_clips_pending", 'spksearch_searches_waiting{kind="upload"}'} <= figures.keys()


def test_what_an_error_says_of_the_server_stays_in_its_log(library: Library, tmp_path: Path) -> None:
    """A catalog that is gone: its error names the file, or on PostgreSQL the address and the user."""
    settings = Settings(home=tmp_path / "home", encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as lost, serving_in_thread(lost) as client:
        (settings.home / "catalog.db").unlink()
        response = client.get("/v1/characters")
    assert (response.status_code, response.json()["type"]) == (503, "urn:spksearch:problem:catalog")
    assert response.json()["detail"] == "The catalog cannot be used at the moment. The server's log says why."
    assert int(response.headers["retry-after"]) > 0
