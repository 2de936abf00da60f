"""Clips made up at random, as columns, and what two snapshots have to agree in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.views.clip_index.columns import Columns, halves, ordered
from speaker_search.views.snapshot import Snapshot

DIM = 8
CHARACTERS_PER_GAME = 4


def unit(count: int, seed: int, dim: int = DIM) -> np.ndarray:
    """Random unit vectors (count, dim)."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clips(ids: Sequence[int], seed: int, *, games: int = 5, dim: int = DIM) -> Columns:
    """Clips of these ids, in their order: each of a random game and one of its characters, or of nobody known.

    The characters of game 1 are 10 to 13, those of game 2 are 20 to 23, and so on.
    """
    rng = np.random.default_rng([seed, 1])
    of_game = rng.integers(1, games + 1, len(ids))
    who = rng.integers(-1, CHARACTERS_PER_GAME, len(ids))
    characters = np.where(who < 0, UNKNOWN, 10 * of_game + who)
    seconds = (rng.integers(4_800, 960_000, len(ids)) / 16_000).astype(np.float32)  # 0.3 to 60 s
    return ordered(Columns(np.array(ids, np.int64), characters, of_game, seconds, halves(unit(len(ids), seed, dim))))


def without(columns: Columns, ids: Sequence[int]) -> Columns:
    return columns.take(~np.isin(columns.ids, ids))


def assert_same_clips(one: Columns, other: Columns) -> None:
    """The same clips in the same order, bit for bit."""
    for field in fields(Columns):
        left, right = np.asarray(getattr(one, field.name)), np.asarray(getattr(other, field.name))
        assert left.dtype == right.dtype, field.name
        np.testing.assert_array_equal(left, right, err_msg=field.name)


def assert_same(one: Snapshot, other: Snapshot) -> None:
    """The same position, clips, labels, lengths, vectors, sums, counts and scatter, bit for bit."""
    assert one.position == other.position == one.characters.position == other.characters.position
    assert_same_clips(one.clips.all(), other.clips.all())
    for field in fields(one.characters):
        left, right = getattr(one.characters, field.name), getattr(other.characters, field.name)
        np.testing.assert_array_equal(left, right, err_msg=field.name)
