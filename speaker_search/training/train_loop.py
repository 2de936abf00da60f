"""Training, step by step: it can be killed at any moment and goes on from its last checkpoint with the same numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from speaker_search.documents.models.trained import Evaluated, HeldOutError, Recipe, TrainingProgress, resume_command
from speaker_search.entities import Floats
from speaker_search.errors import EncoderError, UsageError
from speaker_search.training.batches import Batch, Sounds
from speaker_search.training.kept_run import KeptRun
from speaker_search.training.learner import Learner, Trainee, optimizer, rate
from speaker_search.training.ranks import Ranks
from speaker_search.training.training_plan import HeldPairs, Plan
from speaker_search.training.trials import embed, held_out_error

SAVE_AFTER_S = 300.0  # a checkpoint at the latest, where steps are slow

OnProgress = Callable[[TrainingProgress], None]


@dataclass(slots=True)
class Best:
    """The weights that told held-out voices apart best."""

    measured: Evaluated
    network: dict[str, torch.Tensor]


@dataclass(slots=True)
class Reached:
    """How far a training has come. A checkpoint is this, with the optimizer and the directions."""

    step: int = 0
    before: HeldOutError | None = None
    evaluations: tuple[Evaluated, ...] = ()
    best: Best | None = None
    loss: float = 0.0  #: the sum since the last evaluation
    seconds: float = 0.0  #: of earlier runs
    stopped: bool = False

    def worn_out(self, recipe: Recipe) -> bool:
        """Whether enough evaluations have passed without a better one."""
        return self.best is not None and sum(one.step > self.best.measured.step for one in self.evaluations) >= (
            recipe.patience
        )

    def finished(self, recipe: Recipe) -> bool:
        return self.step >= recipe.steps or self.worn_out(recipe)


@dataclass(frozen=True, eq=False, slots=True)
class Training:
    """What a training reads and where it writes."""

    recipe: Recipe
    plan: Plan
    pairs: HeldPairs
    digest: str
    sounds: Sounds
    held_out: list[Floats]  #: clips to measure with; only the first process has them
    kept: KeptRun
    ranks: Ranks
    on_progress: OnProgress
    stop: Callable[[], bool]


def train(own: Trainee, directions: Floats, given: Training) -> Reached:
    """Train until the last step, until held-out voices are no longer told apart better, or until told to stop.

    `directions` (S, 192) are where the speakers begin. Raises UsageError when a checkpoint cannot be written, when
    no clip of a step can be read, and when the numbers overflow; EncoderError when the memory does not hold a step.
    """
    recipe, ranks = given.recipe, given.ranks
    torch.manual_seed(recipe.seed)
    learner = Learner(own, directions, given.plan.training.kin, recipe).to(ranks.device)
    stepping = optimizer(learner, recipe)
    saved = ranks.told(given.kept.latest(given.digest) if ranks.first else None)
    reached = Reached() if saved is None else _restored(saved, own, learner, stepping)
    model = learner if ranks.count == 1 else _shared(learner, ranks, recipe)
    learner.train()
    clock = _Clock(reached)

    def save() -> None:
        if ranks.first:
            state = _state(reached, own, learner, stepping)
            given.kept.save(reached.step, state | {"digest": given.digest, "seconds": clock.total_s})
            clock.saved()

    def show(doing: str) -> None:
        if ranks.first:
            given.on_progress(_progress(reached, given, clock, doing))

    if saved is None:
        show("measuring")
        reached.before = ranks.told(_measured(learner, own, given))
        save()
    while not reached.finished(recipe):
        if ranks.any(given.stop()):
            save()
            reached.stopped = True
            break
        reached.loss += _step(model, stepping, given, reached.step)
        reached.step += 1
        clock.stepped()
        if reached.step % recipe.evaluated_every == 0 or reached.step == recipe.steps:
            show("measuring")
            found = ranks.told(_measured(learner, own, given))
            _noted(reached, found, own)
            save()
        elif reached.step % recipe.saved_every == 0 or clock.due:
            save()
        show("training")
    reached.seconds = clock.total_s
    return reached


def _step(model: torch.nn.Module, stepping: torch.optim.Optimizer, given: Training, step: int) -> float:
    """One step; its mean loss over all processes."""
    recipe, ranks = given.recipe, given.ranks
    batch = given.sounds.of_step(step, ranks.share(recipe.batch))
    for group in stepping.param_groups:
        group["lr"] = group["highest"] * rate(step, recipe)
    stepping.zero_grad(set_to_none=True)
    parts = list(_parts(batch, recipe.accumulate))
    count = float(ranks.added(torch.tensor(float(len(batch.speakers)), device=ranks.device)))
    if not count:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in given.sounds.reasons.items())
        raise UsageError(
            f"None of the clips of step {step + 1} can be read ({reasons}).",
            f"When they are back, go on: `{resume_command(given.kept.folder)}`.",
        )
    total = torch.zeros((), device=ranks.device)
    with _memory():
        for number, (samples, speakers, counts) in enumerate(parts):
            with nullcontext() if number == len(parts) - 1 else _unshared(model):
                with torch.autocast("cuda", torch.bfloat16, enabled=ranks.device.type == "cuda"):
                    losses = model(samples.to(ranks.device), speakers.to(ranks.device))
                # Gradients are averaged over the processes, whichever clips each could read.
                loss = losses.sum() * (counts * ranks.count / count)
                loss.backward()
                total += loss.detach() / ranks.count
        parameters = [one for group in stepping.param_groups for one in group["params"]]
        length = torch.nn.utils.clip_grad_norm_(parameters, recipe.gradient_norm)
    mean = float(ranks.added(total))
    if not (torch.isfinite(length) and mean == mean):
        raise UsageError(f"The numbers of step {step + 1} overflow.", "Start again with a lower --learning-rate.")
    stepping.step()
    return mean


def _parts(batch: Batch, count: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, float]]:
    """The parts of a batch, and whether each counts.

    Processes wait for each other at the last one, so there are always as many: a part whose clips cannot be read is
    silence that counts nothing.
    """
    samples, speakers = torch.from_numpy(batch.samples), torch.from_numpy(batch.speakers)
    for sounds, who in zip(samples.tensor_split(count), speakers.tensor_split(count), strict=True):
        if len(who):
            yield sounds, who, 1.0
        else:
            yield torch.zeros(1, samples.shape[1]), torch.zeros(1, dtype=torch.int64), 0.0


def _measured(learner: Learner, own: Trainee, given: Training) -> HeldOutError | None:
    """The error on held-out voices, in the first process; None in the others, which are told it."""
    if not given.ranks.first:
        return None
    vectors = embed(learner, given.held_out, own.frame_count)
    return held_out_error(vectors, given.pairs)


def _noted(reached: Reached, found: HeldOutError, own: Trainee) -> None:
    last = reached.evaluations[-1].step if reached.evaluations else 0
    measured = Evaluated(**found.model_dump(), step=reached.step, loss=reached.loss / (reached.step - last))
    reached.evaluations += (measured,)
    reached.loss = 0.0
    if reached.best is None or measured.eer < reached.best.measured.eer:
        reached.best = Best(measured, _on_cpu(own.network.state_dict()))


def _state(reached: Reached, own: Trainee, learner: Learner, stepping: torch.optim.Optimizer) -> dict[str, Any]:
    best = reached.best
    return {
        "network": own.network.state_dict(),
        "head": learner.head.detach(),
        "optimizer": stepping.state_dict(),
        "loss": reached.loss,
        "before": None if reached.before is None else reached.before.model_dump(),
        "evaluations": [one.model_dump() for one in reached.evaluations],
        "best": None if best is None else {"measured": best.measured.model_dump(), "network": best.network},
    }


def _restored(saved: dict[str, Any], own: Trainee, learner: Learner, stepping: torch.optim.Optimizer) -> Reached:
    own.network.load_state_dict(saved["network"])
    with torch.no_grad():
        learner.head.copy_(saved["head"])
    stepping.load_state_dict(saved["optimizer"])
    best = saved["best"]
    return Reached(
        saved["step"],
        HeldOutError(**saved["before"]),
        tuple(Evaluated(**one) for one in saved["evaluations"]),
        None if best is None else Best(Evaluated(**best["measured"]), best["network"]),
        saved["loss"],
        saved["seconds"],
    )


def _on_cpu(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}


def _shared(learner: Learner, ranks: Ranks, recipe: Recipe) -> DistributedDataParallel:
    devices = [ranks.device] if ranks.device.type == "cuda" else None
    return DistributedDataParallel(learner, devices, broadcast_buffers=recipe.train_norms)


@contextmanager
def _unshared(model: torch.nn.Module) -> Iterator[None]:
    """Gradients are only exchanged after a step's last part."""
    with model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext():
        yield


