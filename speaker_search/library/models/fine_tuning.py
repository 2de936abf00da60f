"""Training an encoder on the catalog's own characters."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.catalog import duplicates
from speaker_search.catalog.embeddings import UNKNOWN, all_labels
from speaker_search.documents.models.trained import Recipe, TrainedModel, TrainingProgress, resume_command
from speaker_search.encoders import class_of
from speaker_search.encoders.weights import MEND, Weights, resolve
from speaker_search.errors import EncoderError, UsageError
from speaker_search.library.kept_weights import find_weights
from speaker_search.library.questions.asking import Asking

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.catalog.knowledge.known_groups import Groups
    from speaker_search.entities import Floats
    from speaker_search.training.kept_run import Beginning, KeptRun
    from speaker_search.training.training_plan import Plan
    from speaker_search.training.who_speaks import Clips, Spoken

OnProgress = Callable[[TrainingProgress], None]


class FineTuning(Asking):
    """An open catalog whose encoder can be trained on it."""

    def train(
        self,
        recipe: Recipe | None = None,
        *,
        out: str | Path | None = None,
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        processes: int | None = None,
        on_progress: OnProgress = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> TrainedModel | None:
        """Fine-tune the encoder of the space being searched on the catalog's characters.

        The weights are written to `out`, with a card beside them; checkpoints to a folder beside it, from which a
        training that ended goes on (`resume`). It begins with the weights in `checkpoint`, by default the space's.
        `processes` read and change sounds, by default one per core. `stop` is asked before each step. Started by
        torchrun, several processes train together, and all but the first return None.
        Raises UsageError when the catalog has too few voices for it, a file cannot be written, or a package is
        missing; EncoderError when the weights cannot be loaded.
        """
        from speaker_search.training.batches import Sounds
        from speaker_search.training.card import finish, report
        from speaker_search.training.draws import check_shares
        from speaker_search.training.learner import trainee
        from speaker_search.training.ranks import joined
        from speaker_search.training.train_loop import Training, train
        from speaker_search.training.training_plan import pairs
        from speaker_search.training.trials import cut

        wanted = recipe or Recipe()
        with joined(self.settings.device) as ranks:
            begun = None
            if ranks.first:
                begun = (
                    self._begin(wanted, ranks.count, out, checkpoint) if resume is None else self._resumed(Path(resume))
                )
            kept, beginning, plan, directions = ranks.told(begun)
            check_shares(beginning.recipe, ranks.count)
            own, trials = trainee(_same(beginning)), pairs(plan.held_out)
            readers = processes or max(1, (os.cpu_count() or 1) // ranks.count)
            with Sounds(plan.training, beginning.recipe, self._source, processes=readers) as sounds:
                held = cut(sounds.whole(plan.held_out.ids)) if ranks.first else []
                digest = beginning.digest
                given = Training(beginning.recipe, plan, trials, digest, sounds, held, kept, ranks, on_progress, stop)
                reached = train(own, directions, given)
                if not ranks.first:
                    return None
                made = report(reached, beginning, plan, trials, sounds, kept, ranks)
            return made if reached.stopped else finish(made, reached, own, beginning.out)

    def _begin(
        self, recipe: Recipe, processes: int, out: str | Path | None, checkpoint: str | Path | None
    ) -> tuple[KeptRun, Beginning, Plan, Floats]:
        """Plan a training, and write down what it starts with."""
        from speaker_search.training import check_trainable
        from speaker_search.training.augmentation import check_installed
        from speaker_search.training.draws import check_shares
        from speaker_search.training.kept_run import Beginning, KeptRun
        from speaker_search.training.learner import trainee
        from speaker_search.training.training_plan import plan as planned
        from speaker_search.training.who_speaks import directions, random_directions

        space = self.space
        check_trainable(space.encoder)
        check_shares(recipe, processes)
        if recipe.augment:
            check_installed()
        file = Path(out or f"{space.encoder}-tuned.pt").absolute()
        kept = KeptRun(file.with_suffix(".training"))
        _check_new(file, kept.folder)
        try:
            found = (
                resolve(space.encoder, Path(checkpoint))
                if checkpoint
                else find_weights(self.settings.home, space.name, self.settings.checkpoint)
            )
            trainee(found)  # a wrong file is refused before anything is written
        except EncoderError as error:
            mend = error.mend.replace(MEND, "Name a weights file with --checkpoint, or leave it out.")
            raise EncoderError(error.detail, mend if checkpoint else error.mend) from error
        known = self._constraints().groups()
        heard = self._spoken(known)
        made = planned(heard, recipe)
        profiles, people = self.ready.profiles, made.training.characters
        begin = (
            directions(people, known, profiles.character_ids, profiles.means, profiles.clips)
            if found.space == space.name
            else random_directions(len(people), class_of(space.encoder).dim, recipe.seed)
        )
        beginning = Beginning(
            catalog=self.catalog.uuid,
            encoder=space.encoder,
            checkpoint=found.path.absolute(),
            sha256=found.sha256,
            out=file,
            recipe=recipe,
            digest=made.digest(recipe),
            known_speakers=sum(map(known.is_known, people.tolist())),
        )
        kept.begin(beginning, made, begin)
        return kept, beginning, made, begin

    def _resumed(self, folder: Path) -> tuple[KeptRun, Beginning, Plan, Floats]:
        """What a training of this catalog was started with. Raises UsageError for one of another catalog."""
        from speaker_search.training.kept_run import KeptRun

        kept = KeptRun(folder.absolute())
        beginning, plan, directions = kept.beginning()
        if beginning.catalog != self.catalog.uuid:
            raise UsageError(
                "This training began with another catalog.",
                "Set SPKSEARCH_HOME or SPKSEARCH_DATABASE_URL to that one.",
            )
        return kept, beginning, plan, directions

    def _spoken(self, known: Groups) -> Spoken:
        """Who speaks the clips of the space being searched."""
        from speaker_search.training.who_speaks import spoken

        voices = [[one.id for one, _ in voice.members] for voice in self.cast().voices]
        return spoken(self._clips(), known, voices)

    def _clips(self) -> Clips:
        from speaker_search.training.who_speaks import Clips

        with self.catalog.read() as connection:
            parts = list(all_labels(connection, self.space))
            ids, recordings = duplicates.recordings(connection, self.space)
        if not parts:
            raise UsageError("The catalog has no embedded clips in this space.", "Ingest some first.")
        labels = [np.concatenate([getattr(part, name) for part in parts]) for name in _LABELS]
        both = np.intersect1d(labels[0], ids, return_indices=True)  # clips may come and go between the two
        own, characters, games, seconds = (column[both[1]] for column in labels)
        named = np.flatnonzero(characters != UNKNOWN)
        return Clips(own, characters, games, seconds, recordings[both[2]]).of(named)

    def _source(self, clip_id: int) -> Path | bytes:
        return self.sound(clip_id).source


_LABELS = ("ids", "characters", "games", "seconds")


def _same(beginning: Beginning) -> Weights:
    """The weights that a training began with.

    Raises EncoderError when the file is gone, UsageError when it has changed.
    """
    found = resolve(beginning.encoder, beginning.checkpoint)
    if found.sha256 != beginning.sha256:
        raise UsageError(
            f"{beginning.checkpoint} is no longer the file that this training began with.",
            "Put it back, or start anew.",
        )
    return found


def _check_new(file: Path, folder: Path) -> None:
    """Raises UsageError unless a training may write there."""
    if file.suffix != ".pt":
        raise UsageError(f"{file.name} does not end in .pt.", "Name the weights so: --out mine.pt.")
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}.", "Make it first, or name another place with --out.")
    if folder.exists():
        raise UsageError(
            f"{folder} holds a training already.",
            f"Go on with it: `{resume_command(folder)}`. Or delete it, or name another file with --out.",
        )
    for path in (file, file.with_suffix(".md"), file.with_suffix(".json"), file.with_suffix(".html")):
        if path.exists():
            raise UsageError(f"{path} exists already.", "Name a new file with --out, or delete it first.")
