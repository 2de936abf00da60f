"""wespeaker-resnet34 against its published architecture, on random weights: the real ones need a download.

The reference is that architecture written a second time, from its publications: Kaldi's filterbank in float64, and
WeSpeaker's ResNet34 as functions of the published tensors' names. pyannote.audio itself, which publishes the weights,
brings some fifty packages along, so it is none of the tests' own; where it is installed, it is compared with too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speaker_search.encoders import Encoder, load
from speaker_search.encoders.paths import exact
from speaker_search.encoders.weights import SOURCES, OnHub, resolve
from speaker_search.encoders.wespeaker import WespeakerEncoder
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import EncoderError

SAME = 0.99999  # cosine
COMMIT = "a" * 40
BLOCKS = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}
# (samples, peak)
SOUNDS = {
    "short": (4_800, 0.5),
    "second": (16_080, 0.5),  # 400 + 98 * 160: the last window ends with the clip
    "second-and-a-bit": (16_081, 0.3),
    "second-and-most-of-a-hop": (16_239, 0.3),
    "next-hop": (16_240, 0.3),
    "loud-second": (16_080, 3.0),
    "quiet": (24_000, 0.003),
    "long": (48_000, 0.9),
}

Tensors = dict[str, torch.Tensor]
Float64s = npt.NDArray[np.float64]
Reference = Callable[[Floats], Floats]


def filterbank(samples: Floats) -> Float64s:
    """Kaldi's log mel filterbank (frames, 80): 25 ms every 10 ms, Hamming, pre-emphasis 0.97, 20 Hz to 8 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) * 32768, 400)[::160]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    power = np.abs(np.fft.rfft(frames * window, 512)) ** 2  # (frames, 257)
    mel = lambda hertz: 1127 * np.log1p(np.asarray(hertz) / 700)  # noqa: E731 - a formula
    edges = np.linspace(mel(20), mel(8000), 82)
    bins = mel(np.arange(257) * SAMPLE_RATE / 512)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(np.minimum(rising, falling), 0)  # (80, 257)
    return np.asarray(np.log(np.maximum(power @ triangles.T, np.finfo(np.float32).eps)))


