"""`spksearch train`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from speaker_search.cli import STOPPED, options, output
from speaker_search.cli.progress import training_progress
from speaker_search.cli.stopping import Stop, told_of_signals
from speaker_search.documents.models.trained import Recipe, TrainedModel, resume_command
from speaker_search.errors import UsageError

OF = Recipe.model_fields  # for their defaults


def train(
    out: Annotated[
        Path | None, typer.Option("--out", help="The weights file to write. Default: ENCODER-tuned.pt.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Weights to begin with. Default: those of the space.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the training in this folder, with its settings.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help=f"Steps. Default: {OF['steps'].default}.")] = None,
    batch: Annotated[int | None, typer.Option(min=4, help=f"Clips in a step. Default: {OF['batch'].default}.")] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Compute each step in this many parts, to save memory.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help=f"Highest learning rate of the network. Default: {OF['learning_rate'].default:g}."),
    ] = None,
    max_crop: Annotated[
        float | None,
        typer.Option(
            help=f"Longest part of a clip that a step hears, in seconds. Default: {OF['max_crop_s'].default:g}."
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help=f"Margin of the loss, in radians. Default: {OF['margin'].default:g}.")
    ] = None,
    contrastive: Annotated[
        float | None, typer.Option(help="Weight of a supervised contrastive loss. Default: 0.")
    ] = None,
    no_augment: Annotated[
        bool, typer.Option("--no-augment", help="Clips as they are: no noise, rooms, bands, levels or mp3.")
    ] = False,
    speed: Annotated[
        float | None, typer.Option(help="Play clips up to this share faster or slower. Default: 0.")
    ] = None,
    pitch: Annotated[float | None, typer.Option(help="Shift clips by up to this many semitones. Default: 0.")] = None,
    train_norms: Annotated[
        bool, typer.Option("--train-norms", help="Let batch normalisation follow the batches.")
    ] = False,
    held_out: Annotated[
        float | None, typer.Option(help=f"Share of clips to hold out, roughly. Default: {OF['held_out'].default:g}.")
    ] = None,
    evaluate_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between evaluations. Default: a tenth of all.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Evaluations without a better one before training ends. Default: {OF['patience'].default}."
        ),
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between checkpoints. Default: with each evaluation.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of every random choice. Default: 0.")] = None,
    encoder: options.EncoderName = None,
    device: options.Device = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Processes that read sounds. Default: one per core.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Fine-tune an encoder on the catalog's own characters, and measure it on voices that are held out.

    Example: spksearch train --encoder campplus --out mine.pt
    """
    given = {
        "steps": steps,
        "batch": batch,
        "accumulate": accumulate,
        "learning_rate": learning_rate,
        "max_crop_s": max_crop,
        "margin": margin,
        "contrastive": contrastive,
        "augment": False if no_augment else None,
        "speed": speed,
        "pitch": pitch,
        "train_norms": True if train_norms else None,
        "held_out": held_out,
        "evaluate_every": evaluate_every,
        "patience": patience,
        "save_every": save_every,
        "seed": seed,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if resume is not None and (changed or out or checkpoint or encoder):
        raise UsageError(
            "A training goes on with the settings it began with.",
            "Leave out all flags but --resume, --device and --workers.",
        )
    recipe = _recipe(changed)
    stop = Stop("Stopping after this step; a second signal loses what follows the last checkpoint.")
    with (
        options.open_library(encoder=encoder, device=device) as library,
        told_of_signals(stop),
        training_progress(events=json) as show,
    ):
        output.waiting("Looking through the catalog…")
        made = library.train(
            recipe,
            out=out,
            checkpoint=checkpoint,
            resume=resume,
            processes=workers,
            on_progress=show,
            stop=lambda: stop.asked,
        )
    if made is not None:  # the first of several processes speaks for all
        _print(made, json)


def _recipe(changed: dict[str, float]) -> Recipe:
    from pydantic import ValidationError

    if "max_crop_s" in changed:
        changed["min_crop_s"] = min(OF["min_crop_s"].default, changed["max_crop_s"])
    try:
        return Recipe.model_validate(changed)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).removesuffix("_s").replace("_", "-")
        if name == "min-crop":  # no flag: it follows --max-crop
            name = "max-crop"
        raise UsageError(f"--{name} cannot be {first['input']!r}: {_plain(first['msg'])}.") from error


def _plain(words: str) -> str:
    return words.replace("Input should be", "it must be")


def _print(made: TrainedModel, json: bool) -> None:
    if json:
        output.json_document(made)
    elif made.finished:
        _finished(made)
    else:
        done = f"Stopped after step {made.step:,} of {made.recipe.steps:,}."
        output.note(f"{done} To go on: `{resume_command(made.folder)}`.")
    if not made.finished:
        raise typer.Exit(STOPPED)
    # torchrun takes any other code for a crash, and prints a traceback of its own.
    raise typer.Exit(0 if made.better or made.processes > 1 else 1)


def _finished(made: TrainedModel) -> None:
    output.table(
        ("", "step", "EER", "across games", "within games"),
        [
            (
                name,
                getattr(one, "step", 0),
                *(_percent(value) for value in (one.eer, one.across_games, one.within_games)),
            )
            for name, one in (("before", made.before), ("best", made.best))
            if one is not None
        ],
    )
    if made.unreadable:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in made.unreadable.items())
        output.note(f"Clips that could not be read: {reasons}.")
    if not made.better:
        output.say("The held-out voices are not told apart better than before.")
    output.say(f"Weights: {made.file} ({made.space}). What is in them: {made.card}.")
    output.say("To embed the catalog with them:")
    output.command(f"SPKSEARCH_CHECKPOINT={quote(str(made.file))} spksearch ingest --again --encoder {made.encoder}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
