"""A collection in Milvus that several programs share: who writes, what is written again, and what is found wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from search.asking import late, line
from search.filling import fill, forget, some_voices
from sqlalchemy import update
from standin import StandInEncoder
from views.made_up import assert_same
from views.milvus.milvus_server import MilvusServer

from speaker_search.catalog import tables
from speaker_search.catalog.database import open_catalog
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views.milvus import writing
from speaker_search.views.milvus.collection import Collection
from speaker_search.views.milvus.milvus_server import Server
from speaker_search.views.milvus.milvus_views import MilvusViews
from speaker_search.views.milvus.one_writer import turn
from speaker_search.views.snapshot import Snapshot, follow

pytestmark = pytest.mark.engines
on_both = pytest.mark.parametrize("catalog_url", ["sqlite", "postgresql"], indirect=True)
VOICES = some_voices(games=4, characters=5, clips=3)


@pytest.fixture
def catalog_url(request: pytest.FixtureRequest, sqlite_catalog_url: str) -> str:
    """SQLite's, unless a test asks for both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return sqlite_catalog_url
    url: str = request.getfixturevalue("postgres_catalog_url")
    return url


@pytest.fixture
def settings(catalog_url: str, tmp_path: Path, milvus: MilvusServer) -> Settings:
    return Settings(home=tmp_path, database_url=catalog_url, encoder="stand-in", index_url=SecretStr(milvus.url))


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, VOICES)
        yield opened


@pytest.fixture
def views(library: Library, milvus: MilvusServer) -> MilvusViews:
    """Another program's views of the same catalog."""
    return MilvusViews(library.catalog, Server(milvus.url))


def collection_of(library: Library, views: MilvusViews) -> Collection:
    return views.collection(library.space)


def truth(library: Library) -> Snapshot:
    return follow(library.catalog, library.space, None)


def held(library: Library, views: MilvusViews) -> list[int]:
    """The ids in the collection."""
    ids: list[int] = collection_of(library, views).between(0, 10**9).ids.tolist()
    return ids


def test_the_position_says_what_has_been_written(library: Library, views: MilvusViews) -> None:
    library.refresh()
    state = collection_of(library, views).state()
    assert state is not None
    assert (state.position, state.whole, state.lists) == (library.ready.snapshot.position, True, 0)
    assert held(library, views) == truth(library).clips.ids.tolist()


@on_both
def test_while_another_program_writes_nobody_else_does_and_nobody_waits(library: Library, views: MilvusViews) -> None:
    views.follow(library.catalog, library.space, None)
    before = held(library, views)
    fill(library, late())
    collection = collection_of(library, views)
    other = MilvusViews(library.catalog, views.server)
    with (
        closing(open_catalog(library.settings.url)) as busy,
        busy.read() as connection,
        turn(connection, collection.alias) as mine,
    ):
        assert mine
        # A thread holds one connection to a catalog: this is another catalog object.
        snapshot = other.follow(library.catalog, library.space, None)
        assert held(library, views) == before
    assert_same(snapshot, truth(library))  # what it counts itself is of the catalog as it is
    other.follow(library.catalog, library.space, snapshot)
    assert held(library, views) == truth(library).clips.ids.tolist()


def test_a_collection_that_somebody_has_released_is_loaded_again(library: Library, views: MilvusViews) -> None:
    """milvus-lite releases all of them when it ends."""
    library.refresh()
    collection = collection_of(library, views)
    with views.server.client() as client:
        client.release_collection(collection.alias)
    library.refresh()
    assert held(library, views) == truth(library).clips.ids.tolist()


def test_a_program_that_comes_late_counts_what_another_has_already_taken_out(
    library: Library, views: MilvusViews
) -> None:
    before = views.follow(library.catalog, library.space, None)
    ids = truth(library).clips.ids.tolist()
    forget(library, *ids[:4])
    library.refresh()  # writes
    assert_same(views.follow(library.catalog, library.space, before), truth(library))


@on_both
def test_what_a_killed_writer_has_left_half_written_is_written_again(library: Library, views: MilvusViews) -> None:
    snapshot = views.follow(library.catalog, library.space, None)
    collection = collection_of(library, views)
    fill(library, late())
    ids = truth(library).clips.ids.tolist()
    forget(library, *ids[:3])
    after = truth(library)
    collection.aim(after.position)  # what a writer does first, and then part of the rest
    collection.upsert(after.clips.held(after.clips.ids[-2:]))
    collection.delete(np.array(ids[:2]))
    assert_same(views.follow(library.catalog, library.space, snapshot), after)
    assert held(library, views) == after.clips.ids.tolist()
    assert library.verify(deep=True).ok


