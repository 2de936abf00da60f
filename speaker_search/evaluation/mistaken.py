"""Which character each clip sounds most like; with its own it is compared by the character's other clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.metrics import Doubles
from speaker_search.search.scoring import blocks, unit

ALONE = -1  # in place of a character: the clip is its character's only one
NOTHING = 1e-3  # a sum this short is of no clip: what is left is rounding
DOUBT = 5.0  # clips by which a character's number is raised, so that two of two are not more than nine of ten


def nearest_characters(vectors: Floats, own: Ids, sums: Doubles, whitened: Callable[[Floats], Floats]) -> Ids:
    """The character (n,) whose mean is nearest to each clip, or ALONE.

    `vectors` (n, dim) are unit, `own` (n,) their characters, as numbers of the rows of `sums` (C, dim) over all clips
    of each character; `whitened` is how vectors are compared (see Profiles.whitened).
    """
    means, found = whitened(unit(np.asarray(sums, np.float32))), np.full(len(own), ALONE, np.int64)
    for part in blocks(len(own), len(means)):
        left = np.asarray(sums[own[part]] - vectors[part], np.float32)
        compared, mine = whitened(vectors[part]), whitened(unit(left))
        cosines = compared @ means.T
        rows = np.arange(len(cosines))
        cosines[rows, own[part]] = (compared * mine).sum(axis=1)
        several = np.linalg.norm(left, axis=1) > NOTHING
        found[part] = np.where(several, cosines.argmax(axis=1), ALONE)
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Mistaken:
    """Some characters (k), and where their clips went."""

    characters: Ids  # (k,)
    clips: Ids  # (k,) that were compared, of each
    nearest: Ids  # (k, k) of row's clips, those nearest to column's character


def most_mistaken(own: Ids, nearest: Ids, most: int) -> Mistaken:
    """The characters whose clips are most often nearest to another's, with those others, then those with most clips; at
    most `most` of them.

    `own` and `nearest` (n,) are as in nearest_characters.
    """
    judged = nearest != ALONE
    everyone = np.union1d(own, nearest[judged])
    clips = np.bincount(own[judged], minlength=int(everyone.max(initial=-1)) + 1)
    if len(everyone) > most:
        wrong = np.stack([own, nearest])[:, judged & (own != nearest)]
        pairs, counts = np.unique(np.sort(wrong, axis=0), axis=1, return_counts=True)
        order = np.argsort(-counts / (clips[pairs].sum(axis=0) + DOUBT), kind="stable")
        chosen: dict[int, None] = {}
        for pair in pairs[:, order].T.tolist():
            if len({*chosen, *pair}) <= most:
                chosen |= dict.fromkeys(pair)
        largest = everyone[np.argsort(-clips[everyone], kind="stable")].tolist()
        everyone = np.sort(np.array([*dict.fromkeys([*chosen, *largest])][:most], np.int64))
    place = np.full(len(clips), -1, np.int64)
    place[everyone] = np.arange(len(everyone))
    rows, columns = place[own[judged]], place[nearest[judged]]
    inside = (rows >= 0) & (columns >= 0)
    table = np.zeros((len(everyone), len(everyone)), np.int64)
    np.add.at(table, (rows[inside], columns[inside]), 1)
    return Mistaken(everyone, clips[everyone], table)
