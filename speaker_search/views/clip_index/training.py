"""Making inverted lists: centroids by k-means in two levels, a graph over them, and rows assigned through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from speaker_search.entities import Floats
from speaker_search.views.clip_index import exact
from speaker_search.views.clip_index.columns import Halves, Rows
from speaker_search.views.clip_index.plan import CODE_BITS, CODE_CLIPS, TWO_LEVEL_LISTS, Plan

ITERATIONS = 10  # of k-means, in each level
FIRST_LEVEL_SHARE = 4  # the first level of k-means sees every fourth clip of the sample: its clusters are large
LINKS = 32  # of each centroid in the graph (HNSW)
EF_CONSTRUCTION = 100  # candidates while the graph is built
EF_ASSIGNING = (
    32  # candidates while a row is assigned: 99.9 % get the nearest list; with 8, too few did for a recall of 0.99
)
SEED = 1


def on_gpu() -> bool:
    """Whether FAISS can use a GPU here: its CPU build has no such function."""
    return bool(getattr(faiss, "get_num_gpus", int)())


def trained(vectors: Halves, plan: Plan) -> Any:
    """Empty lists, trained on a sample of the vectors (n, dim)."""
    dim = vectors.shape[1]
    rng = np.random.default_rng(SEED)
    rows = np.sort(rng.choice(len(vectors), min(len(vectors), plan.training_clips), replace=False))
    sample = exact.floats(vectors[rows])
    centroids = _two_levels(sample, plan.nlist) if plan.nlist >= TWO_LEVEL_LISTS else _k_means(sample, plan.nlist)
    quantizer: Any
    if plan.graph:
        quantizer = faiss.IndexHNSWFlat(dim, LINKS, faiss.METRIC_INNER_PRODUCT)
        quantizer.hnsw.efConstruction = EF_CONSTRUCTION
        quantizer.hnsw.efSearch = EF_ASSIGNING
    else:
        quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(centroids)
    index: Any
    if plan.codes == "fp16":
        half = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, plan.nlist, half, faiss.METRIC_INNER_PRODUCT, False)
    else:
        parts = dim // 2  # of two dimensions each
        index = faiss.IndexIVFPQFastScan(quantizer, dim, plan.nlist, parts, CODE_BITS, faiss.METRIC_INNER_PRODUCT)
        index.by_residual = True
        index.pq.cp.min_points_per_centroid = 1
    index.train(sample[rng.permutation(len(sample))[:CODE_CLIPS]])
    return index


def add(index: Any, vectors: Halves, where: Rows) -> None:
    """Add vectors (n, dim) to lists as the rows `where` (n,)."""
    with _assigning(index, len(vectors)):
        for start in range(0, len(vectors), exact.BLOCK):
            part = slice(start, start + exact.BLOCK)
            index.add_with_ids(exact.floats(vectors[part]), np.ascontiguousarray(where[part]))


@contextmanager
def _assigning(index: Any, rows: int) -> Iterator[None]:
    """Where a GPU is and rows are many, lists are found by an exact comparison there instead of through the graph."""
    if not on_gpu() or rows < exact.BLOCK:
        yield
        return
    own = index.quantizer
    flat = faiss.IndexFlatIP(index.d)
    flat.add(own.reconstruct_n(0, index.nlist))
    index.quantizer = faiss.index_cpu_to_all_gpus(flat)
    try:
        yield
    finally:
        index.quantizer = own


def _two_levels(sample: Floats, nlist: int) -> Floats:
    """Centroids (nlist, dim): sqrt(nlist) clusters first, then each is divided by its share of the sample.

    It compares a vector with 2 sqrt(nlist) centroids instead of nlist in every iteration.
    """
    count = round(nlist**0.5)
    first = _k_means(np.ascontiguousarray(sample[::FIRST_LEVEL_SHARE]), count)
    nearest = faiss.knn(sample, first, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]
    by_cluster = np.argsort(nearest, kind="stable")
    ends = np.cumsum(np.bincount(nearest, minlength=count))
    shares = np.diff(ends * nlist // len(sample), prepend=0)  # of the lists; adds up to nlist
    members = np.split(by_cluster, ends[:-1])
    parts = [_k_means(sample[some], int(share)) for some, share in zip(members, shares, strict=True) if share]
    return np.concatenate(parts)


def _k_means(sample: Floats, count: int) -> Floats:
    """Unit centroids (count, dim) of unit vectors."""
    made = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=ITERATIONS,
        spherical=True,
        seed=SEED,
        gpu=on_gpu(),
        min_points_per_centroid=1,
        max_points_per_centroid=len(sample),
    )
    made.train(sample)
    return np.asarray(made.centroids, np.float32)
