"""Which backend computes, and that it gives way when it fails or is not exact enough."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from speaker_search.encoders import Backend, load
from speaker_search.encoders.backends.choose import choose, exact, instead_of
from speaker_search.encoders.backends.cpu import CpuRun
from speaker_search.encoders.backends.cuda import halving
from speaker_search.encoders.backends.machine import Machine, cpu_name, this_machine
from speaker_search.encoders.backends.start import start
from speaker_search.encoders.networks.filterbank import Filterbank
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

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO, which is optional, is not installed"
)


def backend(name: str) -> Backend:
    return Backend(*name.split(), "the test asks for it")


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
def test_the_machine_and_the_device_decide_the_backend(device: str, machine: Machine, name: str) -> None:
    chosen = choose(device, machine)
    assert chosen.name == name
    assert chosen.reason


def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(EncoderError, match="There is no GPU"):
        choose("cuda", AMX)


def test_a_network_for_torch_alone_is_in_fp32_on_either_device() -> None:
    assert choose("auto", HOPPER, torch_only="it must").name == "torch cuda fp32"
    assert choose("cpu", HOPPER, torch_only="it must") == exact("it must")


def test_a_network_that_torch_computes_faster_on_a_cpu_is_in_fp16_on_a_gpu() -> None:
    assert choose("cpu", ZEN4, torch_on_cpu="it is faster") == exact("it is faster")
    assert choose("auto", HOPPER, torch_on_cpu="it is faster").name == "torch cuda fp16"


@pytest.mark.parametrize("torch_only", ["", "it must"])
def test_a_gpu_that_fails_leaves_auto_to_the_cpu_and_says_why(torch_only: str) -> None:
    chosen = choose("auto", BROKEN, torch_only=torch_only)
    assert chosen.name == choose("cpu", BROKEN, torch_only=torch_only).name
    assert "no kernel image is available" in chosen.reason
    assert "no kernel image" not in choose("cpu", BROKEN, torch_only=torch_only).reason  # nobody asked for a GPU
    with pytest.raises(EncoderError, match="no kernel image is available"):
        choose("cuda", BROKEN, torch_only=torch_only)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU that torch can use")
def test_a_gpu_that_torch_sees_and_cannot_use_is_found_out_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    machine = this_machine.__wrapped__()
    assert machine.gpu is None
    assert machine.gpu_problem
    assert choose("auto", machine).device == "cpu"


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("openvino cpu bf16", ["openvino cpu mixed", "openvino cpu fp32", "torch cpu fp32"]),
        ("torch cuda fp16", ["torch cuda fp32"]),
    ],
)
def test_more_exact_backends_follow_on_the_same_device_until_torch_in_fp32(name: str, following: list[str]) -> None:
    current, names = backend(name), []
    while len(names) < len(following):
        current = instead_of(current, "is out of order")
        assert "is out of order" in current.reason
        names.append(current.name)
    assert names == following
    with pytest.raises(EncoderError, match="is out of order"):
        instead_of(current, "is out of order")


def test_this_machine_can_be_looked_at() -> None:
    machine = this_machine()
    assert (machine.gpu is not None) == torch.cuda.is_available()
    assert cpu_name()
    if sys.platform == "linux" and machine.cpu_flags:  # Arm's line is called Features
        assert "sse2" in machine.cpu_flags


def test_an_encoder_takes_the_backend_chosen_for_the_machine(wespeaker_cache: Path) -> None:
    loaded = load("wespeaker-resnet34", checkpoint=wespeaker_cache, device="cpu")
    assert loaded.backend == choose("cpu", this_machine()) or "is not exact enough" in loaded.backend.reason
    assert load("resemblyzer").backend.engine == "torch"
    assert load("campplus", device="cpu").backend.name == "torch cpu fp32"


# Falling back


class Mean(torch.nn.Module):
    """The mean over the frames: (N, frames, mels) -> (N, mels)."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return mels.mean(dim=1)


class Restless(Mean):
    """A different answer every time, which no backend can match."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(mels.mean(dim=1)) - 0.5


class Unsupported(Mean):
    """With an operation that OpenVINO lacks."""

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(mels)


@needs_openvino
def test_openvino_is_kept_when_it_is_exact() -> None:
    wanted = backend("openvino cpu fp32")
    _, taken = start(Filterbank(8), Mean(), wanted, mels=8)
    assert taken == wanted


@needs_openvino
@pytest.mark.parametrize(
    ("network", "problem"), [(Restless(), "its cosine to fp32 is"), (Unsupported(), "lacks some of its operations")]
)
def test_a_backend_that_is_inexact_or_fails_gives_way_to_torch_and_says_why(
    network: torch.nn.Module, problem: str
) -> None:
    run, taken = start(Filterbank(8), network, backend("openvino cpu bf16"), mels=8)
    assert taken.name == EXACT.name
    assert taken.reason.startswith("openvino cpu fp32 ")
    assert problem in taken.reason
    assert run.embed([np.ones(4_800, dtype=np.float32)], [30])[0][1].shape == (1, 8)
    assert logging.getLogger().isEnabledFor(logging.WARNING)  # OpenVINO's converter silences it


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_backend_without_a_gpu_is_refused() -> None:
    with pytest.raises(EncoderError, match="torch cuda fp32 does not work here"):
        start(Filterbank(8), Mean(), backend("torch cuda fp16"), mels=8)


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
    assert min(network.sizes) >= min(clips, (most + 1) // 2)  # no smaller than halving makes them


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


@needs_openvino
def test_openvino_is_used_without_its_telemetry(tmp_path: Path) -> None:
    program = """
import sys, torch
from speaker_search.encoders.backends.openvino import OpenVinoNetwork
network = OpenVinoNetwork(torch.nn.Linear(8, 4), mels=8, precision="fp32", workers=1)
print(len(network(torch.zeros(1, 5, 8))), [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, env={"HOME": str(tmp_path)}
    )
    assert (done.returncode, done.stdout) == (0, "1 []\n"), done.stderr
    assert list(tmp_path.iterdir()) == []  # telemetry would keep an identity there
