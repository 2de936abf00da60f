"""Who may use the server: by host name and origin, and by key where keys are set."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import Server, quickly, serving

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested is that only keys allow it
ASK = "/v1/characters?limit=1"
READER, HASHED = "a-key-to-read", "a-key-known-by-its-hash"
EDITS = [("POST", "/v1/edits"), ("DELETE", "/v1/verdicts/1"), ("POST", "/v1/ingest"), ("DELETE", "/v1/ingest/1")]


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="module")
def guarded(ingested: Ingested) -> Iterator[Server]:
    keys = f" a-first-key ,, a-second-key ,鍵, reader:read:{READER}, hashed:edit:sha256:{hashed(HASHED)}"
    settings = {"SPKSEARCH_RATE_LIMIT": "100000/minute", "SPKSEARCH_ORIGINS": "https://voices.example"}
    with serving(ingested.home, "--host", EVERYWHERE, SPKSEARCH_API_KEYS=keys, **settings) as server:
        server.client.base_url = f"http://127.0.0.1:{server.address[1]}"
        yield server


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1"]
)
@pytest.mark.parametrize("path", [ASK, "/healthz", "/openapi.json"])
def test_on_loopback_a_request_for_another_host_name_is_refused(http: httpx.Client, host: str, path: str) -> None:
    """A page elsewhere may have its name pointed at 127.0.0.1 (DNS rebinding)."""
    response = http.get(path, headers={"Host": host})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["type"] == "urn:spksearch:problem:host"


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_a_page_of_another_origin_is_refused(http: httpx.Client, headers: dict[str, str]) -> None:
    for method, path in (("GET", ASK), ("POST", "/v1/search"), ("POST", "/v1/ingest"), ("OPTIONS", ASK)):
        response = http.request(method, path, headers=headers)
        assert (response.status_code, response.json()["type"]) == (403, "urn:spksearch:problem:origin")
        assert "access-control-allow-origin" not in response.headers


def test_the_servers_own_pages_are_answered(http: httpx.Client) -> None:
    own = f"http://{http.base_url.host}:{http.base_url.port}"
    for headers in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert http.get(ASK, headers=headers).status_code == 200


def test_pages_of_an_origin_that_is_allowed_may_use_the_server(guarded: Server) -> None:
    origin = {"Origin": "https://voices.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}
    preflight = guarded.client.options("/v1/search", headers=asked)
    response = guarded.client.get(ASK, headers={**origin, "X-API-Key": READER})
    for answer in (preflight, response):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin["Origin"])
    assert guarded.client.get(ASK, headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "an.example"])
def test_without_keys_only_the_loopback_may_be_listened_on(ingested: Ingested, host: str) -> None:
    ran = quickly("serve", "--port", "0", "--host", host, home=ingested.home)
    assert ran.code == 2
    assert f"Anyone who reaches {host} could use the server" in ran.err
    assert "Set SPKSEARCH_API_KEYS" in ran.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SPKSEARCH_API_KEYS": "one,name:write:two"}, "Entry 2 of SPKSEARCH_API_KEYS cannot be read."),
        ({"SPKSEARCH_API_KEYS": "a:read:one,a:edit:two"}, "Two keys of SPKSEARCH_API_KEYS have one name."),
        (
            {"SPKSEARCH_API_KEYS": "a:read:sha256:abc"},
            "The hash in entry 1 of SPKSEARCH_API_KEYS is not 64 hex digits.",
        ),
        ({"SPKSEARCH_API_KEYS": "one", "SPKSEARCH_RATE_LIMIT": "often"}, "SPKSEARCH_RATE_LIMIT cannot be 'often'."),
    ],
)
def test_settings_that_cannot_be_read_are_told_at_once(
    ingested: Ingested, settings: dict[str, str], words: str
) -> None:
    ran = quickly("serve", "--port", "0", home=ingested.home, **settings)
    assert (ran.code, words in ran.err) == (2, True), ran.err


def test_beyond_loopback_any_host_name_is_answered(guarded: Server) -> None:
    assert guarded.client.get(ASK, headers={"Host": "voices.example", "X-API-Key": READER}).status_code == 200


def test_a_key_to_read_may_search_and_not_edit(guarded: Server) -> None:
    headers = {"X-API-Key": READER}
    assert guarded.client.post("/v1/search", json={"like": [{"character": 1}]}, headers=headers).status_code == 200
    for method, path in EDITS:
        response = guarded.client.request(method, path, headers=headers)
        assert (response.status_code, response.json()["type"]) == (403, "urn:spksearch:problem:forbidden")
        answered = guarded.client.request(method, path, headers={"X-API-Key": HASHED})
        assert answered.status_code in (404, 422)


def test_a_key_that_asks_too_often_waits_and_others_do_not(ingested: Ingested) -> None:
    settings = {"SPKSEARCH_API_KEYS": "a:read:one,b:read:two", "SPKSEARCH_RATE_LIMIT": "3/hour"}
    with serving(ingested.home, **settings) as server:
        codes = [server.client.get(ASK, headers={"X-API-Key": "one"}).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        response = server.client.get(ASK, headers={"X-API-Key": "one"})
        assert response.json()["type"] == "urn:spksearch:problem:rate"
        assert 0 < int(response.headers["retry-after"]) <= 3_600
        assert server.client.get(ASK, headers={"X-API-Key": "two"}).status_code == 200
        assert server.client.get("/healthz").status_code == 200


def test_openapi_says_how_a_key_is_sent(guarded: Server, http: httpx.Client) -> None:
    for client, needed in ((guarded.client, True), (http, False)):
        document = client.get("/openapi.json").json()
        schemes = document["components"]["securitySchemes"]
        assert {(one["type"], one.get("name", one.get("scheme"))) for one in schemes.values()} == {
            ("http", "bearer"),
            ("apiKey", "X-API-Key"),
        }
        assert ({} in document["security"]) is not needed
        assert document["paths"]["/healthz"]["get"]["security"] == []


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
@pytest.mark.parametrize("path", [ASK, "/v1/search", "/v1/clips/1/audio", "/metrics"])
def test_without_a_key_nothing_under_v1_nor_the_figures_are_answered(
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
