"""The network that tells who speaks when: compared with its architecture written a second time, in float64 numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from encoders.sounds import speak

from speaker_search import audio
from speaker_search.encoders.networks.pyannet import CLASSES, FRAME_STEP, PyanNet
from speaker_search.encoders.segmentation import LEAST_SAMPLES, WINDOW, Segmentation, load_segmentation
from speaker_search.encoders.weights import Weights, segmentation_weights
from speaker_search.entities import SAMPLE_RATE
from speaker_search.errors import EncoderError

DEMO = Path(__file__).parents[2] / "speaker_search/demo/voices"
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def segmentation() -> Segmentation:
    return load_segmentation()


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(segmentation_weights().path, weights_only=True)["state_dict"]
    return found


@pytest.fixture(scope="module")
def lines() -> list[np.ndarray]:
    """Lines of two voices, two and three seconds long."""
    names = ("こもれび工房_星降る坂の約束/白瀬 ひかり", "こもれび工房_星降る坂の約束/鷹取先生")
    return [
        audio.read(max((DEMO / name).glob("*.ogg"), key=lambda path: path.stat().st_size)).samples for name in names
    ]


def logits(samples: np.ndarray, held: Arrays) -> np.ndarray:
    """The published architecture: samples (n,) to (frames, 7)."""
    x = normal(samples[None].astype(np.float64), held["sincnet.wav_norm1d.weight"], held["sincnet.wav_norm1d.bias"])
    x = np.abs(convolved(x, sinc_filters(held), 10))
    for place in range(3):
        if place:
            x = convolved(x, held[f"sincnet.conv1d.{place}.weight"]) + held[f"sincnet.conv1d.{place}.bias"][:, None]
        x = x[:, : x.shape[1] // 3 * 3].reshape(len(x), -1, 3).max(axis=2)
        x = leaky(normal(x, held[f"sincnet.norm1d.{place}.weight"], held[f"sincnet.norm1d.{place}.bias"]))
    steps = x.T
    for layer in range(4):
        both = [lstm(steps[::way], held, f"l{layer}{name}")[::way] for way, name in ((1, ""), (-1, "_reverse"))]
        steps = np.concatenate(both, axis=1)
    for place in range(2):
        steps = leaky(steps @ held[f"linear.{place}.weight"].T + held[f"linear.{place}.bias"])
    return steps @ held["classifier.weight"].T + held["classifier.bias"]


def sinc_filters(held: Arrays) -> np.ndarray:
    """(80, 1, 251): band-pass filters in the time domain, even ones and odd ones, under a Hamming window."""
    low = 50 + np.abs(held["sincnet.conv1d.0.filterbank.low_hz_"])
    high = np.minimum(low + 50 + np.abs(held["sincnet.conv1d.0.filterbank.band_hz_"]), SAMPLE_RATE / 2)
    t = np.arange(-125, 126) / SAMPLE_RATE
    t[125] = 1.0  # the middle is set below
    half = 0.54 - 0.46 * np.cos(2 * np.pi * np.linspace(0, 124.5, 125) / 251)
    window = np.concatenate([half, [1.0], half[::-1]])
    width = 2 * (high - low)
    even = window * (np.sin(2 * np.pi * high * t) - np.sin(2 * np.pi * low * t)) / (np.pi * t) / width
    odd = window * (np.cos(2 * np.pi * low * t) - np.cos(2 * np.pi * high * t)) / (np.pi * t) / width
    even[:, 125], odd[:, 125] = 1.0, 0.0
    return np.concatenate([even, odd])[:, None]


def normal(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * weight[:, None] + bias[:, None]


def convolved(x: np.ndarray, kernels: np.ndarray, stride: int = 1) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernels.shape[2], axis=1)[:, ::stride]
    return np.einsum("ctk,ock->ot", windows, kernels, optimize=True)


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.01 * x)


def lstm(steps: np.ndarray, held: Arrays, name: str) -> np.ndarray:
    inputs = steps @ held[f"lstm.weight_ih_{name}"].T + held[f"lstm.bias_ih_{name}"] + held[f"lstm.bias_hh_{name}"]
    hidden = cell = np.zeros(128)
    outputs = []
    for step in inputs:
        gates = (step + held[f"lstm.weight_hh_{name}"] @ hidden).reshape(4, 128)
        taken, kept, out = (1 / (1 + np.exp(-gates[place])) for place in (0, 1, 3))
        cell = kept * cell + taken * np.tanh(gates[2])
        hidden = out * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs)


def test_the_network_equals_its_published_architecture(tensors: dict[str, torch.Tensor]) -> None:
    held = {name: tensor.numpy().astype(np.float64) for name, tensor in tensors.items()}
    network = PyanNet().eval()
    network.load_state_dict(tensors)
    for samples in (speak(LEAST_SAMPLES / SAMPLE_RATE, seed=1), speak(0.4, seed=2), speak(0.7, seed=3, peak=0.01)):
        with torch.inference_mode():
            found = network(torch.from_numpy(samples)[None])[0].numpy()
        np.testing.assert_allclose(found, logits(samples, held), atol=1e-2)


def test_a_class_is_nobody_one_speaker_or_two() -> None:
    assert len(set(CLASSES)) == len(CLASSES) == 7
    assert [len(speakers) for speakers in CLASSES] == [0, 1, 1, 1, 2, 2, 2]


def test_a_line_is_speech_of_one_speaker_and_silence_is_not(
    segmentation: Segmentation, lines: list[np.ndarray]
) -> None:
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    (window,) = segmentation.windows(np.concatenate([quiet, lines[0], quiet]))
    middles = np.arange(len(window.speaking)) * FRAME_STEP + 495
    inside = (middles > len(quiet) + 1_600) & (middles < len(quiet) + len(lines[0]) - 1_600)
    outside = (middles < len(quiet) - 1_600) | (middles > len(quiet) + len(lines[0]) + 1_600)
    assert window.speaking[inside].any(axis=1).mean() > 0.8
    assert not window.speaking[outside].any()
    assert (window.speaking.sum(axis=0) > 10).sum() == 1


def test_two_voices_are_two_speakers(segmentation: Segmentation, lines: list[np.ndarray]) -> None:
    (window,) = segmentation.windows(np.concatenate(lines))
    halves = np.array_split(window.speaking, [round(len(lines[0]) / FRAME_STEP)])
    first, second = (half.sum(axis=0).argmax() for half in halves)
    assert first != second


def test_a_long_recording_is_looked_at_in_windows(segmentation: Segmentation, lines: list[np.ndarray]) -> None:
    whole = np.resize(lines[0], 9 * WINDOW + 20_000)
    windows = segmentation.windows(whole)
    assert [window.start for window in windows] == [place * WINDOW for place in range(10)]
    (alone,) = segmentation.windows(whole[WINDOW : 2 * WINDOW])
    assert (windows[1].speaking == alone.speaking).mean() > 0.99
    assert len(segmentation.windows(whole[: WINDOW + LEAST_SAMPLES - 1])) == 1
    assert segmentation.windows(whole[:100]) == []


def test_weights_with_a_tensor_missing_or_not_finite_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    for change in ({"classifier.bias": torch.full((7,), torch.nan)}, {"classifier.bias": torch.zeros(8)}):
        torch.save({"state_dict": tensors | change}, tmp_path / "own.pt")
        with pytest.raises(EncoderError, match=r"own\.pt is not a weights file of segmentation-3\.0: its tensor cl"):
            Segmentation(Weights("segmentation-3.0", tmp_path / "own.pt", ""))
