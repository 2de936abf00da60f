"""Average linkage with cannot-link: scores in, groups out."""

from __future__ import annotations

import numpy as np

from speaker_search.entities import Floats, Ids


def link(scores: Floats, apart: Ids, threshold: float) -> Ids:
    """Cluster by scores; returns labels (n,), each the lowest position in its group.

    Agglomerative clustering by average linkage (UPGMA, Sokal and Michener 1958) over symmetric scores (n, n): the
    nearest two groups are merged first, as long as their mean score reaches `threshold`. Two with the same value in
    `apart` (n,), such as two characters of one game, never join one group. Time grows with the square of n: each group
    caches its nearest other, and under average linkage a merged group is never nearer than the nearer of its parts.
    """
    count = len(scores)
    labels = np.arange(count)
    if count < 2:
        return labels
    near = np.array(scores, np.float32)
    near[apart[:, None] == apart[None]] = -np.inf
    sizes = np.ones(count, np.float32)
    best = near.argmax(axis=1)
    height = near[labels, best]
    while True:
        first = int(height.argmax())
        if not height[first] >= threshold:
            return labels
        second = int(best[first])
        first, second = min(first, second), max(first, second)
        merged = (sizes[first] * near[first] + sizes[second] * near[second]) / (sizes[first] + sizes[second])
        merged[[first, second]] = -np.inf
        near[first], near[:, first] = merged, merged
        near[second], near[:, second] = -np.inf, -np.inf
        sizes[first] += sizes[second]
        labels[labels == second] = first
        height[second] = -np.inf
        stale = np.flatnonzero(np.isfinite(height) & ((best == first) | (best == second)))
        for row in {first, *stale.tolist()}:
            best[row] = near[row].argmax()
            height[row] = near[row, best[row]]