@contextmanager
def _memory() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EncoderError(
            "The GPU's memory does not hold a step.", "Raise --accumulate, which computes it in parts."
        ) from error


class _Clock:
    """How long steps take, and when the next checkpoint is due."""

    def __init__(self, reached: Reached) -> None:
        self._began = self._saved = self._first = time.monotonic()
        self._before_s = reached.seconds
        self._steps = 0

    @property
    def total_s(self) -> float:
        return self._before_s + time.monotonic() - self._began

    @property
    def due(self) -> bool:
        return time.monotonic() - self._saved >= SAVE_AFTER_S

    @property
    def steps_per_s(self) -> float:
        """Of this run, measuring and saving included."""
        return self._steps / max(time.monotonic() - self._first, 1e-3)

    def stepped(self) -> None:
        self._steps += 1

    def saved(self) -> None:
        self._saved = time.monotonic()
        if not self._steps:
            self._first = self._saved  # what comes before the first step is not a step's time


def _progress(reached: Reached, given: Training, clock: _Clock, doing: str) -> TrainingProgress:
    last = reached.evaluations[-1].step if reached.evaluations else 0
    per_s = clock.steps_per_s
    since = reached.step - last
    return TrainingProgress(
        step=reached.step,
        steps=given.recipe.steps,
        loss=reached.loss / since if since else (reached.evaluations[-1].loss if reached.evaluations else None),
        clips_per_s=per_s * given.recipe.batch,
        left_s=(given.recipe.steps - reached.step) / per_s if per_s else None,
        eer=reached.evaluations[-1].eer if reached.evaluations else None,
        first_eer=None if reached.before is None else reached.before.eer,
        unreadable=len(given.sounds.unreadable),
        doing=doing,
    )
