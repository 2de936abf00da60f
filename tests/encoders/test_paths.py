"""Which path computes, that it falls back when it must, and that every path gives the same embeddings."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speaker_search.encoders import load, paths
from speaker_search.encoders.anime import AnimeEncoder
from speaker_search.encoders.cuda_path import halving
from speaker_search.encoders.filterbank import Filterbank
from speaker_search.encoders.paths import Machine, choose, exact, instead_of, possible, this_machine
from speaker_search.encoders.running import SAME, CpuRun, settle
from speaker_search.encoders.weights import resolve
from speaker_search.entities import Floats
from speaker_search.errors import EncoderError

EXACT = exact("the tests compare with it")
OLD = Machine(frozenset({"sse2"}), openvino=True, gpu=None)
AVX2 = Machine(frozenset({"avx2"}), openvino=True, gpu=None)
PLAIN = Machine(frozenset({"avx2", "amx_bf16"}), openvino=False, gpu=None)
AMX = Machine(frozenset({"avx2", "avx512f", "amx_bf16"}), openvino=True, gpu=None)
ZEN4 = Machine(frozenset({"avx2", "avx512f", "avx512_bf16"}), openvino=True, gpu=None)
EMULATES = Machine(frozenset({"avx2", "avx512f"}), openvino=True, gpu=None)
TURING = Machine(frozenset({"avx2"}), openvino=True, gpu="T4")
HOPPER = Machine(frozenset({"avx2", "amx_bf16"}), openvino=True, gpu="H200")

BROKEN = replace(AVX2, gpu_problem="no kernel image is available")

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="OpenVINO, which is optional, is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use")


# Choosing


@pytest.mark.parametrize(
    ("device", "machine", "name"),
    [
        ("auto", OLD, "torch cpu fp32"),
        ("auto", PLAIN, "torch cpu fp32"),
        ("auto", AVX2, "openvino cpu fp32"),
        ("auto", EMULATES, "openvino cpu fp32"),
        ("auto", AMX, "openvino cpu bf16"),
        ("cpu", ZEN4, "openvino cpu bf16"),
        ("auto", TURING, "torch cuda fp16"),
        ("cuda", HOPPER, "torch cuda fp16"),
        ("cpu", HOPPER, "openvino cpu bf16"),
    ],
)
def test_the_machine_and_the_device_decide_the_path(device: str, machine: Machine, name: str) -> None:
    path = choose(device, machine)
    assert path.name == name
    assert path.reason
    assert name in {each.name for each in possible(machine)}


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(EncoderError, match="There is no GPU"):
        choose("cuda", AMX)


@pytest.mark.parametrize("name", ["anime-va", "resemblyzer"])
def test_an_encoder_for_auto_says_that_the_gpu_fails(
    name: str, anime_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "this_machine", lambda: replace(OLD, gpu_problem="no kernel image is available"))
    encoder = load(name, checkpoint=anime_checkpoint if name == "anime-va" else None)
    assert encoder.path.name == EXACT.name
    assert "no kernel image is available" in encoder.path.reason


def test_a_network_for_torch_alone_is_in_fp32_on_either_device() -> None:
    assert choose("auto", HOPPER, torch_only="it must").name == "torch cuda fp32"
    assert choose("cpu", HOPPER, torch_only="it must") == exact("it must")


def test_a_gpu_that_fails_leaves_auto_to_the_cpu_and_says_why() -> None:
    path = choose("auto", BROKEN)
    assert path.name == choose("cpu", BROKEN).name
    assert "no kernel image is available" in path.reason
    assert "no kernel image" not in choose("cpu", BROKEN).reason  # nobody asked for a GPU
    with pytest.raises(EncoderError, match="no kernel image is available"):
        choose("cuda", BROKEN)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU that torch can use")
def test_a_gpu_that_torch_sees_and_cannot_use_is_found_out_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    machine = this_machine.__wrapped__()
    assert machine.gpu is None
    assert machine.gpu_problem
    assert choose("auto", machine).device == "cpu"


@pytest.mark.parametrize("machine", [OLD, PLAIN, AVX2, AMX, TURING, HOPPER])
def test_what_comes_instead_of_a_path_is_possible_and_ends_with_torch_in_fp32(machine: Machine) -> None:
    names = [path.name for path in possible(machine)]
    assert names[0] == EXACT.name
    assert len(set(names)) == len(names)
    for path in possible(machine):
        while path.name not in {EXACT.name, "torch cuda fp32"}:
            path = instead_of(path, "is out of order")
            assert path.name in names
            assert "is out of order" in path.reason


def test_nothing_comes_instead_of_the_exact_path_of_a_device() -> None:
    for path in (EXACT, paths.Path("torch", "cuda", "fp32", "asked for")):
        with pytest.raises(EncoderError, match="is out of order"):
            instead_of(path, "is out of order")


def test_this_machine_can_be_looked_at() -> None:
    machine = this_machine()
    assert (machine.gpu is not None) == torch.cuda.is_available()
    assert choose("auto", machine).name in {path.name for path in possible(machine)}
    if sys.platform == "linux" and machine.cpu_flags:  # Arm's line is called Features
        assert "sse2" in machine.cpu_flags


# Falling back


class Mean(torch.nn.Module):
    """The mean over the frames: (N, frames, mels) -> (N, mels)."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return mels.mean(dim=1)


