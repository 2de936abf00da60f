"""Logs as lines of JSON: what they say, and what never gets into them."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import LIMIT_S, Begun, begun, quickly
from standin import write_voice

from speaker_search.logs import FLOOD_LINES, FLOOD_S, Flood, Lines

KEY = "sesame-opens-the-door"
TYPED = ("kotori-no-namae", "himitsu-no-serifu", "kasumi.ogg")
ID = "proxy-4711-0815"


def record(
    message: object, *values: object, name: str = "speaker_search.web", error: bool = False
) -> logging.LogRecord:
    exc_info = sys.exc_info() if error else None
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, values, exc_info)


def line(written: logging.LogRecord) -> dict[str, Any]:
    text = Lines().format(written)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_sentence_keeps_its_numbers_and_loses_its_names() -> None:
    found = line(record("%s has %d clips in %.1f s.", "Aoi", 3, 0.25))
    assert found["message"] == "… has 3 clips in 0.2 s."
    assert (found["level"], found["event"], found["time"][-6:]) == ("warning", "message", "+00:00")


def test_an_error_is_known_by_its_class_its_causes_and_its_place() -> None:
    try:
        try:
            raise KeyError("/voices/Aoi")
        except KeyError as error:
            raise ValueError("Aoi") from error
    except ValueError:
        found = line(record("It failed.", error=True))
    assert found["error"] == ["ValueError", "KeyError"]
    assert found["raised"][0].startswith("tests/test_logs.py:")
    assert "Aoi" not in json.dumps(found)


@pytest.mark.parametrize(
    "said",
    [
        record("The file /voices/Aoi is odd.", name="another.package"),
        record("Traceback:\n  Aoi\n", name="uvicorn.error"),
        record(ValueError("Aoi")),
        record("%s", ValueError("Aoi")),
    ],
)
def test_sentences_that_others_have_made_are_left_out(said: logging.LogRecord) -> None:
    assert "Aoi" not in json.dumps(line(said))


def test_a_flood_of_one_sentence_is_cut_off_and_counted() -> None:
    now_s = 0.0
    flood = Flood(lambda: now_s)
    assert sum(flood.filter(record("%s has left.", client)) for client in range(1000)) == FLOOD_LINES
    assert flood.filter(record("Another sentence."))
    now_s = FLOOD_S
    after = record("%s has left.", 1)
    assert flood.filter(after)
    assert line(after)["left_out"] == 1000 - FLOOD_LINES


def listening(server: Begun) -> httpx.Client:
    found = json.loads(server.err.readline())
    assert found["event"] == "listening"
    return httpx.Client(base_url=f"http://127.0.0.1:{found['port']}", timeout=LIMIT_S, trust_env=False)


def test_a_server_logs_each_request_and_nothing_that_was_sent_or_stored(ingested: Ingested, tmp_path: Path) -> None:
    home = ingested.copy(tmp_path / "kakureie")
    title = "星降る坂の約束"
    asked = ("serve", "--port", "0", "--log-format", "json")
    with begun(*asked, home=home, SPKSEARCH_API_KEYS=f"someone:edit:{KEY}") as server, listening(server) as http:
        http.headers["X-API-Key"] = KEY
        found = http.get("/v1/games", params={"contains": title}, headers={"X-Request-ID": ID})
        assert (found.status_code, found.headers["X-Request-ID"]) == (200, ID)
        http.get(f"/v1/{TYPED[0]}", headers={"X-Request-ID": "two words"})
        http.post("/v1/verdicts", json={"one": 1, "other": 1, "same": True, "note": TYPED[1]})
        sound = tmp_path / "sound.wav"
        write_voice(sound, 1, 1, seconds=0.2)
        http.post("/v1/search", files={"audio": (TYPED[2], sound.read_bytes()[:100])})
        http.get("/v1/characters", headers={"X-API-Key": f"{KEY}-wrong"})
        (home / "catalog.db").unlink()
        assert http.get("/v1/games").status_code == 503
        server.process.terminate()
        log = server.ended().err
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [one for one in lines if one["event"] == "request"]
    assert requests[0] | {"ms": 0, "time": "", "pid": 0} == {
        **{"time": "", "level": "info", "event": "request", "method": "GET", "route": "/v1/games", "status": 200},
        **{"ms": 0, "problem": None, "pid": 0, "request_id": ID},
    }
    assert [one["problem"] for one in requests[1:]] == ["not-found", "usage", "audio", "unauthorised", "catalog"]
    assert (requests[1]["route"], len(requests[1]["request_id"])) == ("other", 32)
    failed = next(one for one in lines if one["event"] == "message" and one["logger"].endswith("problems"))
    assert (failed["error"], failed["request_id"]) == (["CatalogError"], requests[-1]["request_id"])
    for hidden in (KEY, title, *TYPED, "kakureie", "contains", "someone", "two words"):
        assert hidden not in log


def test_a_worker_logs_its_portions_and_no_names(tmp_path: Path) -> None:
    for take in range(3):
        write_voice(tmp_path / "声/工房/新作/役" / f"{take}.wav", 3, take, seconds=1.5)
    (tmp_path / "声/工房/新作/役/broken.wav").write_text("no sound")
    home = tmp_path / "home"
    quickly("ingest", tmp_path / "声", "--enqueue", "--encoder", "resemblyzer", home=home)
    done = quickly("worker", "--drain", "--workers", "1", "--log-format", "json", home=home)
    lines = [json.loads(line) for line in done.err.splitlines()]
    portions = [one for one in lines if one["event"] == "portion"]
    assert (sum(one["clips"] for one in portions), sum(one["refused"] for one in portions)) == (3, 1)
    assert sum(one["audio_s"] for one in portions) == pytest.approx(4.5, abs=0.3)
    assert {one["worker"] for one in lines} == {portions[0]["worker"]}
    assert lines[0]["event"] == "worker begins"
    assert lines[-1]["event"] == "worker is done"
    assert not [name for name in ("工房", "新作", "役", "broken", str(tmp_path)) if name in done.err]


def test_a_program_that_cannot_start_says_so_without_the_databases_address(tmp_path: Path) -> None:
    url = "postgresql://kanrisha:himitsu@127.0.0.1:1/kakushi"
    done = quickly("worker", "--log-format", "json", home=tmp_path, SPKSEARCH_DATABASE_URL=url)
    (found,) = [json.loads(line) for line in done.err.splitlines()]
    assert (done.code, found["event"], found["level"], found["error"][0]) == (3, "ended", "error", "CatalogAwayError")
    assert "--log-format text" in found["message"]
    assert not [word for word in ("kanrisha", "himitsu", "127.0.0.1", "kakushi", str(tmp_path)) if word in done.err]


def test_wrong_flags_are_named_in_a_line_of_json(tmp_path: Path) -> None:
    done = quickly("serve", "--host", "0.0.0.0", "--log-format", "json", home=tmp_path)  # noqa: S104
    (found,) = [json.loads(line) for line in done.err.splitlines()]
    assert (done.code, found["error"]) == (2, ["UsageError"])
    assert "SPKSEARCH_API_KEYS" in found["message"]
