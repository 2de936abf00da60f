"""How an encoder is fine-tuned, how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Literal

from pydantic import Field

from speaker_search.documents.document import Document, Rounded
from speaker_search.documents.searches.questions import Request

Pairs = Literal["across games", "within games"]


class Recipe(Request):
    """The settings of a training: the same ones, with the same clips, give the same weights on one CPU."""

    steps: int = Field(default=100, ge=1, le=10_000_000)
    batch: int = Field(default=32, ge=4, le=65_536, multiple_of=2, description="Clips in a step, two of each speaker.")
    accumulate: int = Field(default=1, ge=1, le=4_096, description="Parts that a step is computed in, to save memory.")
    min_crop_s: float = Field(
        default=1.5, ge=0.3, le=30, description="Seconds of each clip that a step hears, at least"
    )
    max_crop_s: float = Field(default=3.0, ge=0.3, le=30, description="... and at most.")
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="Of the network, at its highest.")
    head_learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Of the speakers' directions.")
    warm_up: float = Field(default=0.1, ge=0, le=0.9, description="The share of the steps in which the rates rise.")
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    gradient_norm: float = Field(default=1.0, gt=0, description="Longer gradients are scaled to this length.")
    margin: float = Field(default=0.2, ge=0, le=1.5, description="Of the additive angular margin, in radians.")
    scale: float = Field(default=30.0, gt=0, le=1_000)
    contrastive: float = Field(default=0.0, ge=0, le=100, description="Weight of the supervised contrastive loss.")
    train_norms: bool = Field(default=False, description="Let batch normalisation follow the statistics of each batch.")
    augment: bool = True
    speed: float = Field(
        default=0.0, ge=0, le=0.5, description="Clips are played faster or slower by up to this share."
    )
    pitch: float = Field(default=0.0, ge=0, le=12, description="Clips are shifted by up to this many semitones.")
    held_out: float = Field(default=0.2, gt=0, le=0.5, description="The share of clips that is held out, roughly.")
    evaluate_every: int = Field(default=0, ge=0, description="Steps; 0 for a tenth of them.")
    patience: int = Field(default=5, ge=1, description="Evaluations without a better EER before training ends.")
    save_every: int = Field(default=0, ge=0, description="Steps between checkpoints; 0 for those of evaluations.")
    seed: int = Field(default=0, ge=0, le=2**31)

    @property
    def evaluated_every(self) -> int:
        return self.evaluate_every or max(1, self.steps // 10)

    @property
    def saved_every(self) -> int:
        return self.save_every or self.evaluated_every


class HeldOutError(Document):
    """How well held-out voices are told apart: equal error rates over pairs of clips."""

    eer: Rounded = Field(description="Over the pairs that training is judged by.")
    across_games: Rounded | None = Field(description="Of two clips of different games.")
    within_games: Rounded | None = Field(description="Of two clips of one game.")


class Evaluated(HeldOutError):
    step: int
    loss: Rounded | None = Field(description="The mean since the last evaluation.")


class TrainingProgress(Document):
    """How far a training is."""

    step: int
    steps: int
    loss: float | None
    clips_per_s: float
    left_s: float | None
    eer: float | None = Field(description="The latest.")
    first_eer: float | None = Field(description="Before training.")
    unreadable: int
    doing: str


class SideCounts(Document):
    """The clips of one side of the split."""

    clips: int
    speakers: int
    games: int
    hours: Rounded


class TrainedModel(Document):
    """What a training made, or where it stopped."""

    encoder: str
    started_from: str = Field(description="The space of the weights that it began with.")
    file: Path | None = Field(description="The weights; null while training is not finished.")
    space: str | None = Field(description="The space that they define.")
    card: Path | None
    curves: Path | None
    folder: Path = Field(description="Checkpoints; `spksearch train --resume` goes on from here.")
    finished: bool
    step: int = Field(description="Steps done.")
    recipe: Recipe
    training: SideCounts
    held_out: SideCounts
    left_out: int = Field(description="Clips of speakers with no other one.")
    known_speakers: int = Field(
        description="Speakers in training who have an actor by credits, or are one person with another character."
    )
    doubtful: int = Field(description="Speakers who may be the same as another one; not told apart from each other.")
    judged_by: Pairs
    same_pairs: int
    different_pairs: int
    before: HeldOutError | None
    best: Evaluated | None
    evaluations: list[Evaluated]
    unreadable: dict[str, int] = Field(description="Clips that could not be read, by reason.")
    processes: int
    device: str
    seconds: Rounded = Field(description="Of training, evaluation and checkpoints.")
    made_by: str = Field(description="The version of this program.")

    @property
    def better(self) -> bool:
        """Whether the weights tell held-out voices apart better than those that training began with."""
        return self.before is not None and self.best is not None and self.best.eer < self.before.eer


def resume_command(folder: Path) -> str:
    """The command that goes on with the training in a folder, for a shell."""
    return f"spksearch train --resume {quote(str(folder))}"
