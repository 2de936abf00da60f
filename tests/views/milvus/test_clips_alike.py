"""What FAISS and Milvus keep of the same catalog answers alike: the same cases on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from search.asking import late, line
from search.filling import enqueue, fill, forget, some_voices, units
from standin import DIM, StandInEncoder
from views.made_up import assert_same, assert_same_clips

from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.library import Library
from speaker_search.search.query import Filters
from speaker_search.settings import Settings
from speaker_search.views.clip_index.columns import ordered
from speaker_search.views.milvus import milvus_clips
from speaker_search.views.snapshot import Snapshot, follow

VOICES = some_voices(games=5, characters=6, clips=4)
CLOSE = 1e-5


@pytest.fixture(params=["faiss", pytest.param("milvus", marks=pytest.mark.engines)])
def library(request: pytest.FixtureRequest, sqlite_catalog_url: str, tmp_path: Path) -> Iterator[Library]:
    """A catalog of made-up voices whose index is kept by one engine or the other."""
    url = request.getfixturevalue("milvus").url if request.param == "milvus" else ""
    settings = Settings(
        home=tmp_path / "home", database_url=sqlite_catalog_url, encoder="stand-in", index_url=SecretStr(url)
    )
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, VOICES)
        yield opened


def truth(library: Library) -> Snapshot:
    """The views as FAISS makes them of the same catalog."""
    return follow(library.catalog, library.space, None)


def now(library: Library) -> Snapshot:
    library.refresh()
    return library.ready.snapshot


def change_much(library: Library) -> None:
    """Clips come, go, and become another's."""
    library.refresh()
    fill(library, late())
    ids = truth(library).clips.ids.tolist()
    forget(library, *ids[3:9], ids[-1])
    one, other = library.characters(limit=2).characters
    library.merge("character", one.id, other.id)
    fill(library, late(2))


@pytest.mark.parametrize("changed", [False, True])
def test_all_that_is_read_of_clips_is_the_same(library: Library, changed: bool) -> None:
    if changed:
        change_much(library)
    own, other = now(library), truth(library)
    assert_same(own, other)
    clips, expected = own.clips, other.clips
    assert (clips.clips, clips.dim) == (expected.clips, expected.dim)
    np.testing.assert_array_equal(clips.ids, expected.ids)
    np.testing.assert_array_equal(clips.games, expected.games)
    for game in expected.games.tolist():
        assert_same_clips(ordered(clips.of_game(game)), ordered(expected.of_game(game)))
    for most in (1, 10, 10_000):
        assert_same_clips(clips.evenly(most), expected.evenly(most))
    some = expected.ids[::3]
    by_id = [held.take(np.argsort(held.ids)) for held in (clips.held(some), expected.held(some))]
    assert_same_clips(*by_id)
    games = np.append(other.characters.games, expected.games[:2])
    characters = np.append(other.characters.ids, [UNKNOWN, UNKNOWN])
    for most in (2, 1_000):
        pairs = zip(
            clips.of_characters(games, characters, most), expected.of_characters(games, characters, most), strict=True
        )
        for mine, theirs in pairs:
            assert_same_clips(mine, theirs)


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("limit", [1, 10, 10_000])
def test_the_nearest_clips_are_the_same(library: Library, changed: bool, limit: int) -> None:
    if changed:
        change_much(library)
    own, other = now(library).clips, truth(library)
    games, characters = other.clips.games, other.characters.ids
    for seed in range(5):
        asked = units(np.random.default_rng(seed).standard_normal(DIM))
        for filters in (
            {},
            {"games": games[:2]},
            {"characters": characters[1:7]},
            {"games": games[1:3], "characters": characters[::2]},
            {"games": games[:0]},
            {"characters": np.array([10**9])},
        ):
            found = own.nearest(asked, limit, **filters)
            expected = other.clips.nearest(asked, limit, **filters)
            for name in ("ids", "characters", "games"):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
            np.testing.assert_allclose(found.cosines, expected.cosines, atol=CLOSE)


@pytest.mark.parametrize("compared", [5_000, 0], ids=["compared here", "found by Milvus"])
def test_the_nearest_clips_of_each_character_are_the_same(
    library: Library, monkeypatch: pytest.MonkeyPatch, compared: int
) -> None:
    monkeypatch.setattr(milvus_clips, "COMPARED_CLIPS", compared)
    own, other = now(library).clips, truth(library)
    games, characters = (
        np.append(of, last)
        for of, last in ((other.characters.games, other.clips.games[:1]), (other.characters.ids, [UNKNOWN]))
    )
    asked = line(3)
    found = own.nearest_of_each(asked, games, characters, 3, 10_000)
    expected = other.clips.nearest_of_each(asked, games, characters, 3, 10_000)
    assert len(found) == len(expected) == len(games)
    for (ids, cosines), (theirs, their_cosines) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ids, theirs)
        np.testing.assert_allclose(cosines, their_cosines, atol=CLOSE)


def test_a_space_without_some_clips_is_the_same(library: Library) -> None:
    ids = truth(library).clips.ids[5:20]
    assert_same(now(library).without(ids), truth(library).without(ids))


def test_an_answer_has_the_same_characters_and_hits(library: Library, tmp_path: Path) -> None:
    plain = Settings(home=tmp_path / "other", database_url=library.settings.database_url, encoder="stand-in")
    with Library(plain, encoder=StandInEncoder()) as by_faiss:
        for by in ("character", "game", "clip"):
            asked = [{"embedding": line(seed).tolist(), "by": by} for seed in range(3)]
            asked.append({"embedding": line(1).tolist(), "by": by, "filters": Filters(min_clips=4)})
            for question in asked:
                mine, theirs = (one.search_like(**question).document() for one in (library, by_faiss))
                assert mine == theirs


def test_what_the_catalog_awaits_is_not_there_yet(library: Library) -> None:
    held = now(library).clips.clips
    enqueue(library, late())
    assert now(library).clips.clips == held


def test_verification_finds_nothing_wrong(library: Library) -> None:
    change_much(library)
    library.refresh()
    for deep in (False, True):
        found = library.verify(deep=deep)
        assert found.ok, found
        assert found.index.vectors == truth(library).clips.clips
