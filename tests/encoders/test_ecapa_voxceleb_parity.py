"""ecapa-voxceleb against SpeechBrain's EncoderClassifier, on random weights: the real ones need a download.

The folder both read is laid out as the published one: the same five files, whose hyperparams.yaml makes the same parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speaker_search.encoders import Encoder, load
from speaker_search.encoders.ecapa_voxceleb import EcapaVoxcelebEncoder
from speaker_search.encoders.paths import exact
from speaker_search.encoders.weights import resolve
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import EncoderError

SAME = 0.99999  # cosine
SPEAKERS = 7  # the published classifier has 7,205
# (samples, peak)
SOUNDS = {
    "short": (4_800, 0.5),
    "second": (16_000, 0.5),  # a multiple of the hop of 160
    "second-and-a-bit": (16_001, 0.3),
    "second-and-most-of-a-hop": (16_159, 0.3),
    "next-hop": (16_160, 0.3),
    "loud-second": (16_000, 3.0),
    "quiet": (24_000, 0.003),
    "long": (48_000, 0.9),
}
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


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the published files, their weights random."""
    from speaker_search.encoders.ecapa import build_network

    torch.manual_seed(21)
    network = build_network().eval()
    for key, tensor in network.state_dict().items():
        if ".norm." in key or "asp_bn." in key:  # batch statistics of 0 and 1 would hide a mistaken one
            if key.endswith(("weight", "running_var")):
                tensor.uniform_(0.5, 1.5)
            elif key.endswith(("bias", "running_mean")):
                tensor.normal_(0, 0.3)
    tensors = network.state_dict()
    with torch.inference_mode():  # what all clips have in common goes, or random weights would hardly tell them apart
        tensors["fc.conv.bias"] -= network(10 * torch.randn(8, 100, 80)).mean(dim=(0, 1))
    folder = tmp_path_factory.mktemp("spkrec-ecapa-voxceleb")
    torch.save(tensors, folder / "embedding_model.ckpt")
    # Statistics that would turn every embedding, if anything took them for its own.
    torch.save(
        {"count": 9, "glob_mean": 5 * torch.randn(192), "glob_std": torch.rand(192)}, folder / "mean_var_norm_emb.ckpt"
    )
    torch.save({"weight": torch.randn(SPEAKERS, 192)}, folder / "classifier.ckpt")
    labels = [f"'id{place:05}' => {place}" for place in range(SPEAKERS)]
    (folder / "label_encoder.txt").write_text("\n".join([*labels, "=" * 16, "'starting_index' => 0"]), encoding="utf-8")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS.replace("FOLDER", str(folder)), encoding="utf-8")
    yield folder
    (folder / "embedding_model.ckpt").unlink()  # 83 MB, which pytest would keep for three runs


@pytest.fixture(scope="module")
def encoder(published: Path) -> Encoder:
    return EcapaVoxcelebEncoder(resolve("ecapa-voxceleb", published), "cpu", exact("the tests compare it with others"))


@pytest.fixture(scope="module")
def reference(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Floats], Floats]:
    """The package: one clip in, its unit embedding out."""
    from speechbrain.inference import EncoderClassifier

    classifier = EncoderClassifier.from_hparams(str(published), savedir=str(tmp_path_factory.mktemp("speechbrain")))

    def embedding(samples: Floats) -> Floats:
        vector = classifier.encode_batch(torch.from_numpy(samples)[None]).squeeze().numpy()
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    return embedding


@pytest.fixture(scope="module")
def clips(speak: Any) -> list[Floats]:
    return [speak(samples / SAMPLE_RATE, seed=seed, peak=peak) for seed, (samples, peak) in enumerate(SOUNDS.values())]


@pytest.fixture(scope="module")
def expected(clips: list[Floats], reference: Any) -> Floats:
    return np.stack([reference(clip) for clip in clips])


def cosines(left: Floats, right: Floats) -> Floats:
    return np.sum(left * right, axis=1)


def test_rows_are_unit_float32_of_192(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed(clips[:2])
    assert rows.shape == (2, encoder.dim) == (2, 192)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.embed([]).shape == (0, 192)


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
    rows = encoder.embed([np.zeros(16_000, dtype=np.float32), clips[1]])
    assert np.isfinite(rows).all()
    assert cosines(rows[1:], expected[1:2]).min() >= SAME


def test_a_clip_under_40_ms_is_a_row_of_nan(encoder: Encoder, clips: list[Floats]) -> None:
    rows = encoder.embed([clips[0][:639], clips[0][:640], clips[0][:0]])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False, True]


def test_a_minute_equals_the_reference(encoder: Encoder, reference: Any, speak: Any) -> None:
    minute = np.tile(speak(5.0, seed=60), 12)
    assert encoder.embed([minute])[0] @ reference(minute) >= SAME


@settings(deadline=None, derandomize=True, max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(
    hops=st.lists(st.integers(30, 90), min_size=1, max_size=2),  # 0.3 to 0.9 s
    members=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 159), st.floats(0.001, 4)), min_size=1, max_size=4),
)
def test_any_batch_equals_the_reference(
    encoder: Encoder, reference: Any, speak: Any, hops: list[int], members: list[tuple[int, int, float]]
) -> None:
    """Clips of a few frame counts, of any length within them, loud and quiet."""
    batch = [
        speak((hops[place % len(hops)] * 160 + rest) / SAMPLE_RATE, seed=seed, peak=peak)
        for seed, (place, rest, peak) in enumerate(members)
    ]
    assert cosines(encoder.embed(batch), np.stack([reference(clip) for clip in batch])).min() >= SAME


def test_real_speech_equals_the_reference(encoder: Encoder, reference: Any, voices: list[Path], read: Any) -> None:
    clips = [read(path) for path in voices[::4]]
    assert cosines(encoder.embed(clips), np.stack([reference(clip) for clip in clips])).min() >= SAME


def test_the_space_is_that_of_the_embedding_model_alone(encoder: Encoder, published: Path) -> None:
    sha256 = hashlib.sha256((published / "embedding_model.ckpt").read_bytes()).hexdigest()
    assert encoder.space == f"ecapa-voxceleb@{sha256[:12]}"
    assert resolve("ecapa-voxceleb", published / "embedding_model.ckpt").space == encoder.space


def test_group_normalisation_in_its_place_is_refused_by_its_first_tensor(tmp_path: Path) -> None:
    """As in the anime encoders' weights, otherwise of the same shapes."""
    from speaker_search.encoders.ecapa import build_network

    tensors = build_network().state_dict()
    torch.save({key: value for key, value in tensors.items() if "running" not in key}, tmp_path / "group.ckpt")
    with pytest.raises(EncoderError, match=r"its tensor blocks\.0\.norm\.norm\.running_mean is missing"):
        load("ecapa-voxceleb", checkpoint=tmp_path / "group.ckpt", device="cpu")
    (tmp_path / "group.ckpt").unlink()
