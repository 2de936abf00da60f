"""HEAD, entity tags, conditions, ranges, and what is accepted (RFC 9110), in this process."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sources.packing import zipped
from standin import StandInEncoder, write_voice
from web.stocked import stocked

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web import sounds
from speaker_search.web.app import create_app
from speaker_search.web.negotiation import accepts

Stock = tuple[Library, TestClient]
LATER, EARLIER = "Fri, 01 Jan 2100 00:00:00 GMT", "Mon, 01 Jan 2001 00:00:00 GMT"


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with stocked(tmp_path_factory.mktemp("stock")) as found:
        yield found


@pytest.fixture(scope="module")
def http(stock: Stock) -> TestClient:
    return stock[1]


@pytest.fixture(scope="module", params=["Kumo", "Yuki"], ids=["file", "archive"])
def sound(request: pytest.FixtureRequest, stock: Stock) -> tuple[str, bytes]:
    """Where a clip's sound is, and its bytes; of one as a file and of one in an archive."""
    library, http = stock
    path: str = library.clip_list(maker=request.param, state="embedded", limit=1).clips[0].audio
    return path, http.get(path).content


def problem(response: Any, status: int, kind: str) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["type"] == f"urn:spksearch:problem:{kind}"
    return response.json()


PATHS = ["characters", "characters/1", "voices", "verdicts", "games/1/cast", "queue", "edits", "credits"]


@pytest.mark.parametrize("path", PATHS)
def test_a_version_that_the_client_has_is_not_sent_again(http: TestClient, path: str) -> None:
    first = http.get(f"/v1/{path}")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = http.get(f"/v1/{path}", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "content-type" not in again.headers
    assert http.get(f"/v1/{path}", headers={"If-None-Match": '"other"'}).content == first.content
    problem(http.get(f"/v1/{path}", headers={"If-Match": '"other"'}), 412, "precondition")
    assert http.get(f"/v1/{path}", headers={"If-Match": tag}).status_code == 200
    problem(http.get(f"/v1/{path}", headers={"If-Match": f"W/{tag}"}), 412, "precondition")


def test_a_tag_changes_with_the_answer_and_only_with_it(stock: Stock) -> None:
    library, http = stock
    before = http.get("/v1/verdicts").headers["etag"]
    given = library.judge(5, 31, same=False, author="ann")
    assert http.get("/v1/verdicts", headers={"If-None-Match": before}).status_code == 200
    library.undo_verdict(given.id)
    assert http.get("/v1/verdicts", headers={"If-None-Match": before}).status_code == 304


def told(answer: httpx.Response) -> dict[str, str]:
    """An answer's headers, without the id of its request."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("path", [*PATHS, "characters/999", "nothing", "clips/1/audio"])
def test_head_is_get_without_its_body(http: TestClient, path: str) -> None:
    whole, head = http.get(f"/v1/{path}"), http.head(f"/v1/{path}")
    assert head.content == b""
    assert head.status_code == whole.status_code
    assert told(head) == told(whole)


def test_head_says_of_a_sound_what_get_does_and_reads_none_of_it(stock: Stock, sound: tuple[str, bytes]) -> None:
    library, http = stock
    path, content = sound
    head = http.head(path)
    assert told(head) == told(http.get(path))
    assert head.headers["content-length"] == str(len(content))
    part = http.head(path, headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.headers["content-length"], part.content) == (206, "6", b"")
    known = http.head(path, headers={"If-None-Match": head.headers["etag"]})
    assert known.status_code == 304
    stored = library.sound(int(path.split("/")[3]))
    assert sounds.response(stored, {}, head=True).body == b""


def test_head_of_a_sound_in_a_damaged_archive_knows_its_size(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "a.wav", 1).read_bytes()
    archive = zipped(tmp_path / "Key_AIR.zip", {"Ann/a.wav": voice}, zipfile.ZIP_STORED)
    with (
        Library(Settings(home=tmp_path / "home"), encoder=StandInEncoder()) as library,
        TestClient(create_app(library), base_url="http://localhost") as http,
    ):
        library.ingest([archive])
        whole = archive.read_bytes()
        archive.write_bytes(whole.replace(voice[1_000:1_100], bytes(100)))
        head = http.head("/v1/clips/1/audio")
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(voice)))
        assert http.get("/v1/clips/1/audio").status_code == 404


def test_head_sends_no_body_on_the_wire(http: TestClient, server: Any) -> None:
    """Two on one connection: a body after the first would be taken for the second's answer."""
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for path in ("/v1/characters", "/v1/clips/1/audio", "/healthz"):
            whole, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(whole.content))


def test_a_sound_is_sent_whole_in_part_or_not_at_all(http: TestClient, sound: tuple[str, bytes]) -> None:
    path, content = sound
    whole = http.get(path)
    tag, size = whole.headers["etag"], len(content)
    assert whole.headers["cache-control"] == "private, max-age=3600"
    assert whole.headers["content-length"] == str(size)
    for wanted, part in (
        ("bytes=0-99", content[:100]),
        ("bytes=0-0", content[:1]),
        ("bytes=-50", content[-50:]),
        (f"bytes={size - 1}-", content[-1:]),
        (f"BYTES=10-{size * 2}", content[10:]),
        (f"bytes=-{size * 2}", content),
    ):
        answer = http.get(path, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, part), wanted
        start = size - len(part) if wanted.startswith("bytes=-") else int(wanted[6:].partition("-")[0])
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
        assert answer.headers["etag"] == tag
    for ignored in ("bytes=x-y", "items=0-5", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "bytes 0-5"):
        answer = http.get(path, headers={"Range": ignored})
        assert (answer.status_code, answer.content) == (200, content), ignored
    beyond = http.get(path, headers={"Range": f"bytes={size}-"})
    problem(beyond, 416, "range")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    problem(http.get(path, headers={"Range": "bytes=-0"}), 416, "range")


