"""Sounds that kill or hang their decoder cost the one request that sent them, and never the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from end_to_end.running import LIMIT_S
from standin import StandInEncoder, write_dump
from web.deadly_decoder import CRASHES, HANGS
from web.in_thread import serving_in_thread

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError
from speaker_search.library import Library
from speaker_search.settings import Settings

DECODER = (sys.executable, str(Path(__file__).with_name("deadly_decoder.py")))
CAST = {"Kumo/Hare": {"Aoi": 1, "Beni": 2}, "Hoshi/Tsuki": {"Chie": 1, "Dan": 4}}
ONE_VOICE = ("Aoi", "Chie")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump"), CAST) / "Kumo/Hare/Aoi/000.wav"


@pytest.fixture(scope="module")
def library(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), encoder="stand-in")
    with Library(settings, encoder=StandInEncoder(), decoder=DECODER) as library:
        library.ingest([line.parents[3]])
        yield library


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[httpx.Client]:
    """A server in a thread of this process, which a sound decoded in the server's process would take down."""
    with serving_in_thread(library) as client:
        yield client


def search(client: httpx.Client, *sounds: bytes) -> httpx.Response:
    return client.post("/v1/search", files=[("audio", ("a.wav", sound)) for sound in sounds])


def check_refused(response: httpx.Response, words: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert response.json()["type"] == "urn:spksearch:problem:audio"
    assert words in response.json()["detail"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
def test_a_sound_that_crashes_its_decoder_costs_that_request_only(client: httpx.Client, line: Path) -> None:
    sound = line.read_bytes()
    for _ in range(3):
        check_refused(search(client, sound + CRASHES), "The clip crashed the decoder (signal SIGSEGV).")
        check_refused(search(client, sound, sound + CRASHES), "crashed the decoder")
        assert search(client, sound).json()["matches"][0]["character"]["name"] in ONE_VOICE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to wait for")
def test_a_sound_that_hangs_its_decoder_is_refused_in_time_and_keeps_nobody_from_searching(
    client: httpx.Client, line: Path
) -> None:
    sound = line.read_bytes()
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(search, client, sound + HANGS)
        assert search(client, sound).status_code == 200
        check_refused(hanging.result(LIMIT_S), "The clip kept the decoder busy for over 5 s.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
def test_python_is_told_the_reason(library: Library, line: Path, tmp_path: Path) -> None:
    deadly = tmp_path / "deadly.wav"
    deadly.write_bytes(line.read_bytes() + CRASHES)
    for sound in (deadly, str(deadly)):
        with pytest.raises(AudioError, match=r"^deadly\.wav crashed the decoder") as refused:
            library.search([sound])
        assert refused.value.reason is Refusal.CRASHED