class Restless(Mean):
    """Another answer every time, which no path can match."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(mels.mean(dim=1)) - 0.5


class Unheard(Mean):
    """With an operation that OpenVINO has not."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(mels)


@needs_openvino
def test_openvino_takes_what_it_computes_exactly() -> None:
    wanted = paths.Path("openvino", "cpu", "fp32", "asked for")
    _, path = settle(Filterbank(8), Mean(), wanted, mels=8)
    assert path == wanted


@needs_openvino
@pytest.mark.parametrize(
    ("network", "problem"), [(Restless(), "its cosine to fp32 is"), (Unheard(), "has not all of its operations")]
)
def test_a_path_that_is_inexact_or_fails_gives_way_to_torch_and_says_why(
    network: torch.nn.Module, problem: str
) -> None:
    run, path = settle(Filterbank(8), network, paths.Path("openvino", "cpu", "bf16", "asked for"), mels=8)
    assert path.name == EXACT.name
    assert path.reason.startswith("openvino cpu fp32 ")
    assert problem in path.reason
    assert run.embed([np.ones(4_800, dtype=np.float32)], [30])[0][1].shape == (1, 8)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_path_without_a_gpu_is_refused() -> None:
    with pytest.raises(EncoderError, match="torch cuda fp32 does not work here"):
        settle(Filterbank(8), Mean(), paths.Path("torch", "cuda", "fp16", "asked for"), mels=8)


# Running