def test_many_changes_are_written_in_portions(
    library: Library, views: MilvusViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, positions = collection_of(library, views), []
    monkeypatch.setattr(writing, "PORTION", 10)
    while True:
        seen = collection.state()
        with library.catalog.read() as connection, turn(connection, collection.alias):
            more = writing.write(connection, library.catalog.uuid, collection, seen, 68)
        state = collection.state()
        assert state is not None
        positions.append(state.position)
        if not more:
            break
    assert positions == [10, 20, 30, 40, 50, 60, 68]
    assert held(library, views) == truth(library).clips.ids.tolist()


class TestVerify:
    @pytest.fixture(autouse=True)
    def written(self, library: Library) -> None:
        library.refresh()

    def test_a_row_taken_out_behind_its_back_is_missing(self, library: Library, views: MilvusViews) -> None:
        collection_of(library, views).delete(np.array([7]))
        found = library.verify()
        assert (found.ok, found.index.missing, found.index.extra, found.index.different) == (False, 1, 0, 0)

    def test_rows_that_the_catalog_lacks_are_extra(self, library: Library, views: MilvusViews) -> None:
        collection = collection_of(library, views)
        (one,) = [truth(library).clips.held(np.array([7]))]
        for id_ in (-5, 10**6):
            collection.upsert(type(one)(np.array([id_]), one.characters, one.games, one.seconds, one.vectors))
        found = library.verify()
        assert (found.ok, found.index.missing, found.index.extra, found.index.different) == (False, 0, 2, 0)

    @pytest.mark.parametrize("name", ["characters", "games", "seconds", "vectors"])
    def test_a_row_with_another_label_length_or_vector_is_different(
        self, library: Library, views: MilvusViews, name: str
    ) -> None:
        held = truth(library).clips.held(np.array([7]))
        columns = {each: np.array(getattr(held, each)) for each in ("ids", "characters", "games", "seconds", "vectors")}
        columns[name] = -columns[name]
        collection_of(library, views).upsert(type(held)(**columns))
        found = library.verify()
        assert (found.ok, found.index.missing, found.index.extra, found.index.different) == (False, 0, 0, 1)

    def test_a_rebuild_mends_it(self, library: Library, views: MilvusViews) -> None:
        collection = collection_of(library, views)
        before = collection.state()
        collection.delete(np.array([7]))
        assert library.build_index().ok
        after = collection.state()
        assert before is not None
        assert after is not None
        assert before.name != after.name
        with views.server.client() as client:
            assert [name for name in client.list_collections() if name.startswith(collection.alias)] == [after.name]

    def test_a_sample_of_vectors_is_compared_in_a_large_catalog(self, library: Library, views: MilvusViews) -> None:
        from speaker_search.views.milvus.verifying import verify

        found = verify(views, library.catalog, library.space, library.settings.home, sampled=20)
        assert (found.ok, found.compared, found.index.vectors) == (True, 20, 68)
        held = truth(library).clips.held(np.array([1]))  # always among the sample
        collection_of(library, views).upsert(
            type(held)(held.ids, held.characters, held.games, held.seconds, -held.vectors)
        )
        found = verify(views, library.catalog, library.space, library.settings.home, sampled=20)
        assert (found.ok, found.index.different) == (False, 1)

    def test_a_clip_whose_stored_vector_is_damaged_is_in_no_index(self, library: Library) -> None:
        with library.catalog.write() as connection:
            connection.execute(update(tables.embeddings).where(tables.embeddings.c.clip_id == 7).values(vector=b"no"))
        found = library.verify()
        assert [one.id for one in found.unusable] == [7]
        assert not found.ok


def test_a_catalog_that_was_set_back_makes_the_collection_anew(library: Library, views: MilvusViews) -> None:
    library.refresh()
    collection = collection_of(library, views)
    collection.aim(10**6)
    collection.reach(10**6)  # as if later changes had been written
    snapshot = views.follow(library.catalog, library.space, None)
    state = collection.state()
    assert state is not None
    assert state.position == snapshot.position
    assert held(library, views) == truth(library).clips.ids.tolist()


def test_a_collection_that_has_outgrown_its_index_is_made_anew_with_lists(
    library: Library, views: MilvusViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = views.follow(library.catalog, library.space, None)
    fill(library, late())
    monkeypatch.setattr("speaker_search.views.milvus.collection.FLAT_CLIPS", 20)
    snapshot = views.follow(library.catalog, library.space, snapshot)
    state = collection_of(library, views).state()
    assert state is not None
    assert state.lists == 1_024
    monkeypatch.setattr(writing, "UNSEALED", 2)
    fill(library, late(2))
    snapshot = views.follow(library.catalog, library.space, snapshot)
    state = collection_of(library, views).state()
    assert state is not None
    assert state.flushed == state.position == snapshot.position
    expected = truth(library).clips
    assert held(library, views) == expected.ids.tolist()
    for filters in ({}, {"games": expected.games[-2:]}, {"characters": truth(library).characters.ids[-3:]}):
        own, other = (each.nearest(line(2), 3, **filters) for each in (snapshot.clips, expected))
        assert own.ids.tolist() == other.ids.tolist()


def test_the_status_names_the_server_and_the_collection(library: Library, views: MilvusViews) -> None:
    empty = library.index_status()
    assert (empty.kind, empty.vectors, empty.behind) == (None, 0, 68)
    library.refresh()
    found = library.index_status()
    assert (found.kind, found.vectors, found.clips, found.behind) == ("FLAT", 68, 68, 0)
    assert found.folder == f"{views.server.address.shown} {collection_of(library, views).alias}"


def test_it_is_not_tuned(library: Library) -> None:
    with pytest.raises(UsageError, match="not tuned"):
        library.tune_index()
