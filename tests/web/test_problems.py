"""Every error is application/problem+json with a type, a title, a status and a sentence."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from end_to_end.running import LIMIT_S, Server

MAX_BODY_MIB = 64
HUGE = 10**20  # more than a database's integers hold
JSON = {"Content-Type": "application/json"}


def upload(*sounds: bytes, query: str | None = None) -> Callable[[httpx.Client], httpx.Response]:
    parts: list[tuple[str, Any]] = [("audio", ("a.ogg", sound)) for sound in sounds]
    if query is not None:
        parts.append(("query", (None, query)))
    return lambda http: http.post("/v1/search", files=parts)


def batch(queries: str) -> Callable[[httpx.Client], httpx.Response]:
    parts: list[tuple[str, Any]] = [("audio", ("a.ogg", wave(1))), ("queries", (None, queries))]
    return lambda http: http.post("/v1/search/batch", files=parts)


def body(content: bytes, kind: str = "application/json") -> Callable[[httpx.Client], httpx.Response]:
    return lambda http: http.post("/v1/search", content=content, headers={"Content-Type": kind})


def get(path: str, **parameters: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda http: http.get(path, params=parameters)


def wave(seconds: float, amplitude: float = 0.5) -> bytes:
    """A tone as a WAV file."""
    file = io.BytesIO()
    tone = amplitude * np.sin(np.arange(int(16_000 * seconds)) / 7)
    soundfile.write(file, tone, 16_000, format="WAV")
    return file.getvalue()


PROBLEMS: dict[str, tuple[Callable[[httpx.Client], httpx.Response], int, str, str]] = {
    "no such path": (get("/v1/nothing"), 404, "not-found", "Not Found"),
    "no such path at the top": (get("/nothing"), 404, "not-found", "Not Found"),
    "another method": (lambda http: http.delete("/v1/characters"), 405, "method", "Method Not Allowed"),
    "no such character": (get("/v1/characters/999/matches"), 404, "not-found", "There is no character 999"),
    "no such clip": (get("/v1/clips/999/audio"), 404, "not-found", "There is no clip 999"),
    "a character's id beyond all ids": (get(f"/v1/characters/{HUGE}/matches"), 422, "usage", "character_id"),
    "a clip's id beyond all ids": (get(f"/v1/clips/{HUGE}/audio"), 422, "usage", "clip_id"),
    "a clip's id of letters": (get("/v1/clips/one/audio"), 422, "usage", "clip_id"),
    "like a clip beyond all ids": (body(b'{"like": [{"clip": %d}]}' % HUGE), 422, "usage", "like.0.clip"),
    "like a character beyond all ids": (body(b'{"like": [{"character": %d}]}' % HUGE), 422, "usage", "like.0"),
    "like a clip below all ids": (body(b'{"like": [{"clip": -%d}]}' % HUGE), 422, "usage", "like.0.clip"),
    "unlike a clip that is not there": (
        body(b'{"like": [{"clip": 1}], "unlike": [{"clip": 999}]}'),
        404,
        "not-found",
        "There is no embedded clip 999",
    ),
    "a limit of letters": (get("/v1/characters", limit="x"), 422, "usage", "limit"),
    "a limit too high": (get("/v1/characters", limit=1001), 422, "usage", "limit"),
    "a limit of nothing": (body(b'{"like": [{"clip": 1}], "limit": 0}'), 422, "usage", "limit must be from 1"),
    "a cursor of letters": (get("/v1/characters", cursor="x"), 422, "usage", "is not a cursor"),
    "a cursor below nothing": (body(b'{"like": [{"clip": 1}], "cursor": "-1"}'), 422, "usage", "cursor"),
    "by something else": (body(b'{"like": [{"clip": 1}], "by": "maker"}'), 422, "usage", "by"),
    "no JSON": (body(b'{"like": '), 422, "usage", "Invalid JSON"),
    "not UTF-8": (body(b'{"game": ["\xff"]}'), 422, "usage", "Invalid JSON"),
    "half a surrogate": (body(b'{"like": [{"clip": 1}], "game": ["\\ud800"]}'), 422, "usage", "Invalid JSON"),
    "a list": (body(b"[]"), 422, "usage", "object"),
    "an empty body": (body(b""), 422, "usage", "Invalid JSON"),
    "an unknown field": (body(b'{"like": [{"clip": 1}], "shape": "round"}'), 422, "usage", "shape"),
    "an unknown field of a reference": (body(b'{"like": [{"clip": 1, "shape": 2}]}'), 422, "usage", "shape"),
    "like nothing": (body(b"{}"), 422, "usage", "at least one clip, character, voice or embedding"),
    "like both at once": (body(b'{"like": [{"clip": 1, "character": 1}]}'), 422, "usage", "is one of"),
    "an embedding and a clip": (body(b'{"like": [{"clip": 1}], "embedding": [1]}'), 422, "usage", "either"),
    "a short embedding": (body(b'{"embedding": [1, 2, 3]}'), 422, "usage", "256 finite numbers"),
    "an embedding of nothing": (body(b'{"embedding": [' + b"0," * 255 + b"0]}"), 422, "usage", "not all 0"),
    "an embedding without end": (body(b'{"embedding": [' + b"1e999," * 255 + b"1]}"), 422, "usage", "finite"),
    "an unknown game": (body(b'{"like": [{"clip": 1}], "game": ["nothing"]}'), 404, "not-found", "no game nothing"),
    "an unknown maker": (
        get("/v1/characters/1/matches", exclude_maker="nobody"),
        404,
        "not-found",
        "There is no maker nobody",
    ),
    "a list of an unknown maker": (
        get("/v1/characters", maker="%nobody%"),
        404,
        "not-found",
        "There is no maker %nobody%",
    ),
    "a maker of bytes that are not text": (
        lambda http: http.get("/v1/characters?maker=%ff"),
        404,
        "not-found",
        "There is no maker",
    ),
    "a maker with a NUL in its name": (get("/v1/characters", maker="a\0b"), 404, "not-found", "maker a\\x00b"),
    "fewer clips than none": (get("/v1/characters/1/matches", min_clips=-5), 422, "usage", "0 or more, not -5"),
    "fewer clips than none, by a body": (
        body(b'{"like": [{"clip": 1}], "min_clips": -5}'),
        422,
        "usage",
        "0 or more, not -5",
    ),
    "no audio": (upload(b"this is no sound"), 422, "audio", "not a format that can be read (wav, flac, ogg,"),
    "no audio, of two": (upload(wave(1), b"no sound"), 422, "audio", "Clip 2 of 2: The clip is not a format"),
    "two too short": (upload(wave(0.1), wave(0.2)), 422, "audio", "Clip 1 of 2: The clip is 0.10 s long"),
    "an empty file": (upload(b""), 422, "audio", "is empty"),
    "too short a sound": (upload(wave(0.1)), 422, "audio", "at least 0.3 s are needed"),
    "too long a sound": (upload(wave(601)), 422, "audio", "over the limit of 600 s"),
    "silence": (upload(wave(1, amplitude=0)), 422, "audio", "silent"),
    "too many files": (upload(*[b"x"] * 33), 400, "request", "Maximum number of files is 32"),
    "no sound at all": (
        lambda http: http.post("/v1/search", files=[("video", ("a.ogg", b"x"))]),
        422,
        "usage",
        "An upload has no part `video`",
    ),
    "a query part alone": (
        lambda http: http.post("/v1/search", files=[("query", (None, "{}"))]),
        422,
        "usage",
        "no sound among the uploads",
    ),
    "a text among the sounds": (
        lambda http: http.post("/v1/search", files=[("audio", ("a.wav", wave(1))), ("audio", (None, "a.wav"))]),
        422,
        "usage",
        "Part 2 of 2 called `audio` is text",
    ),
    "a part nobody knows": (
        lambda http: http.post("/v1/search", files=[("audio", ("a.wav", wave(1))), ("cover", ("b.png", b"x"))]),
        422,
        "usage",
        "An upload has no part `cover`",
    ),
    "two query parts": (
        lambda http: http.post(
            "/v1/search",
            files=[("audio", ("a.wav", wave(1))), ("query", (None, '{"limit": 3}')), ("query", (None, "{}"))],
        ),
        422,
        "usage",
        "An upload has one part `query`, not 2",
    ),
    "a minimum probability above 1": (
        body(b'{"like": [{"clip": 1}], "min_probability": 7}'),
        422,
        "usage",
        "must be above 0 and below 1, not 7",
    ),
    "more examples than there may be": (
        body(b'{"like": [' + b'{"clip": 1},' * 100 + b'{"clip": 1}]}'),
        422,
        "usage",
        "at most 100",
    ),
    "a query part that is not JSON": (upload(wave(1), query="limit=3"), 422, "usage", "Invalid JSON"),
    "a query part with a field unknown": (upload(wave(1), query='{"shape": []}'), 422, "usage", "shape"),
    "a batch of an upload that is not there": (
        batch('{"queries": [{"audio": [1]}]}'),
        422,
        "usage",
        "is about audio 1",
    ),
    "a batch that leaves an upload out": (
        batch('{"queries": [{"like": [{"clip": 1}]}]}'),
        422,
        "usage",
        "No query is about audio 0",
    ),
    "a batch of nothing": (batch('{"queries": []}'), 422, "usage", "at least 1 item"),
    "a batch of more than there may be": (
        batch('{"queries": [' + "{}," * 100 + "{}]}"),
        422,
        "usage",
        "at most 100 items",
    ),
    "parts without a boundary": (body(b"x", "multipart/form-data"), 400, "request", "boundary"),
    "parts that are none": (body(b"xxxx", "multipart/form-data; boundary=b"), 400, "request", "multipart"),
}


#: As RFC 9110 has them, whatever Python's own table says.
TITLES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Content",
}


def check(response: httpx.Response, status: int, kind: str, words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert (document["type"], document["status"]) == (f"urn:spksearch:problem:{kind}", status)
    assert document["title"] == TITLES[status]
    assert words in document["detail"]


def check_too_large(connection: socket.socket) -> None:
    """The answer that comes although the request has not ended."""
    with HTTPResponse(connection) as answer:
        answer.begin()
        assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
        document = json.load(answer)
        assert (document["type"], document["title"]) == ("urn:spksearch:problem:too-large", "Content Too Large")


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_error_is_a_problem_document(http: httpx.Client, name: str) -> None:
    ask, status, kind, words = PROBLEMS[name]
    check(ask(http), status, kind, words)


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    head = f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY_MIB * 2**20 + 1}\r\n\r\n"
    with socket.create_connection(server.address, timeout=LIMIT_S) as connection:
        connection.sendall(head.encode())
        check_too_large(connection)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_body_that_grows_too_large_is_refused_before_its_end(server: Server, kind: str) -> None:
    head = f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    opening = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.ogg"\r\n\r\n'
    with socket.create_connection(server.address, timeout=LIMIT_S) as connection:
        connection.sendall(head.encode())
        for piece in (opening, *[bytes(2**20)] * MAX_BODY_MIB):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        check_too_large(connection)


def test_a_body_of_just_under_the_limit_is_taken(http: httpx.Client, clip: Path) -> None:
    """Beside the clip a sound of hardly anything that fills the body."""
    room = MAX_BODY_MIB * 2**20 - 100_000 - clip.stat().st_size
    parts = [("audio", ("a.ogg", clip.read_bytes())), ("audio", ("b.ogg", clip.read_bytes() + bytes(room)))]
    assert http.post("/v1/search", files=parts).status_code in (200, 422)  # whatever is thought of what follows it


def test_a_clip_without_speech_is_a_problem_that_says_so_unless_another_has_some(
    http: httpx.Client, clip: Path
) -> None:
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.002
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV")
    check(upload(file.getvalue())(http), 422, "audio", "found no speech")
    check(upload(file.getvalue(), file.getvalue())(http), 422, "audio", "Clip 1 of 2: resemblyzer found no speech")
    document = upload(clip.read_bytes(), file.getvalue())(http).json()
    assert document["query"]["warnings"][0] == "Left out: Clip 2 of 2: resemblyzer found no speech in the clip."
    assert (document["query"]["clips"], len(document["matches"])) == (1, 10)


def test_a_part_of_json_is_as_limited_as_a_body_of_it(http: httpx.Client) -> None:
    long = b'{"embedding": [' + b"1," * (3 * 2**20) + b"1]}"
    parts = [("audio", ("a.ogg", wave(1))), ("query", ("query.json", long))]
    answer = http.post("/v1/search", files=parts)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:spksearch:problem:too-large")


@pytest.mark.parametrize("origin", ["http://[", "null", "://", ""])
def test_an_odd_origin_is_another_origin(http: httpx.Client, origin: str) -> None:
    answer = http.get("/v1/characters", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:spksearch:problem:origin")


def test_a_body_of_two_kinds_is_refused(http: httpx.Client) -> None:
    kinds = [("Content-Type", "application/json"), ("Content-Type", "multipart/form-data; boundary=x")]
    answer = http.post("/v1/search", content=b'{"like": [{"clip": 1}]}', headers=kinds)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:spksearch:problem:request")


def test_a_sound_asked_for_with_a_body_is_whole(http: httpx.Client) -> None:
    alone = http.get("/v1/clips/1/audio")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert http.request("GET", "/v1/clips/1/audio", content=b"abc", headers=kind).content == alone.content
