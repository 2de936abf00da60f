"""A training with a small network on synthetic voices."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch
from standin import write_voice

from speaker_search.documents.models.trained import Recipe, SideCounts, TrainingProgress
from speaker_search.errors import NotFoundError, SpeakerSearchError
from speaker_search.training.batches import Sounds
from speaker_search.training.kept_run import Beginning, KeptRun
from speaker_search.training.learner import Trainee
from speaker_search.training.ranks import Ranks, joined
from speaker_search.training.train_loop import Reached, Training, train
from speaker_search.training.training_plan import Plan, Side, pairs
from speaker_search.training.trials import cut
from speaker_search.training.who_speaks import random_directions

SPEAKERS, TAKES, DIM = 6, 4, 8
STEPS = 12
QUICK = Recipe(
    steps=STEPS,
    batch=8,
    min_crop_s=0.3,
    max_crop_s=0.5,
    learning_rate=0.01,
    augment=False,
    evaluate_every=4,
    save_every=2,
    patience=99,
)
CHANGED = QUICK.model_copy(update={"augment": True, "steps": 8})
RECIPES = {"quick": QUICK, "changed": CHANGED}


def side(first: int, games: int = 2) -> Side:
    """All takes of SPEAKERS voices; each voice's takes are spread over the games. A clip's id says both."""
    speakers = np.repeat(np.arange(SPEAKERS), TAKES)
    ids = 100 * (first + speakers) + np.tile(np.arange(TAKES), SPEAKERS)
    return Side(
        ids,
        speakers,
        1 + ids % games,
        np.full(len(ids), 0.6, np.float32),
        100 * (first + np.arange(SPEAKERS)),
        np.arange(SPEAKERS),
    )


def small_plan() -> Plan:
    held = side(50)
    return Plan(side(1), held, SideCounts(clips=len(held), speakers=SPEAKERS, games=2, hours=0.0), 0)


def voice_file(folder: Path, clip: int) -> Path:
    return folder / f"{clip}.wav"


def write_voices(folder: Path) -> Path:
    """The sounds of the plan."""
    plan = small_plan()
    for clip in [*plan.training.ids.tolist(), *plan.held_out.ids.tolist()]:
        write_voice(voice_file(folder, clip), clip // 100, clip % 100)
    return folder


class Spectrograms(torch.nn.Module):
    """Samples (N, n) to spectrograms (N, frames, 20)."""

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        frames = samples.unfold(1, 400, 160)
        power = torch.fft.rfft(frames * torch.hann_window(400)).abs()[..., :200]
        return torch.log1p(10 * power.unflatten(2, (20, 10)).mean(dim=3))


class Network(torch.nn.Module):
    """Spectrograms (N, frames, 20) to embeddings (N, DIM)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(20, 16)
        self.norm = torch.nn.BatchNorm1d(16)
        self.last = torch.nn.Linear(16, DIM)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        hidden = self.norm(torch.relu(self.first(mels)).transpose(1, 2))
        return self.last(hidden.mean(dim=2))


def own() -> Trainee:
    torch.manual_seed(1)
    network = Network()
    return Trainee(network, Spectrograms(), network, "", lambda samples: samples // 160)


def found(folder: Path) -> Callable[[int], Path]:
    def find(clip: int) -> Path:
        path = voice_file(folder, clip)
        if not path.exists():
            raise NotFoundError(f"Clip {clip} is gone.")
        return path

    return find


def beginning(recipe: Recipe, plan: Plan, folder: Path) -> Beginning:
    return Beginning(
        catalog="",
        encoder="campplus",
        checkpoint=folder,
        sha256="0" * 64,
        out=folder / "out.pt",
        recipe=recipe,
        digest=plan.digest(recipe),
        known_speakers=0,
    )


def run(
    voices: Path,
    folder: Path,
    recipe: Recipe = QUICK,
    *,
    ranks: Ranks | None = None,
    network: Trainee | None = None,
    processes: int = 2,
    on_progress: Callable[[TrainingProgress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Reached, Trainee]:
    """Train, or go on with what is in the folder."""
    ranks = ranks or Ranks(0, 1, torch.device("cpu"))
    kept, plan = KeptRun(folder), small_plan()
    if ranks.first and not folder.exists():
        kept.begin(beginning(recipe, plan, folder), plan, random_directions(SPEAKERS, DIM, 0))
    network = network or own()
    with Sounds(plan.training, recipe, found(voices), processes=processes) as sounds:
        given = Training(
            recipe,
            plan,
            pairs(plan.held_out),
            plan.digest(recipe),
            sounds,
            cut(sounds.whole(plan.held_out.ids)),
            kept,
            ranks,
            on_progress,
            stop,
        )
        return train(network, random_directions(SPEAKERS, DIM, 0), given), network


def main() -> None:
    """Train with the words of small_program.py."""
    voices, folder, recipe, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), RECIPES[sys.argv[3]], int(sys.argv[4])

    def die(now: TrainingProgress) -> None:
        if kill_at and now.step >= kill_at:
            print(*(child.pid for child in psutil.Process().children()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with joined("cpu") as ranks:
            _, network = run(voices, folder, recipe, ranks=ranks, processes=1, on_progress=die)
            torch.save(network.network.state_dict(), folder.parent / f"rank{ranks.rank}.pt")
    except SpeakerSearchError as error:
        sys.exit(str(error))
