"""What a training leaves: the weights, a card that says where they come from, and how it went."""

from __future__ import annotations

import hashlib
import io
from importlib.metadata import version
from pathlib import Path

import torch

from speaker_search.documents.models.trained import HeldOutError, SideCounts, TrainedModel, resume_command
from speaker_search.entities import counted
from speaker_search.errors import UsageError
from speaker_search.pictures import charts
from speaker_search.training.batches import Sounds
from speaker_search.training.curves import page_parts
from speaker_search.training.kept_run import Beginning, KeptRun, replace
from speaker_search.training.learner import Trainee
from speaker_search.training.ranks import Ranks
from speaker_search.training.train_loop import Reached
from speaker_search.training.training_plan import HeldPairs, Plan


def report(
    reached: Reached, beginning: Beginning, plan: Plan, pairs: HeldPairs, sounds: Sounds, kept: KeptRun, ranks: Ranks
) -> TrainedModel:
    """What a training has come to."""
    same = pairs.same[pairs.judged]
    return TrainedModel(
        encoder=beginning.encoder,
        started_from=beginning.weights.space,
        file=None,
        space=None,
        card=None,
        curves=None,
        folder=kept.folder,
        finished=False,
        step=reached.step,
        recipe=beginning.recipe,
        training=plan.training.counts,
        held_out=plan.held_out_counts,
        left_out=plan.left_out,
        known_speakers=beginning.known_speakers,
        doubtful=plan.training.doubtful,
        judged_by=pairs.judged_by,
        same_pairs=int(same.sum()),
        different_pairs=int(len(same) - same.sum()),
        before=reached.before,
        best=None if reached.best is None else reached.best.measured,
        evaluations=list(reached.evaluations),
        unreadable=sounds.reasons,
        processes=ranks.count,
        device=torch.cuda.get_device_name(ranks.device) if ranks.device.type == "cuda" else "cpu",
        seconds=reached.seconds,
        made_by=version("speaker-search"),
    )


def finish(made: TrainedModel, reached: Reached, own: Trainee, out: Path) -> TrainedModel:
    """Write the best weights with their card. Raises UsageError when that cannot be written."""
    if reached.best is None:
        return made
    file = io.BytesIO()
    torch.save(own.weights(reached.best.network), file)
    content = file.getvalue()
    space = f"{made.encoder}@{hashlib.sha256(content).hexdigest()[:12]}"
    card, curves = out.with_suffix(".md"), out.with_suffix(".html")
    told = {"file": out, "space": space, "card": card, "curves": curves, "finished": True}
    whole = made.model_copy(update=told)
    try:
        replace(out, content)
        replace(out.with_suffix(".json"), whole.model_dump_json(indent=1).encode() + b"\n")
        replace(card, markdown(whole).encode())
        charts.save(curves, f"Training of {space}", page_parts(whole))
    except UsageError as error:
        raise UsageError(error.detail, f"Make space, then go on: `{resume_command(made.folder)}`.") from error
    return whole


def markdown(made: TrainedModel) -> str:
    """The card for people."""
    best, before = made.best, made.before
    lines = [
        f"# {made.space}",
        "",
        f"Weights of {made.encoder}, fine-tuned from {made.started_from} by speaker_search {made.made_by}. Use them "
        f"with `SPKSEARCH_CHECKPOINT={made.file}` and `--encoder {made.encoder}`.",
        "",
        "## Voices",
        "",
        f"- Trained on {_voices(made.training)}. {made.known_speakers:,} of these speakers have an actor by credits, "
        "or are one person with another character by credits or verdicts; the others are characters.",
        f"- {counted(made.doubtful, 'speaker')} may be the same person as another one (linked by the catalog without "
        "anyone's word, or sharing a recording): such speakers were not told apart from each other.",
        f"- Held out: {_voices(made.held_out)}. None of their speakers or recordings were trained on. Speakers whom "
        "neither people nor the catalog link may still be one person.",
        f"- Left out: {counted(made.left_out, 'clip')} of speakers with a single one.",
        f"- Could not be read: {_unreadable(made)}.",
        "",
        "## Held-out voices",
        "",
        f"Equal error rate over pairs of clips, judged {made.judged_by}: {made.same_pairs:,} pairs of one speaker, "
        f"{made.different_pairs:,} of two. A single pair of one speaker counts {1 / max(1, made.same_pairs):.2%}, and "
        "pairs of one speaker go wrong together: small differences are chance.",
        "",
        "| | step | judged | across games | within games |",
        "|---|---|---|---|---|",
    ]
    if before is not None:
        lines.append(f"| before | 0 | {_errors(before)} |")
    if best is not None:
        lines.append(f"| after | {best.step} | {_errors(best)} |")
    lines += [
        "",
        "The step was chosen by these same voices, so the figure after training is a little too good. "
        + ("" if made.better else "**It is not better than before.** ")
        + "Compare the two spaces on voices whose actors are known before you switch.",
        "",
        "## Settings",
        "",
        *(f"- {name}: {value}" for name, value in made.recipe),
        f"- processes: {made.processes}, device: {made.device}, {made.seconds / 60:.0f} min",
        "",
        "## Before you pass these weights on",
        "",
        f"They derive from the published weights of {made.encoder}, whose licence applies, and from the voices in your "
        "catalog: their licences and the rights of the people who speak apply, too. They recognise people by their "
        "voices.",
        "",
    ]
    return "\n".join(lines)


def _voices(one: SideCounts) -> str:
    spread = f"{counted(one.speakers, 'speaker')} in {counted(one.games, 'game')}, {one.hours:.2f} h"
    return f"{counted(one.clips, 'clip')} of {spread}"


def _unreadable(made: TrainedModel) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in made.unreadable.items()) or "none"


def _errors(one: HeldOutError) -> str:
    return " | ".join("" if eer is None else f"{eer:.2%}" for eer in (one.eer, one.across_games, one.within_games))
