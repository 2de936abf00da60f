"""Signing in with a key: what the cookie may do, who may make a browser use it, and how it ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import Server, serving
from playwright.sync_api import expect
from starlette.datastructures import Headers
from web.pages.conftest import Visiting, once_ready

from speaker_search.web.serving.api_keys import Key
from speaker_search.web.serving.sessions import COOKIE, Sessions

READER, EDITOR = "a-key-to-read", "a-key-to-edit"
ASK = "/v1/characters?limit=1"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain")


@pytest.fixture(scope="module")
def guarded(ingested: Ingested) -> Iterator[Server]:
    with serving(ingested.home, SPKSEARCH_API_KEYS=f"reader:read:{READER},editor:edit:{EDITOR}") as server:
        yield once_ready(server)


@pytest.fixture
def anyone(guarded: Server) -> Iterator[httpx.Client]:
    """A client without cookies, which sends the headers of the server's own pages."""
    with httpx.Client(base_url=guarded.url, headers={"Origin": guarded.url}, trust_env=False, timeout=60) as client:
        yield client


def signed_in(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/sign-in", data={"key": key, "next": "/search?clip=1"})


def test_a_key_opens_a_session_whose_cookie_is_kept_from_scripts_and_other_sites(anyone: httpx.Client) -> None:
    assert anyone.get(ASK).status_code == 401
    answer = signed_in(anyone, READER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?clip=1")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie
    assert READER not in cookie
    assert anyone.get(ASK).status_code == 200
    assert anyone.get("/v1/clips/1/audio").status_code == 200


def test_behind_tls_the_cookie_is_for_tls_alone(anyone: httpx.Client, guarded: Server) -> None:
    tls = {"Origin": guarded.url.replace("http:", "https:")}
    answer = anyone.post("/sign-in", data={"key": READER}, headers=tls)
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "key", ["", "wrong", READER + "x", "鍵", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_another_key_opens_none(anyone: httpx.Client, key: str) -> None:
    answer = signed_in(anyone, key)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "not one of this server's keys" in answer.text.replace("&#39;", "'")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil", "x", ""]
)
def test_signing_in_leads_to_pages_of_this_server_only(anyone: httpx.Client, elsewhere: str) -> None:
    assert anyone.post("/sign-in", data={"key": READER, "next": elsewhere}).headers["location"] == "/"


def test_a_session_may_do_what_its_key_may(anyone: httpx.Client) -> None:
    signed_in(anyone, READER)
    assert anyone.post("/v1/search", json={"like": [{"clip": 1}]}).status_code == 200
    assert anyone.delete("/v1/verdicts/999").status_code == 403
    signed_in(anyone, EDITOR)
    assert anyone.delete("/v1/verdicts/999").status_code == 404


def test_signing_out_ends_the_session_and_not_only_its_cookie(anyone: httpx.Client) -> None:
    signed_in(anyone, READER)
    kept = anyone.cookies["spksearch_session"]
    assert anyone.post("/sign-out").status_code == 303
    assert "spksearch_session" not in anyone.cookies
    assert anyone.get(ASK, headers={"Cookie": f"spksearch_session={kept}"}).status_code == 401


def test_a_wrong_key_is_not_made_good_by_a_session(anyone: httpx.Client) -> None:
    signed_in(anyone, EDITOR)
    assert anyone.get(ASK, headers={"X-API-Key": "wrong"}).status_code == 401


@pytest.mark.parametrize("kind", [*FORMS, "application/json"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {},
    ],
)
def test_another_page_changes_nothing_by_the_cookie(
    anyone: httpx.Client, guarded: Server, kind: str, headers: dict[str, str]
) -> None:
    signed_in(anyone, EDITOR)
    del anyone.headers["Origin"]
    body = b'{"one": 1, "other": 7, "same": true}'
    for path in ("/v1/verdicts", "/v1/edits", "/v1/ingest", "/v1/credits"):
        answer = anyone.post(path, content=body, headers={"Content-Type": kind, **headers})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:spksearch:problem:origin")
    verdicts = guarded.client.get("/v1/verdicts", headers={"X-API-Key": READER}).json()["verdicts"]
    assert verdicts == []


@pytest.mark.parametrize("kind", FORMS)
def test_another_page_changes_nothing_on_a_server_without_keys(http: httpx.Client, kind: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/v1/verdicts", "/v1/edits", "/v1/ingest", "/v1/credits", "/v1/search"):
            answer = http.post(path, content=b"one=1", headers={"Content-Type": kind, **headers})
            assert answer.status_code == 403
    assert http.get("/v1/verdicts").json()["verdicts"] == []


def test_pages_are_not_given_under_another_host_name(http: httpx.Client) -> None:
    for path in ("/", "/search", "/docs", "/help"):
        assert http.get(path, headers={"Host": "evil.example"}).status_code == 400


def test_a_server_without_keys_has_no_sign_in(http: httpx.Client) -> None:
    assert http.get("/sign-in").status_code == 404
    assert "sign-out" not in http.get("/").text


def test_a_person_signs_in_searches_and_signs_out(visiting: Visiting, guarded: Server) -> None:
    visit = visiting(guarded.url)
    page = visit.open("/search?clip=53")
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not one of this server's keys")
    visit.check_accessible()
    page.get_by_label("Key").fill(READER)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".match").first.wait_for()
    assert page.url.endswith("/search?clip=53")
    page.locator(".match .play").first.click()
    expect(page.locator(".line.is-playing")).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key").wait_for()
    visit.wrong[:] = [words for words in visit.wrong if "401" not in words]


def test_a_page_cannot_be_framed(visiting: Visiting, guarded: Server, http: httpx.Client) -> None:
    visit = visiting(guarded.url)
    page = visit.open("/sign-in")
    framed = page.evaluate(
        """async () => {
          const frame = document.createElement("iframe");
          frame.src = "/search";
          document.body.append(frame);
          await new Promise((resolve) => frame.addEventListener("load", resolve));
          return frame.contentDocument?.querySelector("h1")?.textContent ?? null;
        }"""
    )
    assert framed is None
    assert visit.wrong
    visit.wrong.clear()


def test_a_session_is_shared_by_processes_and_ends_with_its_key_and_its_time(tmp_path: Path) -> None:
    key, other = (Key(name, "read", hashlib.sha256(name.encode()).digest()) for name in ("ann", "bea"))
    token = Sessions([key], tmp_path).begin("ann")
    asked = Headers({"cookie": f"{COOKIE}={token}"})
    assert Sessions([other, key], tmp_path).of_request(asked) == key
    assert Sessions([other], tmp_path).of_request(asked) is None
    (kept,) = tmp_path.iterdir()
    assert str(token) not in kept.name + kept.read_text()
    kept.write_text(kept.read_text().partition(" ")[0] + " 1")
    assert Sessions([key], tmp_path).of_request(asked) is None
