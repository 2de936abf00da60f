"""Clips compared with characters, and pairs by what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from search.filling import fill, some_voices, units
from standin import StandInEncoder

from speaker_search.evaluation.known import NOBODY
from speaker_search.evaluation.mistaken import ALONE, most_mistaken, nearest_characters
from speaker_search.evaluation.pair_kinds import pair_kinds
from speaker_search.library import Library
from speaker_search.settings import Settings


def test_a_clip_is_compared_with_its_own_character_by_the_other_clips() -> None:
    rng = np.random.default_rng(0)
    own = np.sort(rng.integers(0, 7, 60))
    own = np.append(own, 7)  # a character with one clip
    vectors = units(rng.standard_normal((61, 16)))
    sums = np.stack([vectors[own == n].sum(axis=0) for n in range(8)]).astype(np.float64)
    found = nearest_characters(vectors, own, sums, lambda rows: rows)
    assert found[-1] == ALONE
    for n in range(60):
        rest = [units(vectors[(own == c) & (np.arange(61) != n)].sum(axis=0)) @ vectors[n] for c in range(8)]
        assert found[n] == int(np.argmax(rest))


def test_most_mistaken_keeps_whole_pairs_and_counts_every_clip() -> None:
    own = np.array([0] * 9 + [1] * 9 + [2] * 9 + [3] * 2 + [4])
    nearest = np.array([1] * 8 + [0] + [1] * 9 + [2] * 6 + [3] * 2 + [5] + [3, 3] + [ALONE])
    whole = most_mistaken(own, nearest, 9)
    assert whole.characters.tolist() == [0, 1, 2, 3, 4, 5]
    assert whole.clips.tolist() == [9, 9, 9, 2, 0, 0]
    assert whole.nearest.sum() == 29
    few = most_mistaken(own, nearest, 2)
    assert few.characters.tolist() == [0, 1]
    assert few.nearest.tolist() == [[1, 8], [0, 9]]


def test_where_few_are_mistaken_those_with_most_clips_are_shown_too() -> None:
    own = np.array([0, 1, 1, 2, 2, 2, 3, 3, 4])
    right = most_mistaken(own, own, 3)
    assert right.characters.tolist() == [1, 2, 3]
    assert right.nearest.tolist() == np.diag([2, 3, 2]).tolist()
    nobody = most_mistaken(np.empty(0, np.int64), np.empty(0, np.int64), 4)
    assert (len(nobody.characters), nobody.nearest.shape) == (0, (0, 0))


@pytest.fixture
def library(tmp_path: Path, sqlite_catalog_url: str) -> Iterator[Library]:
    settings = Settings(home=tmp_path, database_url=sqlite_catalog_url, encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=4, characters=6, clips=6, people=8, spread=0.3))
        yield library


def test_pairs_are_of_different_games_and_each_is_of_one_kind(library: Library) -> None:
    profiles = library.ready.profiles
    names = {one.id: one.name for one in library.characters().characters}
    actors = np.array([int(names[id_][1:]) for id_ in profiles.character_ids.tolist()])
    across = profiles.game_ids[:, None] != profiles.game_ids[None]
    same = np.triu(across & (actors[:, None] == actors[None]), 1)
    known = np.where(actors < 4, actors, NOBODY)
    found = pair_kinds(library.ready, known, actors)
    scores = np.stack([profiles.pair_scores(np.array([row]))[0] for row in range(len(profiles))])
    said = same & (known[:, None] != NOBODY)
    assert np.sort(found.known) == pytest.approx(np.sort(scores[said]), abs=1e-4)
    assert np.sort(found.linked) == pytest.approx(np.sort(scores[same & ~said]), abs=1e-4)
    rest = np.triu(across & (actors[:, None] != actors[None]), 1)
    assert np.sort(found.rest) == pytest.approx(np.sort(scores[rest]), abs=1e-4)
    assert len(found.halves) == len(profiles)
    assert found.halves.mean() > found.rest.mean() + 1
