"""`spksearch doctor`, with a hub of its own that notes every request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from end_to_end.running import Ran, quickly, spksearch

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
def bare(tmp_path_factory: pytest.TempPathFactory, asked: tuple[str, list[str]]) -> Ran:
    """On a machine whose only weights are those in packages."""
    home = tmp_path_factory.mktemp("bare")
    return spksearch("doctor", "--json", home=home / "home", HF_HUB_CACHE=str(home / "hub"), HF_ENDPOINT=asked[0])


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, asked: tuple[str, list[str]]) -> Ran:
    """With a file of one's own for wespeaker-resnet34, and a cache whose files are all wrong."""
    from speaker_search.encoders.wespeaker import build_network

    home = tmp_path_factory.mktemp("furnished")
    torch.save({"resnet." + key: tensor for key, tensor in build_network().state_dict().items()}, home / "own.bin")
    pinned = SOURCES["anime-va"]
    assert isinstance(pinned, OnHub)
    cached(home / "hub", "anime-va", pinned.revision, b"a half download")
    cached(home / "hub", "anime-char", COMMIT, b"weights? what weights?")
    return quickly(
        "doctor",
        "--json",
        home=home / "home",
        HF_HUB_CACHE=str(home / "hub"),
        HF_ENDPOINT=asked[0],
        SPKSEARCH_ENCODER="wespeaker-resnet34",
        SPKSEARCH_CHECKPOINT=str(home / "own.bin"),
    )


def test_it_lists_every_encoder_and_exits_with_0(bare: Ran) -> None:
    assert (bare.code, bare.err) == (0, "")
    assert tuple(states(bare)) == NAMES
    assert {name: state["dim"] for name, state in states(bare).items()} == {
        "anime-va": 192,
        "anime-char": 192,
        "ecapa-voxceleb": 192,
        "wespeaker-resnet34": 256,
        "resemblyzer": 256,
    }
    assert all(state.keys() >= {"name", "dim", "ready", "space", "weights", "why"} for state in states(bare).values())


def test_the_encoder_whose_weights_are_in_a_package_is_ready(bare: Ran) -> None:
    state = states(bare)["resemblyzer"]
    assert (state["ready"], state["space"], state["why"]) == (True, "resemblyzer@39373b86598f", None)
    assert Path(state["weights"]).is_file()
    assert state["backend"] in ("torch cpu fp32", "torch cuda fp32")
    assert state["backend_reason"]


def test_the_others_say_what_to_fetch(bare: Ran) -> None:
    for name in set(NAMES) - {"resemblyzer"}:
        state, source = states(bare)[name], SOURCES[name]
        assert isinstance(source, OnHub)
        assert (state["ready"], state["space"], state["weights"], state["backend"]) == (False, None, None, None)
        assert f"The weights of {name} are not on this machine" in state["why"]
        for part in (source.file, source.repo, source.revision):
            assert part in state["why"]
            assert part in state["needs"]


def test_it_asks_no_network(bare: Ran, furnished: Ran, asked: tuple[str, list[str]]) -> None:
    assert (bare.code, furnished.code, asked[1]) == (0, 0, [])


def test_in_words_it_says_the_same_and_it_writes_nothing(bare: Ran, tmp_path: Path) -> None:
    done = quickly("doctor", home=tmp_path / "home", HF_HUB_CACHE=str(tmp_path / "hub"))
    assert list(tmp_path.iterdir()) == []
    assert (done.code, done.err) == (0, "")
    assert all(name in done.out for name in (*states(bare), "backend"))
    assert "anime-va is not ready: The weights of anime-va are not on this machine" in done.out
    assert bare.document["packages"]["torch"] in done.out


def test_it_names_machine_device_and_versions(bare: Ran) -> None:
    machine, packages = bare.document["machine"], bare.document["packages"]
    assert machine["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert (machine["gpu"] is None) == (machine["device"] == "cpu")
    assert machine["cpu"]
    assert machine["cores"] > 0
    assert packages["torch"] == version("torch")
    assert [packages["faiss-gpu"], packages["faiss-cpu"]].count(None) == 1


def test_a_checkpoint_counts_for_the_encoder_of_the_settings(furnished: Ran) -> None:
    state = states(furnished)["wespeaker-resnet34"]
    assert (state["ready"], state["why"]) == (True, None)
    assert state["space"].startswith("wespeaker-resnet34@")
    assert Path(state["weights"]).name == "own.bin"
    assert states(furnished)["resemblyzer"]["ready"] is True


def test_wrong_weights_are_not_ready_for_their_own_reason(furnished: Ran) -> None:
    found = states(furnished)
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
