"""Who may use the server: by host name on loopback, by key where keys are set."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import Server, serving

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested is that binding to it is warned of
ASK = "/v1/characters?limit=1"


@pytest.fixture(scope="module")
def guarded(ingested: Ingested) -> Iterator[Server]:
    with serving(ingested.home, SPKSEARCH_API_KEYS=" a-first-key ,, a-second-key ,鍵") as server:
        yield server


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1"]
)
@pytest.mark.parametrize("path", [ASK, "/healthz", "/openapi.json"])
def test_on_loopback_a_request_for_another_host_name_is_refused(http: httpx.Client, host: str, path: str) -> None:
    """A page elsewhere may have its name pointed at 127.0.0.1 (DNS rebinding)."""
    response = http.get(path, headers={"Host": host})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000"])
def test_on_loopback_requests_for_its_own_names_are_answered(http: httpx.Client, host: str) -> None:
    assert http.get(ASK, headers={"Host": host}).status_code == 200


def test_a_server_on_the_ipv6_loopback_is_reached_by_its_address(ingested: Ingested) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(ingested.home, "--host", "::1") as server:
        assert server.client.get(ASK).status_code == 200
        assert server.client.get(ASK, headers={"Host": "evil.example"}).status_code == 400


def test_beyond_loopback_any_host_name_is_answered_and_a_missing_key_is_warned_of(ingested: Ingested) -> None:
    with serving(ingested.home, "--host", EVERYWHERE) as server:
        port = server.address[1]
        response = httpx.get(f"http://127.0.0.1:{port}{ASK}", headers={"Host": "voices.example"}, trust_env=False)
        assert response.status_code == 200
        assert "SPKSEARCH_API_KEYS" in "".join(server.log)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer a-first-key"},
        {"Authorization": "bearer a-second-key"},
        {"X-API-Key": "a-first-key"},
        {"X-API-Key": "a-second-key"},
        {"X-API-Key": "鍵".encode()},
    ],
)
def test_with_one_of_the_keys_a_request_is_answered(guarded: Server, headers: dict[str, str | bytes]) -> None:
    assert guarded.client.get(ASK, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": ","},
        {"X-API-Key": "a-first-ke"},
        {"X-API-Key": "a-first-key,a-second-key"},
        {"X-API-Key": "schlüssel".encode()},
        {"X-API-Key": b"\xff\xfe"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic a-first-key"},
        {"Authorization": "a-first-key"},
        {"Authorization": "Bearer 鍵鍵".encode()},
    ],
)
@pytest.mark.parametrize("path", [ASK, "/v1/search", "/v1/characters/1/matches", "/v1/clips/1/audio"])
def test_without_a_key_nothing_under_v1_is_answered(
    guarded: Server, headers: dict[str, str | bytes], path: str
) -> None:
    response = guarded.client.request("POST" if path.endswith("search") else "GET", path, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json")
    document = response.json()
    assert (document["type"], document["title"]) == ("urn:spksearch:problem:unauthorised", "Unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def test_healthz_needs_no_key_and_keys_are_shown_nowhere(guarded: Server) -> None:
    assert guarded.client.get("/healthz").json() == {"status": "ok"}
    shown = guarded.client.get("/openapi.json").text + guarded.client.get(ASK).text + "".join(guarded.log)
    assert "a-first-key" not in shown


def test_healthz_answers_without_keys_too(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
