"""Where weights come from, and what happens to wrong ones: real files, a real HTTP server in the hub's place."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from speaker_search.encoders import NAMES, load
from speaker_search.encoders.weights import SOURCES, InWheel, OnHub, resolve
from speaker_search.errors import EncoderError

COMMIT = "c" * 40
CLOSED = "http://127.0.0.1:9"  # the discard port, where nothing listens


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
    """What `code` prints in a process of its own: the hub's client reads its environment when imported."""
    preamble = (
        "from speaker_search.encoders import load\n"
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
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def hub() -> Iterator[str]:
    """A server that has the one file of anime-char at `main`, as the hub serves it, and 404 for all else."""
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
    assert NAMES == ("anime-va", "anime-char", "ecapa-voxceleb", "wespeaker-resnet34", "resemblyzer")


def test_importing_the_encoders_imports_no_torch(tmp_path: Path) -> None:
    assert (
        apart("import sys; print('torch' in sys.modules, 'huggingface_hub' in sys.modules)", tmp_path) == "False False"
    )


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
        "import numpy; encoder = load('anime-char', device='cpu')\n"
        "rows = encoder.embed([numpy.ones(4800, 'f4')]); print(encoder.space, rows.shape)"
    )
    assert apart(code, tmp_path, HF_ENDPOINT=CLOSED) == f"anime-char@{sha256[:12]} (1, 192)"


def test_a_cached_file_other_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"a half download")
    cached(tmp_path / "cache", "anime-va", hub_source("anime-va").revision, wrong)
    refusal = apart("print(refusal('anime-va'))", tmp_path / "cache", HF_ENDPOINT=CLOSED)
    assert "is not the embedding_model.pth that anime-va is pinned to" in refusal
    assert "41d5ad6b5c75" in refusal


@pytest.mark.parametrize("environment", [{"HF_ENDPOINT": CLOSED}, {"HF_HUB_OFFLINE": "1"}])
def test_a_hub_out_of_reach_says_what_to_fetch(tmp_path: Path, environment: dict[str, str]) -> None:
    code = "import time; start = time.monotonic(); print(refusal('anime-va')); print(time.monotonic() - start < 10)"
    refusal, in_time = apart(code, tmp_path, **environment).splitlines()
    assert refusal.startswith("The weights of anime-va are not on this machine and the hub cannot be reached")
    for what in (
        *(hub_source("anime-va").repo, hub_source("anime-va").revision),
        "SPKSEARCH_CHECKPOINT",
        "resemblyzer",
    ):
        assert what in refusal
    assert in_time == "True"


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


def test_a_process_with_an_encoder_can_look_at_all_its_modules(tmp_path: Path, anime_checkpoint: Path) -> None:
    cached(tmp_path, "anime-char", COMMIT, anime_checkpoint)
    code = (
        "import sys, warnings; warnings.simplefilter('error'); load('anime-char', device='cpu')\n"
        "print(all(getattr(module, '__file__', '') != 0 for module in list(sys.modules.values())))"
    )
    assert apart(code, tmp_path) == "True"


# A person's own file


def test_a_checkpoint_of_ones_own_need_not_be_the_pinned_file(tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"mine")
    assert resolve("anime-va", own).space == f"anime-va@{hashlib.sha256(b'mine').hexdigest()[:12]}"


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_serves_as_a_checkpoint_when_the_published_file_is_in_it(tmp_path: Path, name: str) -> None:
    (tmp_path / SOURCES[name].file).write_bytes(b"mine")
    found = resolve(name, tmp_path)
    assert (found.path, found.commit) == (tmp_path / SOURCES[name].file, None)


@pytest.mark.parametrize("revision", [COMMIT, hub_source("ecapa-voxceleb").revision])
def test_a_cache_of_the_hub_serves_as_a_checkpoint_at_any_commit(tmp_path: Path, revision: str) -> None:
    own = tmp_path / "own.ckpt"
    own.write_bytes(b"mine")
    cached(tmp_path / "hub", "ecapa-voxceleb", revision, own)
    (model,) = (tmp_path / "hub").iterdir()
    assert [resolve("ecapa-voxceleb", folder).commit for folder in (tmp_path / "hub", model)] == [revision] * 2
    with pytest.raises(EncoderError, match=r"holds no weights of anime-va: there is no embedding_model\.pth in it"):
        resolve("anime-va", tmp_path / "hub")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncoderError, match=r"cannot be read from .*none\.pth: No such file.*SPKSEARCH_CHECKPOINT"):
        load(name, checkpoint=tmp_path / "none.pth")


