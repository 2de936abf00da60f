"""Catalogs whose clips two encoders have heard, one of them better than the other."""

from __future__ import annotations

import numpy as np
from search.filling import Voices, fill
from standin import StandInEncoder

from speaker_search.library import Library


class Sharp(StandInEncoder):
    name, space = "campplus", "campplus@000000000000"


class Blurred(StandInEncoder):
    name, space = "resemblyzer", "resemblyzer@000000000000"


def blurred(voices: Voices, amount: float = 1.5) -> dict[str, dict[str | None, np.ndarray]]:
    """The same clips in a space that hears less of who speaks."""
    rng = np.random.default_rng(1)
    heard: dict[str, dict[str | None, np.ndarray]] = {}
    for game, characters in voices.items():
        for name, vectors in characters.items():
            noisy = vectors + amount * rng.standard_normal(vectors.shape) / np.sqrt(vectors.shape[1])
            unit = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
            heard.setdefault(game, {})[name] = unit.astype(np.float32)
    return heard


def judge_namesakes(library: Library) -> int:
    """Say that characters of one name are one voice, as in `some_voices` they are; how many verdicts."""
    heard: dict[str, list[int]] = {}
    for one in library.characters(limit=1_000).characters:
        heard.setdefault(one.name, []).append(one.id)
    pairs = [(first, other) for first, *rest in heard.values() for other in rest]
    for first, other in pairs:
        library.judge(first, other, same=True)
    return len(pairs)


def fill_both(library: Library, voices: Voices) -> None:
    fill(library, voices, encoder=Sharp)
    fill(library, blurred(voices), encoder=Blurred)
