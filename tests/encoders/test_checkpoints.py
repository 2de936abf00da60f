"""What a weights file must hold, and what happens to one that holds something else: real files, no code run."""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoders.references import COMMIT, Tensors
from encoders.sounds import speak
from hypothesis import HealthCheck

from speaker_search.encoders import NAMES, load
from speaker_search.encoders.backends.choose import exact
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.weights import SOURCES, InWheel, resolve
from speaker_search.encoders.wespeaker import WespeakerEncoder
from speaker_search.errors import EncoderError

EXACT = exact("it loads quickly")


@pytest.mark.parametrize("content", [b"", b"weights? what weights?\n", b"PK\x03\x04 no zip", bytes(range(256)) * 9])
def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for name in NAMES:
        with pytest.raises(EncoderError, match=f"is not a weights file of {name}: torch cannot read it"):
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
        with pytest.raises(EncoderError, match="is not a weights file"):
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
    refuse_state(resemblyzer_tensors, tmp_path, r"its tensor linear\.bias has values that are not finite")


def test_a_tensor_of_integers_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    resemblyzer_tensors["linear.bias"] = torch.zeros(256, dtype=torch.int64)
    refuse_state(resemblyzer_tensors, tmp_path, r"its tensor linear\.bias is torch\.int64 and should be torch\.float32")


def test_a_tensor_too_many_is_refused(tmp_path: Path, resemblyzer_tensors: dict[str, torch.Tensor]) -> None:
    refuse_state(
        resemblyzer_tensors | {"linear2.bias": torch.zeros(3)}, tmp_path, r"its tensor linear2\.bias is not part"
    )


def test_a_checkpoint_without_the_expected_section_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 1}, tmp_path / "step.pt")
    with pytest.raises(EncoderError, match="it has no model_state"):
        load("resemblyzer", checkpoint=tmp_path / "step.pt", device="cpu")


# ecapa-voxceleb


def test_the_space_is_that_of_the_embedding_model_alone(tmp_path: Path) -> None:
    for file in ("embedding_model.ckpt", "mean_var_norm_emb.ckpt", "classifier.ckpt", "hyperparams.yaml"):
        (tmp_path / file).write_text(file)
    sha256 = hashlib.sha256(b"embedding_model.ckpt").hexdigest()
    assert resolve("ecapa-voxceleb", tmp_path).space == f"ecapa-voxceleb@{sha256[:12]}"
    assert resolve("ecapa-voxceleb", tmp_path / "embedding_model.ckpt") == resolve("ecapa-voxceleb", tmp_path)


def test_group_normalisation_in_its_place_is_refused_by_its_first_tensor(tmp_path: Path) -> None:
    """As in the anime encoders' weights, whose other tensors have the same shapes."""
    tensors = ecapa.build_network().state_dict()
    torch.save({key: value for key, value in tensors.items() if "running" not in key}, tmp_path / "group.ckpt")
    with pytest.raises(EncoderError, match=r"its tensor blocks\.0\.norm\.norm\.running_mean is missing"):
        load("ecapa-voxceleb", checkpoint=tmp_path / "group.ckpt", device="cpu")
    (tmp_path / "group.ckpt").unlink()


# wespeaker-resnet34


def test_the_hubs_cache_tells_the_commit(wespeaker_cache: Path) -> None:
    found = [resolve("wespeaker-resnet34", folder) for folder in (wespeaker_cache, *wespeaker_cache.iterdir())]
    assert {weights.commit for weights in found} == {COMMIT}
    assert len({weights.space for weights in found}) == 1


def test_objects_beside_the_tensors_import_nothing(wespeaker_cache: Path) -> None:
    before = set(sys.modules)
    WespeakerEncoder(resolve("wespeaker-resnet34", wespeaker_cache), EXACT)
    assert [name for name in set(sys.modules) - before if name.startswith("pyannote")] == []


def test_the_tensors_alone_are_enough(tmp_path: Path, wespeaker_tensors: Tensors, wespeaker_cache: Path) -> None:
    torch.save(wespeaker_tensors, tmp_path / "tensors.pt")
    files = (tmp_path / "tensors.pt", wespeaker_cache)
    rows = [WespeakerEncoder(resolve("wespeaker-resnet34", file), EXACT).embed([speak(0.3, seed=1)]) for file in files]
    assert np.array_equal(*rows)


def test_a_larger_network_of_the_family_is_refused_by_its_first_tensor(
    tmp_path: Path, wespeaker_tensors: Tensors
) -> None:
    """ResNet152 starts the same way and differs in the blocks of its first layer."""
    other = dict(wespeaker_tensors)
    other["resnet.layer1.0.conv1.weight"] = torch.zeros(32, 32, 1, 1)
    torch.save({"state_dict": other}, tmp_path / "resnet152.bin")
    expected = r"tensor resnet\.layer1\.0\.conv1\.weight is \(32, 32, 1, 1\) and should be \(32, 32, 3, 3\)"
    with pytest.raises(EncoderError, match=expected):
        load("wespeaker-resnet34", checkpoint=tmp_path / "resnet152.bin", device="cpu")


def test_a_checkpoint_with_other_objects_says_what_to_save(tmp_path: Path, wespeaker_tensors: Tensors) -> None:
    """Such as a training run's, with its callbacks."""
    torch.save({"state_dict": wespeaker_tensors, "callbacks": HealthCheck.too_slow}, tmp_path / "training.ckpt")
    with pytest.raises(EncoderError, match=r"not a weights file of wespeaker-resnet34.*save the state_dict alone"):
        load("wespeaker-resnet34", checkpoint=tmp_path / "training.ckpt", device="cpu")


def test_a_state_dict_that_is_a_list_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": [1, 2]}, tmp_path / "list.bin")
    with pytest.raises(EncoderError, match="its state_dict is not a dictionary"):
        load("wespeaker-resnet34", checkpoint=tmp_path / "list.bin", device="cpu")