@pytest.mark.parametrize("content", [b"", b"weights? what weights?\n", b"PK\x03\x04 no zip", bytes(range(256)) * 9])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for name in NAMES:
        with pytest.raises(EncoderError, match=f"no weights file of {name}"):
            load(name, checkpoint=path, device="cpu")


class Malicious:
    """Creates a file when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({"backbone.weight": Malicious(mark)}, tmp_path / "torch.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Malicious(mark)))
    for path in (tmp_path / "torch.pth", tmp_path / "pickle.pth"):
        with pytest.raises(EncoderError, match="no weights file"):
            load("anime-va", checkpoint=path, device="cpu")
    assert not mark.exists()


def test_a_checkpoint_of_a_list_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(EncoderError, match="holds no named tensors"):
        load("anime-va", checkpoint=tmp_path / "list.pth", device="cpu")


def test_another_architecture_is_refused_by_its_first_tensor(tmp_path: Path) -> None:
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    small = ECAPA_TDNN(80, lin_neurons=192, channels=[64] * 4 + [96]).state_dict()
    torch.save({"backbone." + key: tensor for key, tensor in small.items()}, tmp_path / "small.pth")
    expected = r"its tensor backbone\.blocks\.0\.conv\.conv\.weight is \(64, 80, 5\) and should be \(1024, 80, 5\)"
    with pytest.raises(EncoderError, match=expected):
        load("anime-va", checkpoint=tmp_path / "small.pth", device="cpu")
    torch.save(small, tmp_path / "bare.pth")  # without the prefix, as SpeechBrain publishes its own
    with pytest.raises(EncoderError, match=r"its tensor backbone\.blocks\.0\.conv\.conv\.weight is missing"):
        load("anime-va", checkpoint=tmp_path / "bare.pth", device="cpu")


def test_batch_normalisation_in_an_anime_checkpoint_is_refused(tmp_path: Path, anime_checkpoint: Path) -> None:
    tensors = torch.load(anime_checkpoint, weights_only=True)
    path = tmp_path / "batchnorm.pth"
    torch.save(tensors | {"backbone.mfa.norm.norm.running_mean": torch.zeros(3072)}, path)
    with pytest.raises(EncoderError, match=r"backbone\.mfa\.norm\.norm\.running_mean is not part of the network"):
        load("anime-va", checkpoint=path, device="cpu")
    path.unlink()


@pytest.fixture
def resemblyzer_tensors() -> dict[str, torch.Tensor]:
    assert isinstance(SOURCES["resemblyzer"], InWheel)
    checkpoint = torch.load(resolve("resemblyzer").path, map_location="cpu", weights_only=True)
    return dict(checkpoint["model_state"])


def refuse_state(state: dict[str, Any], folder: Path, reason: str) -> None:
    torch.save({"model_state": state}, folder / "state.pt")
    with pytest.raises(EncoderError, match=reason):
        load("resemblyzer", checkpoint=folder / "state.pt", device="cpu")


def test_a_missing_tensor_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    del resemblyzer_tensors["lstm.weight_hh_l1"]
    refuse_state(resemblyzer_tensors, tmp_path, r"its tensor lstm\.weight_hh_l1 is missing")


def test_a_tensor_that_is_not_finite_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    resemblyzer_tensors["linear.bias"][7] = float("nan")
    refuse_state(resemblyzer_tensors, tmp_path, r"its tensor linear\.bias holds values that are no finite numbers")


def test_a_tensor_of_integers_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    resemblyzer_tensors["linear.bias"] = torch.zeros(256, dtype=torch.int64)
    refuse_state(resemblyzer_tensors, tmp_path, r"its tensor linear\.bias holds values")


def test_a_tensor_too_many_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    refuse_state(
        resemblyzer_tensors | {"linear2.bias": torch.zeros(3)}, tmp_path, r"its tensor linear2\.bias is not part"
    )


def test_a_checkpoint_without_the_expected_section_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 1}, tmp_path / "step.pt")
    with pytest.raises(EncoderError, match="it has no model_state"):
        load("resemblyzer", checkpoint=tmp_path / "step.pt", device="cpu")
