"""Where nobody knows who speaks: does one half of a character's clips find the other half among all characters?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats
from speaker_search.evaluation.metrics import Doubles
from speaker_search.search.scoring import unit

MAX_PAIRS = 4_000_000
BLOCK = 512  # halves compared with all others at a time


@dataclass(frozen=True, slots=True)
class HalvesCompared:
    """Characters (n), each cut in two halves."""

    found: Doubles  # (n,) 1 where the other half is the nearest of all, else 0
    same: Floats  # (n,) cosines of one character's halves
    different: Floats  # (m,) of halves of two characters, at most about MAX_PAIRS, the same ones every time


def halves_compared(first: Floats, second: Floats) -> HalvesCompared:
    """Look for the first half of each character (n, dim) among all second halves (n, dim): sums of unit vectors.

    What all halves have in common is taken off.
    """
    one, other = unit(first), unit(second)
    if len(one):
        centre = (one.mean(axis=0) + other.mean(axis=0)) / 2
        one, other = unit(one - centre), unit(other - centre)
    share, rng = MAX_PAIRS / max(1, len(one) ** 2), np.random.default_rng(0)
    found, same, different = [np.empty(0)], [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    for start in range(0, len(one), BLOCK):
        cosines = one[start : start + BLOCK] @ other.T
        rows = np.arange(len(cosines))
        found.append((cosines.argmax(axis=1) == start + rows).astype(np.float64))
        same.append(cosines[rows, start + rows])
        kept = rng.random(cosines.shape, np.float32) < share
        kept[rows, start + rows] = False
        different.append(cosines[kept])
    return HalvesCompared(np.concatenate(found), np.concatenate(same), np.concatenate(different))
