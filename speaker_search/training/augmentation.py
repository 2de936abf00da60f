"""Clips as other games might sound: rooms, noise, bands, levels and mp3, by libraries of the extra `train`."""

from __future__ import annotations

import importlib.util
import random as random_module
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from speaker_search.documents.models.trained import Recipe
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import UsageError
from speaker_search.training.draws import crop

PACKAGES = ("audiomentations", "pyroomacoustics", "fast_mp3_augment")
ROOM_SHARE = 0.3  # of clips that are put in a room
MOST_REFLECTIONS = 8  # of one sound between walls; more would take over 5 ms


def check_installed(packages: Sequence[str] = PACKAGES) -> None:
    """Raises UsageError when a package is missing."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"`spksearch train` changes clips with the package {missing[0]}, which is not installed.",
            "Install it with `pip install 'speaker-search[train]'`, or train on clips as they are: --no-augment.",
        )


def heard(samples: Floats, length: int, recipe: Recipe, seed: tuple[int, ...]) -> Floats:
    """The part (length,) of a clip (n,) that a step hears, changed as the recipe says. The seed alone decides how."""
    random = np.random.default_rng(seed)
    if not recipe.augment:
        return crop(samples, length, random)
    # Changes of speed need samples beyond the part's end.
    part = crop(samples, length + round(length * recipe.speed / (1 - recipe.speed)), random)
    # audiomentations draws from both global generators.
    random_module.seed(int(random.integers(2**32)))
    np.random.seed(int(random.integers(2**32)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of parts that are silent or too loud, which are as good as others
        if recipe.speed or recipe.pitch:
            part = _voice_changes(recipe.speed, recipe.pitch)(samples=part, sample_rate=SAMPLE_RATE)
        if random.random() < ROOM_SHARE:
            part = _in_room(part, random)
        part = _sound_changes()(samples=part, sample_rate=SAMPLE_RATE)
    found = np.zeros(length, np.float32)
    found[: len(part)] = part[:length]
    return found if np.isfinite(found).all() else crop(samples, length, np.random.default_rng(seed))


@cache
def _sound_changes() -> Any:
    import audiomentations as changes  # type: ignore[import-untyped]

    return changes.Compose(
        [
            changes.AddColorNoise(min_snr_db=5, max_snr_db=30, p=0.4),
            changes.LowPassFilter(min_cutoff_freq=2_500, max_cutoff_freq=7_000, p=0.2),
            changes.HighPassFilter(min_cutoff_freq=60, max_cutoff_freq=300, p=0.2),
            changes.Mp3Compression(min_bitrate=16, max_bitrate=64, backend="fast-mp3-augment", p=0.3),
            changes.Gain(min_gain_db=-15, max_gain_db=3, p=0.5),
        ]
    )


@cache
def _voice_changes(speed: float, pitch: float) -> Any:
    import audiomentations as changes

    return changes.Compose(
        [
            changes.TimeStretch(1 - speed, 1 + speed, leave_length_unchanged=False, p=0.5 if speed else 0.0),
            changes.PitchShift(-pitch, pitch, p=0.5 if pitch else 0.0),
        ]
    )


def _in_room(samples: Floats, random: np.random.Generator) -> Floats:
    """A clip as heard in a room of random size and echo, as loud as before."""
    import pyroomacoustics as rooms  # type: ignore[import-untyped]
    from scipy.signal import fftconvolve  # type: ignore[import-untyped]

    size = random.uniform((3, 3, 2.4), (8, 6, 3.5))  # metres
    reverberation_s = random.uniform(0.15, 0.5)
    absorption, order = rooms.inverse_sabine(reverberation_s, size)
    room = rooms.ShoeBox(
        size, fs=SAMPLE_RATE, materials=rooms.Material(absorption), max_order=min(order, MOST_REFLECTIONS)
    )
    room.add_source(size * random.uniform(0.2, 0.8, 3))
    room.add_microphone(size * random.uniform(0.2, 0.8, 3))
    room.compute_rir()
    response = room.rir[0][0]
    wet = fftconvolve(samples, response[int(np.abs(response).argmax()) :])[: len(samples)]
    level = float(np.sqrt(np.mean(samples**2))), float(np.sqrt(np.mean(wet**2)))
    return np.asarray(wet * (level[0] / level[1] if level[1] else 1.0), np.float32)
