"""`spksearch doctor`, with a hub of its own that notes every request."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from end_to_end.running import Ran, spksearch
from typer.testing import CliRunner

from speaker_search.cli.program import program
from speaker_search.encoders import NAMES
from speaker_search.encoders.weights import SOURCES, OnHub
from speaker_search.library.diagnosis import diagnose
from speaker_search.settings import Settings

COMMIT = "d" * 40


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a hub that has nothing, and the requests it received."""
    requests: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            requests.append(self.path)
            self.send_error(404)

        do_GET = do_HEAD

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    thread.join()
    server.server_close()


def cached(hub: Path, name: str, revision: str, content: bytes) -> None:
    """Lay a file out as the hub's cache has it."""
    source = SOURCES[name]
    assert isinstance(source, OnHub)
    model = hub / f"models--{source.repo.replace('/', '--')}"
    (model / "snapshots" / revision).mkdir(parents=True)
    (model / "snapshots" / revision / source.file).write_bytes(content)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(revision, encoding="utf-8")


def states(done: Ran) -> dict[str, dict[str, Any]]:
    return {state["name"]: state for state in done.document["encoders"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def doctor(place: Path, asked: tuple[str, list[str]]) -> Ran:
    """With a file of one's own for wespeaker-resnet34, wrong files in the hub's cache, and none for ecapa-voxceleb."""
    from speaker_search.encoders.wespeaker import build_network

    home = place
    torch.save({"resnet." + key: tensor for key, tensor in build_network().state_dict().items()}, home / "own.bin")
    pinned = SOURCES["anime-va"]
    assert isinstance(pinned, OnHub)
    cached(home / "hub", "anime-va", pinned.revision, b"a half download")
    cached(home / "hub", "anime-char", COMMIT, b"weights? what weights?")
    return spksearch(
        "doctor",
        "--json",
        home=home / "home",
        HF_HUB_CACHE=str(home / "hub"),
        HF_ENDPOINT=asked[0],
        SPKSEARCH_ENCODER="wespeaker-resnet34",
        SPKSEARCH_CHECKPOINT=str(home / "own.bin"),
    )


def test_it_lists_every_encoder_and_exits_with_0(doctor: Ran) -> None:
    assert (doctor.code, doctor.err) == (0, "")
    assert tuple(states(doctor)) == NAMES
    assert {name: state["dim"] for name, state in states(doctor).items()} == {
        "anime-va": 192,
        "anime-char": 192,
        "campplus": 192,
        "ecapa-voxceleb": 192,
        "wespeaker-resnet34": 256,
        "resemblyzer": 256,
    }
    assert all(state.keys() >= {"name", "dim", "ready", "space", "weights", "why"} for state in states(doctor).values())


def test_the_encoder_whose_weights_are_in_a_package_is_ready(doctor: Ran) -> None:
    state = states(doctor)["resemblyzer"]
    assert (state["ready"], state["space"], state["why"]) == (True, "resemblyzer@39373b86598f", None)
    assert Path(state["weights"]).is_file()
    assert state["backend"] in ("torch cpu fp32", "torch cuda fp32")
    assert state["backend_reason"]


def test_an_encoder_without_weights_says_what_to_fetch(doctor: Ran) -> None:
    state, source = states(doctor)["ecapa-voxceleb"], SOURCES["ecapa-voxceleb"]
    assert isinstance(source, OnHub)
    assert (state["ready"], state["space"], state["weights"], state["backend"]) == (False, None, None, None)
    assert "The weights of ecapa-voxceleb are not on this machine" in state["why"]
    for part in (source.file, source.repo, source.revision):
        assert part in state["why"]
        assert part in state["needs"]


def test_it_asks_no_network_and_writes_nothing(doctor: Ran, place: Path, asked: tuple[str, list[str]]) -> None:
    assert doctor.code == 0
    assert asked[1] == []
    assert {path.name for path in place.iterdir()} == {"hub", "own.bin"}


def test_in_words_it_says_the_same() -> None:
    in_words, as_json = (CliRunner().invoke(program(["doctor"]), ["doctor", *flags]) for flags in ((), ("--json",)))
    document = json.loads(as_json.stdout)
    for state in document["encoders"]:
        assert state["name"] in in_words.stdout
        assert state["ready"] or f"{state['name']} is not ready: {state['why']}\n" in in_words.stdout
    assert document["packages"]["torch"] in in_words.stdout


def test_it_says_which_sounds_are_read_and_what_the_extra_adds(
    tmp_path: Path, doctor: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = doctor.document["sounds"]
    assert sounds["read"] == ["wav", "flac", "ogg", "opus", "mp3"]
    assert {"m4a", "mp4", "webm", "mkv", "wma", "aac"} <= {*sounds["more"]} & {*sounds["ingested"]}
    assert sounds["ready"] is (doctor.document["packages"]["av"] is not None)
    assert sounds["why"] is None or "pip install av" in sounds["why"]
    (tmp_path / "av.py").write_text("raise ImportError('libx is missing')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "av", raising=False)
    found = CliRunner().invoke(program(["doctor"]), ["doctor"])
    assert "The extra containers would add searches of m4a, mp4" in found.stdout
    assert "It is not ready: The package av cannot be loaded: libx is missing\n" in found.stdout


def test_it_names_machine_device_and_versions(doctor: Ran) -> None:
    machine, packages = doctor.document["machine"], doctor.document["packages"]
    assert machine["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert (machine["gpu"] is None) == (machine["device"] == "cpu")
    assert machine["cpu"]
    assert machine["cores"] > 0
    assert packages["torch"] == version("torch")
    assert [packages["faiss-gpu"], packages["faiss-cpu"]].count(None) == 1


def test_a_checkpoint_counts_for_the_encoder_of_the_settings(doctor: Ran) -> None:
    state = states(doctor)["wespeaker-resnet34"]
    assert (state["ready"], state["why"]) == (True, None)
    assert state["space"].startswith("wespeaker-resnet34@")
    assert Path(state["weights"]).name == "own.bin"
    assert states(doctor)["resemblyzer"]["ready"] is True


def test_wrong_weights_are_not_ready_for_their_own_reason(doctor: Ran) -> None:
    found = states(doctor)
    assert [found[name]["ready"] for name in ("anime-va", "anime-char")] == [False, False]
    assert "is not the embedding_model.pth that anime-va is pinned to" in found["anime-va"]["why"]
    assert "is not a weights file of anime-char" in found["anime-char"]["why"]
    assert found["anime-char"]["commit"] == COMMIT
    assert found["anime-char"]["space"].startswith("anime-char@")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_leaves_no_encoder_ready(tmp_path: Path) -> None:
    found = diagnose(Settings(home=tmp_path, device="cuda"))
    assert not any(state.ready for state in found.encoders)
    assert "There is no GPU" in str(found.encoders[-1].why)


def test_it_says_what_keeps_the_index(doctor: Ran) -> None:
    assert doctor.document["index"] == {"engine": "faiss", "address": None, "version": None, "ready": True, "why": None}


def test_an_index_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPKSEARCH_INDEX_URL", "milvus://me:secret@db")
    monkeypatch.setitem(sys.modules, "pymilvus", None)  # as where it is not installed
    in_words, as_json = (CliRunner().invoke(program(["doctor"]), ["doctor", *flags]) for flags in ((), ("--json",)))
    why = "SPKSEARCH_INDEX_URL needs the package pymilvus. Install it with `pip install 'speaker-search[milvus]'`, or "
    why += "unset SPKSEARCH_INDEX_URL."
    assert f"The index cannot be used: {why}" in " ".join(in_words.output.split())
    assert json.loads(as_json.output)["index"] == {
        "engine": "milvus",
        "address": "milvus://db:19530",
        "version": None,
        "ready": False,
        "why": why,
    }
    assert "secret" not in in_words.output + as_json.output