def test_a_range_is_of_the_version_that_if_range_names(http: TestClient, sound: tuple[str, bytes]) -> None:
    path, content = sound
    whole = http.get(path)
    for version in (whole.headers["etag"], whole.headers.get("last-modified")):
        if version is not None:  # a sound in an archive has no date of its own
            part = http.get(path, headers={"Range": "bytes=0-9", "If-Range": version})
            assert (part.status_code, part.content) == (206, content[:10])
    for version in ('"other"', f"W/{whole.headers['etag']}", EARLIER):
        answer = http.get(path, headers={"Range": "bytes=0-9", "If-Range": version})
        assert (answer.status_code, answer.content) == (200, content)


def test_the_conditions_of_a_sound_come_before_its_ranges(http: TestClient, sound: tuple[str, bytes]) -> None:
    path, _ = sound
    tag = http.get(path).headers["etag"]
    known = http.get(path, headers={"If-None-Match": tag, "Range": "bytes=99999999-"})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    problem(http.get(path, headers={"If-Match": '"other"', "Range": "bytes=0-1"}), 412, "precondition")


def test_a_files_date_counts_where_no_tag_is_named(stock: Stock) -> None:
    library, http = stock
    path = library.clip_list(maker="Kumo", state="embedded", limit=1).clips[0].audio
    modified = http.get(path).headers["last-modified"]
    for since, status in ((modified, 304), (LATER, 304), (EARLIER, 200), ("yesterday", 200)):
        assert http.get(path, headers={"If-Modified-Since": since}).status_code == status, since
    assert http.get(path, headers={"If-Modified-Since": LATER, "If-None-Match": '"other"'}).status_code == 200
    for since, status in ((modified, 200), (LATER, 200), (EARLIER, 412), ("yesterday", 200)):
        assert http.get(path, headers={"If-Unmodified-Since": since}).status_code == status, since


def test_a_sound_that_changed_has_another_tag(stock: Stock) -> None:
    library, http = stock
    clip = library.clip_list(maker="Kumo", state="embedded", limit=2).clips[1]
    before = http.get(clip.audio).headers["etag"]
    path = Path(library.clips([clip.id])[clip.id].path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert http.get(clip.audio, headers={"If-None-Match": before}).status_code == 200


def test_a_method_not_allowed_names_all_that_are(http: TestClient) -> None:
    for path, methods in (
        ("/v1/verdicts", "GET, HEAD, POST"),
        ("/v1/search", "POST"),
        ("/v1/verdicts/1", "DELETE"),
        ("/v1/clips/1/audio", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
    ):
        answer = http.request("PATCH", path)
        problem(answer, 405, "method")
        assert answer.headers["allow"] == methods


def test_an_answer_that_is_not_accepted_is_a_problem(http: TestClient, sound: tuple[str, bytes]) -> None:
    problem(http.get("/v1/characters", headers={"Accept": "text/csv"}), 406, "not-acceptable")
    problem(http.get(sound[0], headers={"Accept": "application/json"}), 406, "not-acceptable")
    assert http.get(sound[0], headers={"Accept": "audio/*"}).status_code == 200
    assert http.get("/v1/characters", headers={"Accept": "text/html,*/*;q=0.1"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", True),
        ("*/*", True),
        ("application/*", True),
        ("application/json;charset=utf-8", True),
        ("Application/JSON", True),
        ("text/html, application/json;q=0.5", True),
        ("text/html", False),
        ("*/*;q=0", False),
        ("*/*, application/json;q=0", False),
        ("*/*;q=0, application/json", True),
        ("application/*;q=0.0, */*", False),
        ("application/json; q=x", True),
    ],
)
def test_the_most_specific_range_of_an_accept_header_decides(header: str, accepted: bool) -> None:
    assert accepts(header, "application/json") is accepted


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/xml", ""]
)
def test_a_body_of_another_kind_is_refused_and_the_kinds_taken_are_named(http: TestClient, kind: str) -> None:
    """A page of another site can send such bodies without asking first."""
    for path, taken in (
        ("/v1/verdicts", "application/json"),
        ("/v1/edits", "application/json"),
        ("/v1/search", "application/json, multipart/form-data"),
        ("/v1/credits", "multipart/form-data"),
        ("/v1/ingest", "application/json"),
    ):
        answer = http.post(path, content=b'{"one": 1, "other": 2, "same": true}', headers={"Content-Type": kind})
        problem(answer, 415, "media-type")
        assert answer.headers["accept"] == taken
    more = {"Content-Type": "application/vnd.x+json; charset=utf-8"}
    assert http.post("/v1/search", content=b'{"like": [{"clip": 1}]}', headers=more).status_code == 200
