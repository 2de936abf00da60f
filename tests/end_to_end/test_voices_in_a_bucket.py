"""Voices in a bucket, taken in by a command that is killed, played, and asked for over HTTP."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from buckets import BUCKET, Bucket, served
from end_to_end.gates import gated_command
from end_to_end.running import LIMIT_S, Server, quickly, serving
from standin import write_voice

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")

CLIPS = 12


@dataclass(frozen=True, slots=True)
class Stocked:
    """A home with the voices of a bucket, and what is in the bucket."""

    home: Path
    bucket: Bucket
    files: dict[str, bytes]  #: by key


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    folder = tmp_path_factory.mktemp("bucket")
    for who, number in {"琴子": 1, "Ann": 2}.items():
        for take in range(CLIPS // 2):
            write_voice(folder / "voices/Key/空" / who / f"{take}.wav", number, take, seconds=1.5)
    files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.wav")}
    with served() as bucket:
        bucket.fill(folder)
        yield Stocked(folder / "home", bucket, files)


def test_a_killed_ingest_of_a_bucket_goes_on(stocked: Stocked) -> None:
    words = ("ingest", f"s3://{BUCKET}/voices", "--encoder", "resemblyzer", "--json")
    seen = quickly(*words, "--dry-run", home=stocked.home).document
    assert (seen["games"], seen["routes"]) == (1, {"folder": CLIPS})
    with gated_command(*words, home=stocked.home) as running:
        running.arrives()
        running.begun.send(signal.SIGKILL)
        running.begun.ended()
    done = quickly(*words, home=stocked.home)
    assert (done.code, done.document["known"], done.document["new"]) == (0, CLIPS, 0), done.err
    assert done.document["catalog"] == {"embedded": CLIPS, "pending": 0, "refused": 0}
    assert quickly("verify", home=stocked.home).code == 0


def test_a_clip_is_shown_and_played_from_the_bucket(stocked: Stocked, tmp_path: Path) -> None:
    (clip, *_) = quickly("catalog", "show", "琴子", "--json", home=stocked.home).document["clips"]
    assert clip["path"] == f"s3://{BUCKET}/voices/Key/空/琴子/0.wav"
    out = tmp_path / "out.wav"
    assert quickly("play", str(clip["id"]), "--output", out, home=stocked.home).code == 0
    assert out.read_bytes() == stocked.files["voices/Key/空/琴子/0.wav"]


def test_what_goes_wrong_is_a_sentence_and_shows_no_secret(stocked: Stocked) -> None:
    for address, says in {
        "s3://nowhere/x": "its bucket does not exist",
        "s3://AKIA:hidden@voices/x": "Credentials are read from the environment",
    }.items():
        done = quickly("ingest", address, "--encoder", "resemblyzer", home=stocked.home)
        assert done.code != 0
        assert says in done.err
        assert "Traceback" not in done.err
        assert "hidden" not in done.err


@pytest.fixture(scope="module")
def server(stocked: Stocked) -> Iterator[Server]:
    roots = os.pathsep.join([str(stocked.home), f"s3://{BUCKET}/voices/"])
    with serving(stocked.home, SPKSEARCH_INGEST_ROOTS=roots) as running:
        yield running


def ended(client: httpx.Client, answer: httpx.Response) -> Any:
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + LIMIT_S
    while (document := client.get(f"/v1/ingest/{answer.json()['id']}").json())["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return document


def test_a_server_takes_in_what_is_below_an_allowed_address_and_nothing_else(server: Server, stocked: Stocked) -> None:
    document = ended(server.client, server.client.post("/v1/ingest", json={"paths": [f"s3://{BUCKET}/voices/Key"]}))
    assert (document["state"], document["progress"]["known"]) == ("done", CLIPS), document
    for path in (
        "s3://other/x",
        f"s3://{BUCKET}",
        f"s3://{BUCKET}/voices2",
        f"s3://{BUCKET}/voices/../x",
        "gs://voices/x",
    ):
        refused = server.client.post("/v1/ingest", json={"paths": [path]})
        assert refused.status_code == 422, refused.text
        assert "is not in a folder of SPKSEARCH_INGEST_ROOTS" in refused.text
    hidden = server.client.post("/v1/ingest", json={"paths": [f"s3://AKIA:hidden@{BUCKET}/voices"]})
    assert (hidden.status_code, "hidden" in hidden.text) == (422, False)


def test_the_folders_of_an_allowed_address_are_listed(server: Server) -> None:
    top = server.client.get("/v1/folders").json()
    assert f"s3://{BUCKET}/voices" in [one["path"] for one in top["folders"]]
    inner = server.client.get("/v1/folders", params={"path": f"s3://{BUCKET}/voices"}).json()
    assert inner["folders"] == [{"name": "Key", "path": f"s3://{BUCKET}/voices/Key"}]
    assert inner["parent"] is None
    deeper = server.client.get("/v1/folders", params={"path": f"s3://{BUCKET}/voices/Key"}).json()
    assert ([one["name"] for one in deeper["folders"]], deeper["parent"]) == (["空"], f"s3://{BUCKET}/voices")


def test_a_sound_is_served_in_parts_and_by_its_version(server: Server, stocked: Stocked) -> None:
    content = stocked.files["voices/Key/空/琴子/0.wav"]
    (clip,) = [one for one in server.client.get("/v1/characters").json()["characters"] if one["name"] == "琴子"]
    id_ = quickly("catalog", "show", "琴子", "--json", home=stocked.home).document["clips"][0]["id"]
    assert clip["clips"] == CLIPS // 2
    whole = server.client.get(f"/v1/clips/{id_}/audio")
    assert (whole.status_code, whole.content) == (200, content)
    part = server.client.get(f"/v1/clips/{id_}/audio", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    again = server.client.get(f"/v1/clips/{id_}/audio", headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status_code == 304
    stocked.bucket.denied.add("琴子/0.wav")
    away = server.client.get(f"/v1/clips/{id_}/audio")
    assert away.status_code == 404
    assert "cannot be fetched: access is denied" in away.text
    stocked.bucket.denied.clear()
