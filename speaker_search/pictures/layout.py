"""Vectors laid out in two dimensions, so that those which sound alike lie together."""

from __future__ import annotations

import logging
import os
import sys

import numpy as np

from speaker_search.documents.models.pictures import SEED
from speaker_search.entities import Floats

FEWEST = 40  # that PaCMAP can lay out
FEWEST_TSNE, MOST_TSNE = 10, 10_000  # vectors that t-SNE lays out ...
STEPS, FEWER_STEPS, FEWER_FROM = 1_000, 400, 3_000  # ... in so many steps; of more vectors than that, in fewer
PERPLEXITY = 30.0  # neighbours that t-SNE looks at, where there are three times as many vectors or more
START = 1e-4  # the extent of the places that t-SNE starts from: small, so that groups form before they spread
NEAREST = 3  # vectors that a new one is placed between
ROWS = 1 << 14  # compared at a time
SLIGHT = 1e-6  # between vectors: they are equal


def principal(vectors: Floats) -> Floats:
    """Places (n, 2) of vectors (n, dim) along their two principal axes: made in milliseconds, and rough."""
    if len(vectors) < 2:
        return np.full((len(vectors), 2), 0.5, np.float32)
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    pair = axes[:, -2:][:, ::-1]
    pair = pair * np.sign(pair[np.abs(pair).argmax(axis=0), [0, 1]])  # an axis has no direction of its own
    return fitted((centred @ pair).astype(np.float32))


def spread(vectors: Floats, seed: int = SEED) -> tuple[Floats, str]:
    """Places (n, 2) of unit vectors (n, dim) for a picture, and how they were found; equal for equal input.

    Up to 10,000 vectors by t-SNE (van der Maaten and Hinton 2008), which keeps small groups apart, and more by PaCMAP,
    which is quicker; fewer than ten along their principal axes. Takes up to half a minute, at 100,000 vectors minutes.
    """
    if len(vectors) < FEWEST_TSNE:
        return principal(vectors), "principal axes"
    if len(vectors) > MOST_TSNE:
        return neighbourly(vectors, seed=seed), "PaCMAP"
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]  # takes seconds
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    steps = STEPS if len(vectors) <= FEWER_FROM else FEWER_STEPS
    stirred = np.random.default_rng(seed).normal(scale=0.1, size=(len(vectors), 2))
    begin = np.asarray((principal(vectors) - 0.5 + stirred) * START, np.float32)
    with threadpool_limits(1):  # several threads add up in an order of their own
        layout = TSNE(2, perplexity=perplexity, init=begin, random_state=seed, n_jobs=1, max_iter=steps)
        return fitted(np.asarray(layout.fit_transform(vectors), np.float32)), f"t-SNE, perplexity {perplexity:.3g}"


def neighbourly(vectors: Floats, start: Floats | None = None, *, seed: int = SEED) -> Floats:
    """Places (n, 2) at which near vectors (n, dim) are near, by PaCMAP (Wang et al. 2021, JMLR 22); from places `start`
    (n, 2) on, where they are given, so that a map that grows stays recognisable.

    Takes seconds for thousands of vectors, a minute for 100,000. Equal for equal input.
    """
    if len(vectors) < FEWEST:
        return principal(vectors)
    import pacmap  # type: ignore[import-untyped]  # takes seconds

    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns that it is seeded
    begin = principal(vectors) if start is None else start
    layout = pacmap.PaCMAP(n_components=2, distance="angular", random_state=seed)
    return fitted(layout.fit_transform(np.ascontiguousarray(vectors, np.float32), init=begin - 0.5))


def beside(vectors: Floats, places: Floats, new: Floats) -> Floats:
    """Places (m, 2) of new unit vectors (m, dim), each between those of the vectors (n, dim) most like it."""
    near = min(NEAREST, len(vectors))
    found = np.empty((len(new), 2), np.float32)
    for start in range(0, len(new), ROWS):
        cosines = new[start : start + ROWS] @ vectors.T
        best = np.argpartition(-cosines, near - 1, axis=1)[:, :near]
        found[start : start + ROWS] = places[best].mean(axis=1)
    return found


def around(vectors: Floats) -> Floats:
    """Places (n, 2) in the unit disc of one character's clips (n, dim), along their two principal axes; the farthest
    lies on its edge.
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    values, axes = np.linalg.eigh(centred @ centred.T)  # clips are fewer than dimensions
    places = axes[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    places *= np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    farthest = float(np.linalg.norm(places, axis=1).max())
    return np.asarray(places / farthest if farthest > SLIGHT else np.zeros_like(places), np.float32)


def fitted(places: Floats) -> Floats:
    """The same places moved and scaled into the square from 0 to 1, their proportions kept."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = float((high - low).max())
    if not size > 0:
        return np.full_like(places, 0.5)
    return np.asarray(0.5 + (places - (low + high) / 2) / size, np.float32)


def main(given: str, made: str) -> None:
    """Lay out the vectors of one file and write their places to another, at low priority: searches hardly notice."""
    if hasattr(os, "nice"):
        os.nice(10)
    with np.load(given, allow_pickle=False) as file:
        start = file.get("start")
        places = neighbourly(file["vectors"], start)
    np.save(made, places, allow_pickle=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
