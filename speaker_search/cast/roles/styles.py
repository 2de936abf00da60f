"""Styles: a character's clips in groups that sound alike, as its calm lines and its shouted ones may."""

from __future__ import annotations

import numpy as np

from speaker_search.entities import Floats, Ids

MOST_STYLES = 4
LEAST_CLIPS = 12  # to tell styles apart: fewer fall into groups by chance
FEWEST_CLIPS = 3  # in a style: with fewer, one odd line would be one
#: Clips that scatter evenly around one mean reach 0.1 to 0.2, 24 lines of actors in eight emotions 0.25 to 0.42.
LEAST_SILHOUETTE = 0.2
STARTS = 4  # of each number of styles: the best of them counts
ROUNDS = 50
SEED = 1


def styles(vectors: Floats) -> Ids:
    """The style (n,) of each clip by its unit vector (n, dim): 0 for the one with the most clips, then 1, 2 and 3.

    Clips are grouped by spherical k-means (Dhillon and Modha 2001) for each number of styles, and the number with the
    highest mean silhouette (Rousseeuw 1987) counts. All are 0 where no number divides them well, or where they are
    few. Equal for equal input.
    """
    best = LEAST_SILHOUETTE
    found = np.zeros(len(vectors), np.int64)
    if len(vectors) < LEAST_CLIPS:
        return found
    for count in range(2, MOST_STYLES + 1):
        generator = np.random.default_rng(SEED)
        tried = [_grouped(vectors, _seeds(vectors, count, generator)) for _ in range(STARTS)]
        labels = max(tried, key=lambda labels: float(np.linalg.norm(_sums(vectors, labels, count), axis=1).sum()))
        if np.bincount(labels, minlength=count).min() < FEWEST_CLIPS:
            continue
        if (reached := silhouette(vectors, labels)) > best:
            best, found = reached, labels
    by_size = np.argsort(-np.bincount(found), kind="stable")
    return np.argsort(by_size)[found]


def typical(vectors: Floats, limit: int) -> Ids:
    """The clips (limit,) of one style that are most like the mean of its vectors (n, dim), the most typical first."""
    return np.argsort(-(vectors @ vectors.sum(axis=0)), kind="stable")[:limit]


def silhouette(vectors: Floats, labels: Ids) -> float:
    """How well groups lie apart, from -1 to 1: the mean silhouette of unit vectors (n, dim), by 1 - cosine."""
    sizes = np.bincount(labels)
    apart = sizes - vectors @ _sums(vectors, labels, len(sizes)).T  # (n, groups) summed over the clips of each
    rows = np.arange(len(labels))
    own = apart[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    apart[rows, labels] = np.inf
    other = (apart / sizes).min(axis=1)
    return float(((other - own) / np.maximum(np.maximum(own, other), 1e-9)).mean())


def _sums(vectors: Floats, labels: Ids, count: int) -> Floats:
    """The sum (count, dim) of each group's vectors."""
    member = labels[:, None] == np.arange(count)
    return np.asarray(member.T.astype(np.float32) @ vectors, np.float32)


def _seeds(vectors: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Vectors (count, dim) to begin with, far apart: k-means++ (Arthur and Vassilvitskii 2007)."""
    chosen = [int(generator.integers(len(vectors)))]
    for _ in range(1, count):
        far = np.clip(1 - (vectors @ vectors[chosen].T).max(axis=1), 1e-9, None).astype(np.float64)
        chosen.append(int(generator.choice(len(vectors), p=far / far.sum())))
    return vectors[chosen]


def _grouped(vectors: Floats, centres: Floats) -> Ids:
    labels = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        sums = _sums(vectors, labels, len(centres))
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.maximum(length, 1e-9), centres)  # an empty group keeps its centre
    return labels