def resnet34(tensors: Tensors, mels: torch.Tensor) -> torch.Tensor:
    """Spectrograms (N, frames, 80) to embeddings (N, 256), by the published tensors."""

    def normal(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance, scale, offset = (
            tensors[f"resnet.{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = scale / torch.sqrt(variance + 1e-5)
        return torch.addcmul((offset - mean * factor)[:, None, None], x, factor[:, None, None])

    def convolution(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        kernel = tensors[f"resnet.{name}.weight"]
        return F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)

    x = F.relu(normal(convolution(mels.mT[:, None], "conv1"), "bn1"))
    for layer, blocks in BLOCKS.items():
        for block in range(blocks):
            name = f"{layer}.{block}"
            stride = 2 if block == 0 and layer != "layer1" else 1
            inner = F.relu(normal(convolution(x, f"{name}.conv1", stride), f"{name}.bn1"))
            inner = normal(convolution(inner, f"{name}.conv2"), f"{name}.bn2")
            if stride == 2:
                x = normal(convolution(x, f"{name}.shortcut.0", stride), f"{name}.shortcut.1")
            x = F.relu(inner + x)
    columns = x.reshape(len(x), 256 * 10, -1)
    pooled = torch.cat([columns.mean(dim=2), torch.sqrt(columns.var(dim=2, unbiased=True))], dim=1)
    return pooled @ tensors["resnet.seg_1.weight"].T + tensors["resnet.seg_1.bias"]


def random_tensors() -> Tensors:
    """The published names and shapes, with random values."""
    rng = torch.Generator().manual_seed(22)
    tensors: Tensors = {}

    def add_convolution(name: str, after: int, before: int, size: int) -> None:
        spread = (2 / (before * size * size)) ** 0.5
        tensors[f"resnet.{name}.weight"] = torch.randn(after, before, size, size, generator=rng) * spread

    def add_normal(name: str, size: int) -> None:  # statistics of 0 and 1 would hide a mistaken one
        tensors[f"resnet.{name}.weight"] = 0.5 + torch.rand(size, generator=rng)
        tensors[f"resnet.{name}.bias"] = 0.3 * torch.randn(size, generator=rng)
        tensors[f"resnet.{name}.running_mean"] = 0.3 * torch.randn(size, generator=rng)
        tensors[f"resnet.{name}.running_var"] = 0.5 + torch.rand(size, generator=rng)
        tensors[f"resnet.{name}.num_batches_tracked"] = torch.tensor(1000)

    add_convolution("conv1", 32, 1, 3)
    add_normal("bn1", 32)
    before = 32
    for stage, (layer, blocks) in enumerate(BLOCKS.items()):
        after = 32 * 2**stage
        for block in range(blocks):
            add_convolution(f"{layer}.{block}.conv1", after, before, 3)
            add_normal(f"{layer}.{block}.bn1", after)
            add_convolution(f"{layer}.{block}.conv2", after, after, 3)
            add_normal(f"{layer}.{block}.bn2", after)
            if before != after:
                add_convolution(f"{layer}.{block}.shortcut.0", after, before, 1)
                add_normal(f"{layer}.{block}.shortcut.1", after)
            before = after
    tensors["resnet.seg_1.weight"] = torch.randn(256, 5120, generator=rng) / 5120**0.5
    tensors["resnet.seg_1.bias"] = torch.zeros(256)
    # What all clips have in common goes, or random weights would hardly tell them apart.
    common = resnet34(tensors, 3 * torch.randn(8, 50, 80, generator=rng)).mean(dim=0)
    tensors["resnet.seg_1.bias"] = -common
    return tensors


class Problem(Enum):
    REPRESENTATION = 3


class Resolution(Enum):
    CHUNK = 2


@dataclass
class Specifications:
    problem: Problem
    resolution: Resolution
    duration: float


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return random_tensors()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, tensors: Tensors) -> Path:
    """The folder of a hub's cache with the weights as pyannote.audio saves them, objects of its own among them."""
    source = SOURCES["wespeaker-resnet34"]
    assert isinstance(source, OnHub)
    cache = tmp_path_factory.mktemp("hub")
    snapshot = cache / f"models--{source.repo.replace('/', '--')}" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT, encoding="utf-8")
    task = ModuleType("pyannote.audio.core.task")
    with pytest.MonkeyPatch.context() as patch:  # pickle names a class by the module that it can be found in
        for cls in (Problem, Resolution, Specifications):
            patch.setattr(cls, "__module__", task.__name__)
            patch.setattr(task, cls.__name__, cls, raising=False)
        for name in ("pyannote", "pyannote.audio", "pyannote.audio.core"):
            patch.setitem(sys.modules, name, ModuleType(name))
        patch.setitem(sys.modules, task.__name__, task)
        checkpoint = {
            "state_dict": tensors,
            "pyannote.audio": {
                "versions": {"torch": torch.__version__, "pyannote.audio": "3.1.0"},
                "architecture": {"module": "pyannote.audio.models.embedding.wespeaker", "class": "WeSpeakerResNet34"},
                "specifications": Specifications(Problem.REPRESENTATION, Resolution.CHUNK, 5.0),
            },
            "pytorch-lightning_version": "2.1.1",
        }
        torch.save(checkpoint, snapshot / source.file)
    return cache


@pytest.fixture(scope="module")
def encoder(published: Path) -> Encoder:
    return WespeakerEncoder(resolve("wespeaker-resnet34", published), "cpu", exact("the tests compare it with others"))


@pytest.fixture(scope="module")
def reference(tensors: Tensors) -> Reference:
    """One clip in, its unit embedding out."""

    def embedding(samples: Floats) -> Floats:
        mels = filterbank(samples)
        centred = torch.from_numpy((mels - mels.mean(axis=0)).astype(np.float32))
        vector = resnet34(tensors, centred[None])[0].numpy()
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    return embedding


@pytest.fixture(scope="module")
def clips(speak: Any) -> list[Floats]:
    return [speak(samples / SAMPLE_RATE, seed=seed, peak=peak) for seed, (samples, peak) in enumerate(SOUNDS.values())]


@pytest.fixture(scope="module")
def expected(clips: list[Floats], reference: Reference) -> Floats:
    return np.stack([reference(clip) for clip in clips])


def cosines(left: Floats, right: Floats) -> Floats:
    return np.sum(left * right, axis=1)


def test_rows_are_unit_float32_of_256(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed(clips[:2])
    assert rows.shape == (2, encoder.dim) == (2, 256)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.embed([]).shape == (0, 256)


def test_random_weights_tell_the_clips_apart(expected: Floats) -> None:
    others = (expected @ expected.T)[~np.eye(len(expected), dtype=bool)]
    assert others.max() < 0.999  # else the tests below would prove nothing


def test_a_clip_alone_equals_the_reference(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    alone = np.concatenate([encoder.embed([clip]) for clip in clips])
    assert cosines(alone, expected).min() >= SAME


def test_clips_of_all_lengths_together_in_any_order_equal_the_reference(
    encoder: Encoder, clips: list[Floats], expected: Floats
) -> None:
    order = np.random.default_rng(1).permutation(len(clips))
    assert cosines(encoder.embed([clips[place] for place in order]), expected[order]).min() >= SAME


@pytest.mark.parametrize("companion", ["second", "second-and-a-bit"])
def test_a_loud_clip_does_not_change_its_neighbours(
    encoder: Encoder, clips: list[Floats], expected: Floats, companion: str
) -> None:
    names = list(SOUNDS)
    pair = [names.index("loud-second"), names.index(companion)]
    assert cosines(encoder.embed([clips[place] for place in pair]), expected[pair]).min() >= SAME


def test_a_silent_clip_does_not_change_its_neighbours(encoder: Encoder, clips: list[Floats], expected: Floats) -> None:
    rows = encoder.embed([np.zeros(16_080, dtype=np.float32), clips[1]])
    assert np.isfinite(rows).all()
    assert cosines(rows[1:], expected[1:2]).min() >= SAME


def test_a_clip_under_105_ms_is_a_row_of_nan(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed([clips[0][:1_679], clips[0][:1_680], clips[0][:0]])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True]


def test_a_minute_equals_the_reference(encoder: Encoder, reference: Reference, speak: Any) -> None:
    minute = np.tile(speak(5.0, seed=60), 12)
    assert encoder.embed([minute])[0] @ reference(minute) >= SAME


@settings(deadline=None, derandomize=True, max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(
    hops=st.lists(st.integers(30, 90), min_size=1, max_size=2),  # 0.3 to 0.9 s
    members=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 159), st.floats(0.001, 4)), min_size=1, max_size=4),
)
def test_any_batch_equals_the_reference(
    encoder: Encoder, reference: Reference, speak: Any, hops: list[int], members: list[tuple[int, int, float]]
) -> None:
    """Clips of a few frame counts, of any length within them, loud and quiet."""
    batch = [
        speak((hops[place % len(hops)] * 160 + rest) / SAMPLE_RATE, seed=seed, peak=peak)
        for seed, (place, rest, peak) in enumerate(members)
    ]
    assert cosines(encoder.embed(batch), np.stack([reference(clip) for clip in batch])).min() >= SAME


def test_real_speech_equals_the_reference(
    encoder: Encoder, reference: Reference, voices: list[Path], read: Any
) -> None:
    clips = [read(path) for path in voices[::4]]
    assert cosines(encoder.embed(clips), np.stack([reference(clip) for clip in clips])).min() >= SAME


def test_the_package_itself_gives_the_same(
    encoder: Encoder, published: Path, tensors: Tensors, clips: list[Floats]
) -> None:
    wespeaker = pytest.importorskip(
        "pyannote.audio.models.embedding.wespeaker", reason="pyannote.audio is not among the tests' packages"
    )
    network = wespeaker.WeSpeakerResNet34()
    network.load_state_dict(tensors)
    with torch.inference_mode():
        rows = np.concatenate([network.eval()(torch.from_numpy(clip)[None, None]).numpy() for clip in clips])
    assert cosines(encoder.embed(clips), rows / np.linalg.norm(rows, axis=1, keepdims=True)).min() >= SAME


# The file


def test_the_hubs_cache_tells_the_commit(encoder: Encoder, published: Path) -> None:
    for folder in (published, *published.iterdir()):
        found = resolve("wespeaker-resnet34", folder)
        assert (found.commit, found.space) == (COMMIT, encoder.space)


def test_nothing_of_the_package_is_imported_for_its_objects(published: Path) -> None:
    before = set(sys.modules)
    load("wespeaker-resnet34", checkpoint=published, device="cpu")
    assert [name for name in set(sys.modules) - before if name.startswith("pyannote")] == []


def test_the_tensors_alone_will_do(tmp_path: Path, tensors: Tensors, encoder: Encoder, clips: list[Floats]) -> None:
    torch.save(tensors, tmp_path / "tensors.pt")
    alone = WespeakerEncoder(resolve("wespeaker-resnet34", tmp_path / "tensors.pt"), "cpu", encoder.path)
    assert np.array_equal(alone.embed(clips[:1]), encoder.embed(clips[:1]))


def test_a_larger_sister_is_refused_by_its_first_tensor(tmp_path: Path, tensors: Tensors) -> None:
    """ResNet152 starts alike and differs in the blocks of its first layer."""
    other = dict(tensors)
    other["resnet.layer1.0.conv1.weight"] = torch.zeros(32, 32, 1, 1)
    torch.save({"state_dict": other}, tmp_path / "resnet152.bin")
    expected = r"tensor resnet\.layer1\.0\.conv1\.weight is \(32, 32, 1, 1\) and should be \(32, 32, 3, 3\)"
    with pytest.raises(EncoderError, match=expected):
        load("wespeaker-resnet34", checkpoint=tmp_path / "resnet152.bin", device="cpu")


def test_a_checkpoint_with_other_objects_says_what_to_save(tmp_path: Path, tensors: Tensors) -> None:
    """Such as a training run's, with its callbacks."""
    torch.save({"state_dict": tensors, "callbacks": HealthCheck.too_slow}, tmp_path / "training.ckpt")
    with pytest.raises(EncoderError, match=r"no weights file of wespeaker-resnet34.*save the state_dict alone"):
        load("wespeaker-resnet34", checkpoint=tmp_path / "training.ckpt", device="cpu")


def test_a_state_dict_that_is_none_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": [1, 2]}, tmp_path / "list.bin")
    with pytest.raises(EncoderError, match="its state_dict is none"):
        load("wespeaker-resnet34", checkpoint=tmp_path / "list.bin", device="cpu")
