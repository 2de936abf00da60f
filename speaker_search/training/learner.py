"""The network that is trained, and what it is trained to do: each clip nearest to the direction of its speaker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from speechbrain.nnet.losses import AdditiveAngularMargin  # type: ignore[import-untyped]
from torch.nn import functional

from speaker_search.documents.models.trained import Recipe
from speaker_search.encoders import anime, campplus, ecapa_voxceleb
from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.networks.kaldi import KaldiFilterbank
from speaker_search.encoders.networks.unpadded import Unpadded
from speaker_search.encoders.weights import Weights
from speaker_search.entities import Floats, Ids

TEMPERATURE = 0.1  # of the contrastive loss, as in Khosla et al. 2020


@dataclass(frozen=True, eq=False, slots=True)
class Trainee:
    """An encoder's network with random or loaded weights."""

    network: torch.nn.Module  #: its tensors are those of a weights file, less the prefix
    spectrograms: torch.nn.Module  #: samples (N, n) to (N, frames, 80)
    embedding: torch.nn.Module  #: spectrograms to (N, 192), not normalised, by the network's layers
    prefix: str
    frame_count: Any  #: samples to frames; 0 for a clip too short to embed

    def weights(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A weights file's tensors from those of the network."""
        return {self.prefix + key: tensor for key, tensor in state.items()}


def trainee(weights: Weights) -> Trainee:
    """The network of these weights. Raises EncoderError when they are not the encoder's."""
    content = read_checkpoint(weights)
    if weights.name == "campplus":
        network = load_tensors(campplus.build_network(), content, weights)
        return Trainee(network, KaldiFilterbank(campplus.N_MELS, window="povey"), network, "", campplus.frame_count)
    if weights.name == "ecapa-voxceleb":
        network = load_tensors(ecapa.build_network(), content, weights)
        return Trainee(network, ecapa_voxceleb.Spectrograms(), Unpadded(network), "", ecapa.frame_count)
    network = load_tensors(anime.build_network(), content, weights, prefix=anime.PREFIX)
    return Trainee(network, anime.Spectrograms(), Unpadded(network), anime.PREFIX, ecapa.frame_count)


class Learner(torch.nn.Module):
    """Samples (N, n) and speakers (N,) to losses (N,)."""

    kin: torch.Tensor

    def __init__(self, own: Trainee, directions: Floats, kin: Ids, recipe: Recipe) -> None:
        """`directions` (S, 192) are where the speakers begin; `kin` (S,) is equal for those who may be one person."""
        super().__init__()
        self.spectrograms = own.spectrograms.requires_grad_(False)
        self.embedding = own.embedding
        self.head = torch.nn.Parameter(torch.from_numpy(directions).clone())
        self.register_buffer("kin", torch.from_numpy(kin), persistent=False)
        self._margin = AdditiveAngularMargin(recipe.margin, recipe.scale)
        self._contrastive = recipe.contrastive
        self._train_norms = recipe.train_norms

    def train(self, mode: bool = True) -> Learner:
        """Batch normalisation keeps the statistics that it was loaded with, unless the recipe lets it follow."""
        super().train(mode)
        if not self._train_norms:
            for module in self.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, samples: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), torch.autocast(samples.device.type, enabled=False):
            mels = self.spectrograms(samples)
        embeddings = functional.normalize(self.embedding(mels).float(), dim=1)
        with torch.autocast(samples.device.type, enabled=False):
            cosines = embeddings @ functional.normalize(self.head, dim=1).T  # (N, S)
            own = functional.one_hot(speakers, len(self.head))
            scores = self._margin(cosines, own)
            # Nobody is pushed away from someone who may be the same person, nor pulled towards them.
            doubtful = (self.kin[speakers][:, None] == self.kin) & (own == 0)
            losses = functional.cross_entropy(scores.masked_fill(doubtful, -torch.inf), speakers, reduction="none")
            if self._contrastive:
                losses = losses + self._contrastive * self._contrasts(embeddings, speakers)
        return losses

    def _contrasts(self, embeddings: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        """The supervised contrastive loss (N,) of Khosla et al. 2020, https://arxiv.org/abs/2004.11362, eq. 2.

        0 for a clip whose speaker has no other one in the batch.
        """
        itself = torch.eye(len(speakers), dtype=torch.bool, device=speakers.device)
        same = (speakers[:, None] == speakers) & ~itself
        doubtful = (self.kin[speakers][:, None] == self.kin[speakers]) & ~same
        logits = (embeddings @ embeddings.T / TEMPERATURE).masked_fill(itself | doubtful, -1e4)
        likely = logits - logits.logsumexp(dim=1, keepdim=True)
        return -(likely * same).sum(dim=1) / same.sum(dim=1).clamp(min=1)


def rate(step: int, recipe: Recipe) -> float:
    """The share of the learning rates that a step takes: rising in a straight line, then falling by a cosine to 0."""
    rising = round(recipe.warm_up * recipe.steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (1 + math.cos(math.pi * (step - rising) / max(1, recipe.steps - rising))) / 2


def optimizer(learner: Learner, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over the network and the speakers' directions, each with its own rate."""
    groups = [
        {"params": list(learner.embedding.parameters()), "highest": recipe.learning_rate},
        {"params": [learner.head], "highest": recipe.head_learning_rate},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