class Small:
    """A network whose memory holds batches of `most` clips."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sizes: list[int] = []

    def __call__(self, batch: list[int]) -> list[int]:
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        self.sizes.append(len(batch))
        return batch


@pytest.mark.parametrize(("clips", "most"), [(1, 1), (2, 1), (7, 3), (64, 64), (64, 63), (100, 9)])
def test_out_of_memory_halves_the_batch_and_every_clip_is_embedded_once(clips: int, most: int) -> None:
    network = Small(most)
    parts = halving(network, list(range(clips)))
    assert [clip for part in parts for clip in part] == list(range(clips))
    assert max(network.sizes) <= most
    assert min(network.sizes) >= min(clips, (most + 1) // 2)  # never smaller than halving makes them


def test_a_single_clip_too_large_for_the_memory_is_an_error_with_its_mend() -> None:
    with pytest.raises(EncoderError, match="does not hold the embedding of a single clip") as refused:
        halving(Small(0), [0, 1, 2])
    assert "--device cpu" in refused.value.mend


def test_another_error_of_a_batch_is_not_taken_for_a_lack_of_memory() -> None:
    def broken(_: list[int]) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        halving(broken, [0, 1])


def test_batches_on_several_threads_keep_their_clips() -> None:
    run = CpuRun(Filterbank(8), Mean(), workers=3)
    rng = np.random.default_rng(4)
    frames = rng.integers(30, 40, 60).tolist()
    clips = [rng.normal(size=160 * count).astype(np.float32) for count in frames]
    rows = np.empty((60, 8), dtype=np.float32)
    for positions, batch in run.embed(clips, frames):
        rows[positions] = batch
    alone = [run.embed([clip], [count])[0][1][0] for clip, count in zip(clips, frames, strict=True)]
    assert np.allclose(rows, alone, atol=1e-5)
    assert not np.allclose(rows[0], rows[1], atol=1e-3)


# The same embeddings by every path


@pytest.fixture(scope="module")
def lengths(speak: Any) -> list[Floats]:
    """Clips from the shortest that is taken in to a whole minute."""
    sounds = [speak(seconds, seed=seed) for seed, seconds in enumerate((0.3, 0.31, 1.0, 2.37, 2.37, 4.0, 11.3))]
    return [*sounds, np.tile(speak(5.0, seed=60), 12)]


@cache
def encoder_by(name: str, checkpoint: Path) -> AnimeEncoder:
    """The encoder on the path of that name, whether or not this machine would choose it."""
    engine, device, precision = name.split()
    if engine == "openvino" and not HAS_OPENVINO:
        pytest.skip("OpenVINO, which is optional, is not installed")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no GPU that torch can use")
    path = paths.Path(engine, device, precision, "the test asks for it")  # type: ignore[arg-type]
    encoder = AnimeEncoder(resolve("anime-va", checkpoint), device, path)
    assert encoder.path == path
    return encoder


@pytest.fixture(scope="module")
def expected(anime_checkpoint: Path, lengths: list[Floats]) -> Floats:
    return encoder_by(EXACT.name, anime_checkpoint).embed(lengths)


@pytest.mark.parametrize(
    ("name", "cosine"),
    [
        ("openvino cpu fp32", 0.99999),
        ("openvino cpu mixed", SAME),
        ("torch cuda fp32", SAME),  # its convolutions are in TF32, as torch does them unless told otherwise
        ("torch cuda fp16", SAME),
    ],
)
def test_clips_of_any_length_have_the_same_embedding_by_every_path(
    name: str, cosine: float, anime_checkpoint: Path, lengths: list[Floats], expected: Floats
) -> None:
    rows = encoder_by(name, anime_checkpoint).embed(lengths)
    assert rows.dtype == np.float32
    assert np.sum(rows * expected, axis=1).min() >= cosine


@pytest.mark.parametrize("name", ["openvino cpu mixed", "torch cuda fp16"])
def test_real_speech_has_the_same_embedding_in_reduced_precision(
    name: str, anime_checkpoint: Path, voices: list[Path], read: Any
) -> None:
    clips = [read(path) for path in voices]
    rows = encoder_by(name, anime_checkpoint).embed(clips)
    assert np.sum(rows * encoder_by(EXACT.name, anime_checkpoint).embed(clips), axis=1).min() >= SAME


@needs_gpu
def test_a_gpu_embeds_clips_of_one_frame_count_together(anime_checkpoint: Path, speak: Any) -> None:
    encoder = encoder_by("torch cuda fp32", anime_checkpoint)
    clips = [speak(2.0 + 0.001 * seed, seed=seed, peak=0.2 + seed) for seed in range(6)]
    alone = np.concatenate([encoder.embed([clip]) for clip in clips])
    assert np.sum(encoder.embed(clips) * alone, axis=1).min() >= 0.99999


def test_an_encoder_takes_the_path_chosen_for_the_machine_and_the_space_is_the_same(anime_checkpoint: Path) -> None:
    weights = resolve("anime-va", anime_checkpoint)
    encoder = AnimeEncoder(weights, "cpu")
    assert encoder.path == choose("cpu", this_machine()) or "is not exact enough" in encoder.path.reason
    assert encoder.space == weights.space == encoder_by(EXACT.name, anime_checkpoint).space


@pytest.mark.parametrize("name", [EXACT.name, "openvino cpu fp32"])
def test_an_encoder_serves_several_threads_at_once(name: str, anime_checkpoint: Path, speak: Any) -> None:
    encoder = encoder_by(name, anime_checkpoint)
    clips = [speak(0.3 + 0.1 * seed, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: encoder.embed([clip])[0], clips))
    assert np.sum(np.stack(together) * encoder.embed(clips), axis=1).min() >= 0.99999


@needs_openvino
def test_openvino_is_used_without_its_telemetry(tmp_path: Path) -> None:
    program = """
import sys, torch
from speaker_search.encoders.openvino_path import OpenVinoNetwork
network = OpenVinoNetwork(torch.nn.Linear(8, 4), mels=8, precision="fp32", workers=1)
print(len(network(torch.zeros(1, 5, 8))), [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env={"HOME": str(tmp_path)}
    )
    assert (done.returncode, done.stdout) == (0, "1 []\n"), done.stderr
    assert list(tmp_path.iterdir()) == []  # it would keep an identity there
