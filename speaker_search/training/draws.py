"""Which clips a step hears, and which part of each: decided by the seed, the step and the place alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.documents.models.trained import Recipe
from speaker_search.encoders.batching import FRAME_SAMPLES
from speaker_search.entities import SAMPLE_RATE, Floats, Ids
from speaker_search.errors import UsageError

_SPEAKERS, _CLIPS, _LENGTH, SOUND = range(4)  # what is drawn; each has random numbers of its own


@dataclass(frozen=True, eq=False, slots=True)
class Drawing:
    """The clips of a training, by speaker."""

    order: Ids  # (n,) rows, sorted by speaker
    starts: Ids  # (S + 1,) where each speaker's begin in it

    @classmethod
    def of(cls, speakers: Ids) -> Drawing:
        """For clips (n,) with these speakers, numbered from 0 on."""
        order = np.argsort(speakers, kind="stable")
        return cls(order, np.searchsorted(speakers[order], np.arange(int(speakers.max()) + 2)))

    def rows(self, recipe: Recipe, step: int) -> Ids:
        """The rows (batch,) of a step's clips: two of each speaker, who all take their turns."""
        count, pairs = len(self.starts) - 1, recipe.batch // 2
        turns = np.arange(step * pairs, (step + 1) * pairs)
        found = np.empty(recipe.batch, np.int64)
        rounds: dict[int, Ids] = {}
        for place, turn in enumerate(turns.tolist()):
            number, at = divmod(turn, count)
            if number not in rounds:
                rounds[number] = np.random.default_rng([recipe.seed, _SPEAKERS, number]).permutation(count)
            speaker = rounds[number][at]
            own = self.order[self.starts[speaker] : self.starts[speaker + 1]]
            random = np.random.default_rng([recipe.seed, _CLIPS, step, place])
            found[2 * place : 2 * place + 2] = random.choice(own, 2, replace=False)
        return found


def check_shares(recipe: Recipe, processes: int) -> None:
    """Raises UsageError when a batch cannot be shared out evenly."""
    if recipe.batch % (2 * processes * recipe.accumulate):
        raise UsageError(
            f"A batch of {recipe.batch} clips cannot be shared evenly by {processes} processes in "
            f"{recipe.accumulate} parts.",
            f"Choose a --batch that {2 * processes * recipe.accumulate} divides.",
        )
    if recipe.min_crop_s > recipe.max_crop_s:
        raise UsageError("The shortest crop (min_crop_s) is longer than the longest (max_crop_s).")


def crop_samples(recipe: Recipe, step: int) -> int:
    """How many samples of each clip a step hears: whole frames."""
    seconds = np.random.default_rng([recipe.seed, _LENGTH, step]).uniform(recipe.min_crop_s, recipe.max_crop_s)
    return round(seconds * SAMPLE_RATE / FRAME_SAMPLES) * FRAME_SAMPLES


def crop(samples: Floats, length: int, random: np.random.Generator) -> Floats:
    """A random part (length,) of a clip (n,); a shorter clip is repeated."""
    if len(samples) < length:
        samples = np.tile(samples, -(-length // len(samples)))
    start = int(random.integers(len(samples) - length + 1))
    return samples[start : start + length]
