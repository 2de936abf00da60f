"""The lines that speak for a match: a character's nearest clips, of no more clips than there is time to compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from search.filling import fill, some_voices
from sqlalchemy import event
from standin import DIM
from views.made_up import clips, unit

from speaker_search.library import Library
from speaker_search.search.evidence import CLIPS_COMPARED, HITS_PER_MATCH, nearest
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import lists
from speaker_search.views.clip_index.clip_index import ClipIndex, of_columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.clip_index.plan import plan


@dataclass(frozen=True)
class Counted(ClipIndex):
    """An index that notes how many clips of each character are read."""

    @property
    def read(self) -> list[int]:
        noted: list[int] = self.__dict__.setdefault("noted", [])
        return noted

    def of_characters(self, games: np.ndarray, characters: np.ndarray, most: int) -> Iterator[Columns]:
        for part in super().of_characters(games, characters, most):
            self.read.append(len(part))
            yield part


def counted(characters: int, each: int) -> tuple[Counted, np.ndarray, np.ndarray]:
    """Characters of two games with so many clips each, some of them in the tail."""
    of_each = np.repeat(np.arange(1, characters + 1), each)
    count = len(of_each)
    games = 1 + 2 * of_each // (characters + 1)
    held = Columns(np.arange(count), of_each, games, np.ones(count, np.float32), np.ones((count, 2), np.float16))
    late = held.take(held.ids % each < 3)
    index = of_columns(held, 0, lists.build(held, plan(0))).apply(Delta(1, late, late))
    ids = np.arange(1, characters + 1)
    return Counted(index.position, index.segment, index.tombstones, index.tail), 1 + 2 * ids // (characters + 1), ids


def test_the_evidence_is_the_nearest_of_each_characters_clips() -> None:
    index, asked = of_columns(clips(range(1, 400), 1), 0), unit(1, 2)[0]
    index = index.apply(Delta(1, index.held(np.arange(1, 60)), clips(range(1, 60), 5)))
    whole = index.all()
    games, ids = np.array([1, 1, 3, 9]), np.array([10, 12, 33, 99])
    for game, id_, (found, cosines) in zip(games, ids, nearest(index, asked, games, ids), strict=True):
        own = whole.take((whole.games == game) & (whole.characters == id_))
        exact = own.vectors.astype(np.float32) @ asked
        best = np.argsort(-exact, kind="stable")[:HITS_PER_MATCH]
        assert found.tolist() == own.ids[best].tolist()
        np.testing.assert_allclose(cosines, exact[best], atol=1e-6)


@pytest.mark.parametrize(("characters", "each"), [(20, 10_000), (1_000, 300)])
def test_no_more_clips_are_read_than_can_be_compared_however_many_there_are(characters: int, each: int) -> None:
    index, games, ids = counted(characters, each)
    found = nearest(index, np.array([1, 0], np.float32), games, ids)
    assert [len(some) for some, _ in found] == [HITS_PER_MATCH] * characters
    assert index.read == [CLIPS_COMPARED // characters] * characters


def test_ten_characters_of_ten_thousand_clips_are_read_whole() -> None:
    index, games, ids = counted(10, CLIPS_COMPARED // 10)
    nearest(index, np.array([1, 0], np.float32), games, ids)
    assert index.read == [CLIPS_COMPARED // 10] * 10


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_no_vector_is_read_from_the_catalog(library: Library) -> None:
    """An answer of a thousand characters used to read all their clips."""
    fill(library, some_voices(games=2, characters=10, clips=40))
    statements: list[str] = []
    assert library.ready.snapshot.clips.clips == 2 * (10 * 40 + 2)
    event.listen(library.catalog.engine, "checkout", lambda driver, *_: driver.set_trace_callback(statements.append))
    answer = library.search_like(embedding=[1.0] * DIM, limit=1000)
    assert [len(match.hits) for match in answer.matches] == [HITS_PER_MATCH] * 20
    assert statements
    assert not any("embeddings" in statement for statement in statements)


def test_nobody_has_no_evidence() -> None:
    index = of_columns(clips(range(1, 40), 1), 0)
    assert nearest(index, unit(1, 2)[0], np.empty(0, np.int64), np.empty(0, np.int64)) == []
