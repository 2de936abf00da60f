"""What the network is trained to do, and the encoders that can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training import small

from speaker_search.documents.models.trained import Recipe
from speaker_search.encoders import class_of
from speaker_search.encoders.anime import build_network as anime_network
from speaker_search.encoders.backends.choose import exact
from speaker_search.encoders.campplus import build_network as campplus_network
from speaker_search.encoders.networks.ecapa import build_network as ecapa_network
from speaker_search.encoders.weights import resolve
from speaker_search.errors import UsageError
from speaker_search.training import TRAINABLE, check_trainable
from speaker_search.training.learner import Learner, rate, trainee
from speaker_search.training.who_speaks import random_directions

SAMPLES = torch.randn(4, 4_000, generator=torch.Generator().manual_seed(0)) * 0.1
WHO = torch.tensor([0, 0, 1, 2])


def learner(kin: list[int], **settings: float) -> Learner:
    return Learner(small.own(), random_directions(len(kin), small.DIM, 0), np.array(kin), Recipe(**settings)).train()


def test_nobody_is_pushed_away_from_who_may_be_the_same_person() -> None:
    apart, doubtful = learner([0, 1, 2], scale=1.0), learner([0, 0, 2], scale=1.0)
    assert (doubtful(SAMPLES, WHO)[:3] < apart(SAMPLES, WHO)[:3]).all()
    assert torch.equal(doubtful(SAMPLES, WHO)[3], apart(SAMPLES, WHO)[3])
    doubtful(SAMPLES[:2], WHO[:2]).sum().backward()
    assert torch.equal(doubtful.head.grad[1], torch.zeros(small.DIM))
    assert doubtful.head.grad[2].any()


def test_the_contrastive_loss_is_lower_where_a_speakers_clips_are_nearer() -> None:
    with torch.no_grad():
        near = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]), dim=1)
        far = near[[0, 2, 1, 3]]
        who = torch.tensor([0, 0, 1, 1])
        whole = learner([0, 1, 2])
        assert (whole._contrasts(near, who) < whole._contrasts(far, who)).all()
        lone = whole._contrasts(near, torch.tensor([0, 0, 1, 2]))
        assert lone[2:].tolist() == [0, 0]


def test_batch_normalisation_keeps_its_statistics_unless_told_to_follow() -> None:
    for follow in (False, True):
        one = learner([0, 1, 2], train_norms=follow)
        before = one.embedding.norm.running_mean.clone()
        one(SAMPLES, WHO)
        assert torch.equal(before, one.embedding.norm.running_mean) == (not follow)


def test_rates_rise_in_a_line_and_fall_to_nothing() -> None:
    recipe = Recipe(steps=100, warm_up=0.1)
    rates = [rate(step, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert (max(rates), rates[-1] < 0.001) == (1.0, True)


NETWORKS = {
    "campplus": campplus_network,
    "anime-va": anime_network,
    "ecapa-voxceleb": ecapa_network,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_that_are_trained_load_as_the_encoders_own(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    begun = tmp_path / "begun.pt"
    prefix = "backbone." if name.startswith("anime") else ""
    torch.save({prefix + key: tensor for key, tensor in NETWORKS[name]().state_dict().items()}, begun)
    own = trainee(resolve(name, begun))
    whole = Learner(own, random_directions(3, 192, 0), np.arange(3), Recipe()).train()
    sounds = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 8_000)).astype(np.float32)) * 0.1
    whole(sounds, WHO[1:3]).sum().backward()
    assert all(one.grad is not None for one in own.embedding.parameters())
    with torch.no_grad():
        for one in own.embedding.parameters():
            one -= 1e-5 * one.grad.sign()
    torch.save(own.weights(own.network.state_dict()), tmp_path / "ended.pt")
    loaded = class_of(name)(resolve(name, tmp_path / "ended.pt"), exact("the test compares it"))
    whole.eval()
    with torch.no_grad():
        rows = torch.nn.functional.normalize(own.embedding(own.spectrograms(sounds)), dim=1)
    np.testing.assert_allclose((loaded.embed(list(sounds.numpy())) * rows.numpy()).sum(axis=1), 1, atol=1e-3)


def test_every_kind_of_encoder_that_can_be_trained_is_tried_here() -> None:
    assert {class_of(name) for name in NETWORKS} == {class_of(name) for name in TRAINABLE}


def test_another_encoder_cannot_be_trained() -> None:
    with pytest.raises(UsageError, match="resemblyzer cannot be trained"):
        check_trainable("resemblyzer")
