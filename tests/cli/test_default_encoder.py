"""Which encoder embeds a new catalog's voices when none was chosen, and what the commands say about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.bundled import VOICES
from end_to_end.running import Ran, quickly

GAME = next(VOICES.glob("*星降る坂の約束"))
ELSEWHERE = "127.0.0.1:9"  # the discard port, where nothing listens


def run(*words: str | Path, home: Path) -> Ran:
    """A command on a machine that has only the weights in packages and cannot reach the hub."""
    hub = {"HF_HUB_CACHE": str(home.parent / "hub"), "HF_ENDPOINT": f"http://{ELSEWHERE}", "NO_PROXY": "127.0.0.1"}
    return quickly(*words, home=home, **hub)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("default") / "home"


@pytest.fixture(scope="module")
def ingested(home: Path) -> Ran:
    return run("ingest", GAME, "--enqueue", home=home)


def test_without_the_weights_of_anime_va_campplus_embeds(ingested: Ran, home: Path) -> None:
    assert ingested.code == 0
    assert run("index", "status", "--json", home=home).document["encoder"] == "campplus@92f29b94e694"


def test_one_line_says_which_encoder_why_and_how_to_get_the_other(ingested: Ran) -> None:
    (line,) = (line for line in ingested.err.splitlines() if "No encoder was chosen" in line)
    for words in ("so campplus is used", "The weights of anime-va are not on this machine", "--encoder anime-va"):
        assert words in line


def test_the_line_is_not_printed_with_json(tmp_path: Path) -> None:
    done = run("ingest", GAME, "--enqueue", "--json", home=tmp_path / "home")
    assert "No encoder was chosen" not in done.err
    assert done.document["encoder"] == "campplus@92f29b94e694"


def test_a_catalog_with_voices_keeps_its_encoder_and_says_nothing_about_it(ingested: Ran, home: Path) -> None:
    again = run("ingest", GAME, "--enqueue", home=home)
    assert (again.code, ingested.code) == (0, 0)
    assert "No encoder was chosen" not in again.err


def test_doctor_names_the_encoder_of_a_new_catalog_and_what_each_is_for(home: Path) -> None:
    document = run("doctor", "--json", home=home).document
    assert document["encoder"] == "campplus"
    purposes = {state["name"]: state["purpose"] for state in document["encoders"]}
    assert "acted Japanese" in purposes["anime-va"]
    assert "no download" in purposes["campplus"]
