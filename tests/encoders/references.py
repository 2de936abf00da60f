"""The encoders' references, each on the same weights as ours: random ones where the real ones need a download.

wespeaker-resnet34's reference is the published architecture written a second time: Kaldi's filterbank in float64, and
WeSpeaker's ResNet34 as functions over the published tensors. pyannote.audio, which publishes the weights, brings some
fifty packages with it, so the tests only compare with it where it is installed.
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

from speaker_search.encoders.anime import build_network as build_anime
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.weights import SOURCES, OnHub, resolve
from speaker_search.entities import SAMPLE_RATE, Floats

COMMIT = "a" * 40

Tensors = dict[str, torch.Tensor]
Float64s = npt.NDArray[np.float64]
Reference = Callable[[Floats], Floats]  #: one clip (n,) to its unit embedding (dim,)


def unit(vector: torch.Tensor | Floats) -> Floats:
    row = np.asarray(vector, dtype=np.float32).reshape(-1)
    return row / np.linalg.norm(row)


# anime-va and anime-char


def save_anime(path: Path) -> Path:
    """Random weights in the layout of the anime encoders' checkpoints."""
    torch.manual_seed(20)
    tensors = build_anime().state_dict()
    for key, tensor in tensors.items():
        if ".norm." in key:  # scales of 1 and offsets of 0 would hide a mistake with them
            tensor += 0.3 * torch.randn(tensor.shape)
    extra = {"fbank.compute_fbanks.note": torch.zeros(1), "classifier.weight": torch.zeros(3, 192)}
    torch.save({"backbone." + key: tensor for key, tensor in tensors.items()} | extra, path)
    return path


def anime_package(checkpoint: Path) -> Any:
    """PyPI's anime_speaker_embedding, which embeds sound files."""
    from anime_speaker_embedding import AnimeSpeakerEmbedding

    return AnimeSpeakerEmbedding(ckpt_path=checkpoint, device="cpu")


def anime_reference(checkpoint: Path) -> Reference:
    package = anime_package(checkpoint)

    @torch.inference_mode()
    def embed(samples: Floats) -> Floats:
        return unit(package(torch.from_numpy(samples)[None]))

    return embed


# ecapa-voxceleb

SPEAKERS = 7  # the published classifier has 7,205
HYPERPARAMS = f"""
pretrained_path: FOLDER
n_mels: 80
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [1024, 1024, 1024, 1024, 3072]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 128
    lin_neurons: 192
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 192
    out_neurons: {SPEAKERS}
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""


def save_ecapa_voxceleb(folder: Path) -> Path:
    """The five published files, whose hyperparams.yaml makes the same parts; their weights are random."""
    torch.manual_seed(21)
    network = ecapa.build_network().eval()
    for key, tensor in network.state_dict().items():
        if ".norm." in key or "asp_bn." in key:  # batch statistics of 0 and 1 would hide a mistake with them
            if key.endswith(("weight", "running_var")):
                tensor.uniform_(0.5, 1.5)
            elif key.endswith(("bias", "running_mean")):
                tensor.normal_(0, 0.3)
    tensors = network.state_dict()
    with torch.inference_mode():  # without what all clips have in common, random weights tell them apart better
        tensors["fc.conv.bias"] -= network(10 * torch.randn(8, 100, 80)).mean(dim=(0, 1))
    torch.save(tensors, folder / "embedding_model.ckpt")
    # Statistics that would change every embedding if they were used.
    torch.save(
        {"count": 9, "glob_mean": 5 * torch.randn(192), "glob_std": torch.rand(192)}, folder / "mean_var_norm_emb.ckpt"
    )
    torch.save({"weight": torch.randn(SPEAKERS, 192)}, folder / "classifier.ckpt")
    labels = [f"'id{place:05}' => {place}" for place in range(SPEAKERS)]
    (folder / "label_encoder.txt").write_text("\n".join([*labels, "=" * 16, "'starting_index' => 0"]), encoding="utf-8")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS.replace("FOLDER", str(folder)), encoding="utf-8")
    return folder


def ecapa_voxceleb_reference(folder: Path, work: Path) -> Reference:
    from speechbrain.inference import EncoderClassifier

    classifier = EncoderClassifier.from_hparams(str(folder), savedir=str(work))
    return lambda samples: unit(classifier.encode_batch(torch.from_numpy(samples)[None]))


# wespeaker-resnet34

BLOCKS = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}


def wespeaker_reference(tensors: Tensors) -> Reference:
    def embed(samples: Floats) -> Floats:
        mels = kaldi_filterbank(samples)
        centred = torch.from_numpy((mels - mels.mean(axis=0)).astype(np.float32))
        return unit(resnet34(tensors, centred[None]))

    return embed


def kaldi_filterbank(samples: Floats) -> Float64s:
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
    """Spectrograms (N, frames, 80) to embeddings (N, 256), with the published tensors."""

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


def wespeaker_tensors() -> Tensors:
    """The published names and shapes, with random values."""
    rng = torch.Generator().manual_seed(22)
    tensors: Tensors = {}

    def add_convolution(name: str, after: int, before: int, size: int) -> None:
        spread = (2 / (before * size * size)) ** 0.5
        tensors[f"resnet.{name}.weight"] = torch.randn(after, before, size, size, generator=rng) * spread

    def add_normal(name: str, size: int) -> None:  # statistics of 0 and 1 would hide a mistake with them
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
    # Without what all clips have in common, random weights tell them apart better.
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


def save_wespeaker(tensors: Tensors, cache: Path) -> Path:
    """A hub's cache with the weights as pyannote.audio saves them, with objects of its own classes beside them."""
    source = SOURCES["wespeaker-resnet34"]
    assert isinstance(source, OnHub)
    snapshot = cache / f"models--{source.repo.replace('/', '--')}" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT, encoding="utf-8")
    task = ModuleType("pyannote.audio.core.task")
    with pytest.MonkeyPatch.context() as patch:  # pickle names a class by its module, which must be importable
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


# campplus


def campplus_reference() -> Reference:
    """3D-Speaker's network and filterbank, as PyPI's speakerlab-slim has them, on the real weights."""
    from speakerlab.models.campplus.DTDNN import CAMPPlus
    from torchaudio.compliance import kaldi

    network = CAMPPlus(feat_dim=80, embedding_size=192)
    network.load_state_dict(torch.load(resolve("campplus").path, map_location="cpu", weights_only=True))
    network.eval()

    @torch.inference_mode()
    def embed(samples: Floats) -> Floats:
        mels = kaldi.fbank(torch.from_numpy(samples)[None], num_mel_bins=80, sample_frequency=SAMPLE_RATE, dither=0.0)
        return unit(network((mels - mels.mean(dim=0, keepdim=True))[None]))

    return embed


# resemblyzer


def resemblyzer_reference() -> Reference:
    """The package of that name, on its real weights."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    network = VoiceEncoder("cpu", verbose=False)
    return lambda samples: unit(network.embed_utterance(preprocess_wav(samples)))
