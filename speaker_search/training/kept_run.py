"""A training's folder: its plan and its last two checkpoints, each there whole or not at all."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from speaker_search.documents.document import Document
from speaker_search.documents.models.trained import Recipe, resume_command
from speaker_search.encoders.weights import Weights
from speaker_search.entities import Floats
from speaker_search.errors import UsageError
from speaker_search.new_file import PART, new_file
from speaker_search.training.training_plan import Plan, load_plan, save_plan

KEPT = 2  # checkpoints: if the newest is damaged, the one before it is used
CHECKPOINT = re.compile(r"step-(\d{8})\.pt")


class Beginning(Document):
    """What a training was started with."""

    catalog: str  #: its UUID: the clips of another one have the same ids
    encoder: str
    checkpoint: Path  #: the weights that it began with
    sha256: str
    out: Path
    recipe: Recipe
    digest: str  #: of the plan and the recipe
    known_speakers: int

    @property
    def weights(self) -> Weights:
        return Weights(self.encoder, self.checkpoint, self.sha256)


@dataclass(frozen=True, slots=True)
class KeptRun:
    """The folder of a training."""

    folder: Path

    def begin(self, beginning: Beginning, plan: Plan, directions: Floats) -> None:
        """Write what the training starts with. Raises UsageError when that cannot be written."""
        try:
            self.folder.mkdir()
        except OSError as error:
            raise UsageError(
                f"The folder {self.folder} cannot be made: {error.strerror}.", "Name another place: --out."
            ) from error
        file = io.BytesIO()
        save_plan(plan, directions, file)
        replace(self.folder / "plan.npz", file.getvalue())
        replace(
            self.folder / "training.json", beginning.model_dump_json(indent=1).encode()
        )  # last: it says all is there

    def beginning(self) -> tuple[Beginning, Plan, Floats]:
        """What it started with. Raises UsageError when the folder is not that of a training, or is damaged."""
        try:
            beginning = Beginning.model_validate_json((self.folder / "training.json").read_bytes())
            plan, directions = load_plan(self.folder / "plan.npz")
        except (OSError, ValidationError) as error:
            raise UsageError(
                f"{self.folder} is not the folder of a training.", "Name the one that `spksearch train` wrote to."
            ) from error
        except (ValueError, KeyError, EOFError) as error:
            raise UsageError(f"{self.folder / 'plan.npz'} is damaged.", "Start anew: `spksearch train`.") from error
        if plan.digest(beginning.recipe) != beginning.digest:
            raise UsageError(
                f"{self.folder} was changed, or written by another version of this program.", "Start anew."
            )
        return beginning, plan, directions

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write the checkpoint of a step, and delete all but the last KEPT.

        Raises UsageError when it cannot be written; those before it stay as they are.
        """
        file = io.BytesIO()  # torch's own writer says "file write failed" of a full disk
        torch.save({**state, "step": step}, file)
        path = self.folder / f"step-{step:08d}.pt"
        try:
            replace(path, file.getbuffer())
        except UsageError as error:
            mend = f"Make space, then go on from the checkpoint before it: `{resume_command(self.folder)}`."
            raise UsageError(error.detail, mend) from error
        for old in self._checkpoints()[KEPT:]:
            old.unlink(missing_ok=True)

    def latest(self, digest: str) -> dict[str, Any] | None:
        """The newest checkpoint that is whole and of this plan; None when none was written yet.

        What a killed training left half written is deleted. Raises UsageError when all checkpoints are damaged.
        """
        for unfinished in self.folder.glob(f"*{PART}"):
            unfinished.unlink(missing_ok=True)
        written = self._checkpoints()
        for path in written:
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # noqa: BLE001, S112 - unpickling a damaged file can raise anything; an older one may do
                continue
            if isinstance(state, dict) and state.get("digest") == digest:
                return state
        if written:
            raise UsageError(f"The checkpoints in {self.folder} are damaged.", "Start anew: `spksearch train`.")
        return None

    def _checkpoints(self) -> list[Path]:
        """Newest first."""
        return sorted((path for path in self.folder.iterdir() if CHECKPOINT.fullmatch(path.name)), reverse=True)


def replace(path: Path, content: bytes | memoryview) -> None:
    """Write a file, or write it anew: whole or not at all. Raises UsageError when it cannot be written."""
    with new_file(path, replace=True) as beside:
        beside.write_bytes(content)
