"""What an index in Milvus reads from the catalog, which needs no server: the same as FAISS keeps, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search.asking import late, line
from search.filling import fill, forget, some_voices
from sqlalchemy import update
from standin import StandInEncoder
from views.made_up import assert_same_clips

from speaker_search.catalog import embeddings, log, tables
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.clip_index.columns import ordered
from speaker_search.views.milvus import milvus_clips
from speaker_search.views.milvus.milvus_clips import MilvusClips
from speaker_search.views.milvus.one_writer import turn
from speaker_search.views.snapshot import Snapshot, follow

NO_SERVER: Any = None


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        fill(opened, some_voices(games=5, characters=6, clips=4))
        yield opened


def faiss(library: Library) -> Snapshot:
    return follow(library.catalog, library.space, None)


def of_catalog(library: Library) -> MilvusClips:
    now = faiss(library)
    clips = (now.position, now.clips.clips, now.clips.games, now.unusable)
    return MilvusClips(library.catalog, library.space, NO_SERVER, *clips, lists=0, timestamp=0)


def assert_alike(own: MilvusClips, other: Snapshot) -> None:
    np.testing.assert_array_equal(own.ids, other.clips.ids)
    assert_same_clips(own.all(), other.clips.all())
    for game in other.clips.games.tolist():
        assert_same_clips(ordered(own.of_game(game)), ordered(other.clips.of_game(game)))
    for most in (1, 7, 10_000):
        assert_same_clips(own.evenly(most), other.clips.evenly(most))
    some = other.clips.ids[::3]
    assert_same_clips(ordered(own.held(some)), ordered(other.clips.held(some)))
    games = np.append(other.clips.games[:2], other.characters.games)
    characters = np.append([UNKNOWN, UNKNOWN], other.characters.ids)
    for most in (2, 1_000):
        mine = list(own.of_characters(games, characters, most))
        theirs = list(other.clips.of_characters(games, characters, most))
        assert len(mine) == len(theirs) == len(games)
        for one, another in zip(mine, theirs, strict=True):
            assert_same_clips(one, another)


def test_it_is_what_faiss_keeps(library: Library) -> None:
    assert_alike(of_catalog(library), faiss(library))


def test_it_is_that_also_when_few_characters_and_clips_are_read_at_a_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus_clips, "CHARACTERS_PER_READ", 5)
    monkeypatch.setattr(milvus_clips, "ROWS_PER_READ", 6)
    assert_alike(of_catalog(library), faiss(library))


def test_a_clip_whose_stored_vector_is_damaged_is_left_out(library: Library) -> None:
    with library.catalog.write() as connection:
        connection.execute(update(tables.embeddings).where(tables.embeddings.c.clip_id == 7).values(vector=b"no"))
    assert 7 not in of_catalog(library).ids
    assert_alike(of_catalog(library), faiss(library))


def test_clips_that_have_changed_since_are_left_out(library: Library) -> None:
    before = of_catalog(library)
    ids = before.ids
    fill(library, late())
    forget(library, *ids[:3].tolist())
    one, other = library.characters(limit=2).characters
    of_one = faiss(library).clips.all()
    library.merge("character", one.id, other.id)
    changed = [*ids[:3].tolist(), *of_one.ids[of_one.characters == one.id].tolist()]
    kept = np.setdiff1d(ids, changed)
    assert len(kept) < len(ids) - 3
    np.testing.assert_array_equal(before.ids, kept)
    assert_same_clips(before.all(), ordered(faiss(library).clips.held(kept)))
    assert_same_clips(ordered(before.held(ids)), before.all())


@pytest.mark.parametrize("filters", [{}, {"games": 2}, {"characters": 5}, {"games": 3, "characters": 9}])
def test_more_clips_than_milvus_answers_are_found_by_comparing_all(
    library: Library, monkeypatch: pytest.MonkeyPatch, filters: dict[str, int]
) -> None:
    monkeypatch.setattr(milvus_clips, "MOST_FOUND", 20)
    now = faiss(library)
    of = {"games": now.clips.games, "characters": now.characters.ids}
    allowed = {name: of[name][:count] for name, count in filters.items()}
    found, expected = (each.nearest(line(1), 40, **allowed) for each in (of_catalog(library), now.clips))
    for name in ("ids", "characters", "games"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(found.cosines, expected.cosines, atol=1e-6)


def test_the_nearest_clips_of_a_few_characters_are_those_of_faiss(library: Library) -> None:
    now = faiss(library)
    of = now.characters
    asked = (line(2), np.append(of.games, of.games[:1]), np.append(of.ids, [UNKNOWN]), 3)
    found, expected = (each.nearest_of_each(*asked, 1_000) for each in (of_catalog(library), now.clips))
    assert len(found) == len(expected) == len(of.ids) + 1
    for (ids, cosines), (theirs, their_cosines) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ids, theirs)
        np.testing.assert_array_equal(cosines, their_cosines)


def test_the_log_says_whether_clips_have_left_or_changed(library: Library) -> None:
    space = library.space
    first = faiss(library)
    fill(library, late())
    second = faiss(library)
    forget(library, int(first.clips.ids[0]))
    third = faiss(library)
    with library.catalog.read() as connection:
        assert log.only_embedded(connection, space.id, first.position, second.position)
        assert not log.only_embedded(connection, space.id, second.position, third.position)
        assert not log.only_embedded(connection, space.id, first.position, third.position)
        assert embeddings.filled_games(connection, space).tolist() == third.clips.games.tolist()


def test_one_program_at_a_time_has_the_turn(catalog_url: str, tmp_path: Path) -> None:
    with closing(open_catalog(catalog_url)) as one, closing(open_catalog(catalog_url)) as other:
        with one.read() as connection, turn(connection, "spksearch_a") as mine:
            assert mine
            with other.read() as second, turn(second, "spksearch_a") as theirs:
                assert not theirs
        with other.read() as second, turn(second, "spksearch_a") as theirs:
            assert theirs
