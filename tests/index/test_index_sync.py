"""The index follows the catalog: by replay where it can, from nothing where it must, and equal to it in the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from catalog.shelf import DIM, POURED, Shelf

from speaker_search.catalog import embedding, registering, tables
from speaker_search.catalog.database import open_catalog
from speaker_search.errors import CatalogError, IndexUnusableError
from speaker_search.index import storage
from speaker_search.index.clip_index import ClipIndex, build
from speaker_search.index.plan import FLAT_CLIPS, Plan, plan
from speaker_search.index.sync import (
    SAVE_AFTER_CHANGES,
    Comparison,
    catch_up,
    compare,
    folder_of,
    open_index,
    rebuild_index,
)

LISTS = Plan("ivf", 2, 2, "by hand")


def truth(shelf: Shelf) -> dict[int, bytes]:
    with shelf.catalog.read() as connection:
        held = embedding.vectors_of(connection, shelf.opened_space(), list(shelf.ids().values()))
    return {id_: vector.tobytes() for id_, vector in held.items()}


def held(index: ClipIndex) -> list[tuple[int, bytes]]:
    return sorted(
        (int(id_), vector.tobytes()) for ids, part in index.contents() for id_, vector in zip(ids, part, strict=True)
    )


def assert_equal(index: ClipIndex, shelf: Shelf) -> None:
    assert held(index) == sorted(truth(shelf).items())
    assert index.seq == shelf.opened_space().changes
    assert compare(shelf.catalog, shelf.opened_space(), index) == Comparison(index.clips, 0, 0, 0)


def opened(shelf: Shelf, folder: Path, *, save: bool = False) -> ClipIndex:
    return open_index(shelf.catalog, shelf.opened_space(), folder, save=save)


def fill(shelf: Shelf, names: str = "abcdef", size: int = 100) -> None:
    shelf.scan(*(shelf.clip(name, size=size) for name in names))
    shelf.embed_all()


def in_lists(shelf: Shelf, built_for: int = 1_000) -> ClipIndex:
    """An index with lists, brought to where the catalog is."""
    empty = build(LISTS, DIM, built_for, lambda count: shelf.vectors(count, 0))
    return catch_up(shelf.catalog, shelf.opened_space(), empty)


def stamp_of(folder: Path) -> storage.Stamp | None:
    return storage.read_stamp(folder)


def test_a_catalog_without_embeddings_has_an_empty_index_that_is_not_saved(shelf: Shelf, tmp_path: Path) -> None:
    shelf.scan(shelf.clip("a"))
    index = opened(shelf, tmp_path / "index", save=True)
    assert_equal(index, shelf)
    assert not (tmp_path / "index").exists()


def test_new_embeddings_are_replayed_into_a_saved_index(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf, "abc")
    assert_equal(opened(shelf, tmp_path, save=True), shelf)
    fill(shelf, "abcdefgh")
    index = opened(shelf, tmp_path)
    assert_equal(index, shelf)
    assert (index.clips, index.built_for) == (8, 3)  # replayed, not built anew


def test_removals_are_replayed(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    opened(shelf, tmp_path, save=True)
    shelf.scan(*(shelf.clip(name, size=7) for name in "abc"), *map(shelf.clip, "def"))
    index = opened(shelf, tmp_path)
    assert_equal(index, shelf)
    assert (index.clips, index.built_for) == (3, 6)


def test_clips_embedded_anew_are_replayed_with_their_new_vectors(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    before = dict(held(opened(shelf, tmp_path, save=True)))
    for size in (7, 8):  # twice, so that a clip is removed and embedded and removed and embedded
        shelf.scan(shelf.clip("a", size=size), *map(shelf.clip, "bcdef"))
        shelf.embed_all(seed=size)
    index = opened(shelf, tmp_path)
    assert_equal(index, shelf)
    a = shelf.ids()["a"]
    assert {id_ for id_, vector in held(index) if vector != before[id_]} == {a}


def test_everything_removed_leaves_an_empty_index(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    opened(shelf, tmp_path, save=True)
    shelf.scan(*(shelf.clip(name, size=7) for name in "abcdef"))
    index = opened(shelf, tmp_path, save=True)
    assert_equal(index, shelf)
    assert index.clips == opened(shelf, tmp_path).clips == 0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_between_two_openings_the_index_equals_the_catalog(
    shelf: Shelf, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = dict.fromkeys((f"{number:02d}" for number in range(30)), 100)
    kept = None
    for step in range(12):
        for name in rng.choice(list(sizes), rng.integers(0, 6), replace=False):
            sizes[str(name)] += 1
        shelf.scan(*(shelf.clip(name, size=size) for name, size in sizes.items()))
        if rng.random() < 0.7:
            shelf.embed_all(seed=step)
        index = opened(shelf, tmp_path, save=bool(rng.random() < 0.4))
        assert_equal(index, shelf)
        # One that stays open, as a server's does, comes to the same.
        kept = catch_up(shelf.catalog, shelf.opened_space(), kept)
        assert_equal(kept, shelf)


def test_an_index_that_follows_writers_ends_equal_to_the_catalog(shelf: Shelf) -> None:
    shelf.scan(clips=(shelf.clip(f"{number:03d}") for number in range(150)))

    def write(first: int) -> None:
        for start in range(first, 150, 20):
            shelf.embed(*(f"{number:03d}" for number in range(start, min(start + 10, 150))))

    index = catch_up(shelf.catalog, shelf.opened_space(), None)
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, first) for first in (0, 10)]
        while not all(future.done() for future in writing):
            index = catch_up(shelf.catalog, shelf.opened_space(), index)
        for future in writing:
            future.result()
    index = catch_up(shelf.catalog, shelf.opened_space(), index)
    assert index.clips == 150
    assert_equal(index, shelf)


def test_a_deleted_folder_costs_a_rebuild_and_no_clip(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    before = held(opened(shelf, tmp_path / "index", save=True))
    shutil.rmtree(tmp_path / "index")
    index = opened(shelf, tmp_path / "index", save=True)
    assert held(index) == before
    assert_equal(index, shelf)
    assert stamp_of(tmp_path / "index") is not None


def test_the_index_of_another_catalog_is_not_used(shelf: Shelf, tmp_path: Path) -> None:
    other_catalog = open_catalog(f"sqlite:///{tmp_path / 'other.db'}")
    other = Shelf(other_catalog, registering.ensure_space(other_catalog, space="first@1", name="first", dim=DIM))
    fill(other, "uvwxyz")
    opened(other, tmp_path / "index", save=True)
    other_catalog.close()
    fill(shelf, "abc")
    fill(shelf, "abcdefg")
    index = opened(shelf, tmp_path / "index", save=True)
    assert_equal(index, shelf)
    stamp = stamp_of(tmp_path / "index")
    assert stamp is not None
    assert stamp.catalog == shelf.catalog.uuid


def test_the_index_of_another_space_is_not_used(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    index = catch_up(shelf.catalog, shelf.opened_space(), None)
    index.remove(np.array([shelf.ids()["a"]]))
    storage.save(tmp_path, index, catalog=shelf.catalog.uuid, space="other@1")
    assert_equal(opened(shelf, tmp_path), shelf)


def test_an_index_from_beyond_the_logs_end_is_not_used(shelf: Shelf, tmp_path: Path) -> None:
    """The catalog was put back from a copy that is older than the index."""
    fill(shelf)
    index = catch_up(shelf.catalog, shelf.opened_space(), None)
    index.remove(np.array([shelf.ids()["a"]]))
    index.seq += 1
    storage.save(tmp_path, index, catalog=shelf.catalog.uuid, space="first@1")
    assert_equal(opened(shelf, tmp_path), shelf)


def test_a_damaged_index_is_refused_and_a_rebuild_mends_it(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    opened(shelf, tmp_path, save=True)
    (file,) = tmp_path.glob("*/clips.faiss")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(IndexUnusableError) as refusal:
        opened(shelf, tmp_path)
    assert "spksearch index build" in refusal.value.mend
    rebuild_index(shelf.catalog, shelf.opened_space(), tmp_path)
    assert_equal(opened(shelf, tmp_path), shelf)


def test_an_index_is_saved_when_asked_or_when_there_was_much_to_replay(shelf: Shelf, tmp_path: Path) -> None:
    shelf.pour(SAVE_AFTER_CHANGES - 1)
    assert opened(shelf, tmp_path).clips == SAVE_AFTER_CHANGES - 1
    assert stamp_of(tmp_path) is None
    shelf.scan(shelf.clip("one more"))
    shelf.embed("one more")
    assert opened(shelf, tmp_path).clips == SAVE_AFTER_CHANGES
    stamp = stamp_of(tmp_path)
    assert stamp is not None
    assert stamp.clips == SAVE_AFTER_CHANGES


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the one place where not even root may make a folder")
def test_a_reader_that_may_not_write_the_index_has_it_all_the_same(shelf: Shelf) -> None:
    shelf.pour(SAVE_AFTER_CHANGES)
    assert opened(shelf, Path("/proc/index")).clips == SAVE_AFTER_CHANGES
    with pytest.raises(IndexUnusableError, match="cannot be written"):
        opened(shelf, Path("/proc/index"), save=True)


def test_an_index_whose_replay_broke_off_is_made_anew(shelf: Shelf) -> None:
    """A second replay of the same stretch would take clips in twice."""
    count = embedding.ROWS_PER_READ + 1
    index = catch_up(shelf.catalog, shelf.opened_space(), None)
    whole = shelf.pour(count)[-1].tobytes()
    last = tables.embeddings.update().where(tables.embeddings.c.seq == count)
    with shelf.catalog.write() as connection:
        connection.execute(last.values(vector=b"short"))
    with pytest.raises(CatalogError, match="wrong length"):
        catch_up(shelf.catalog, shelf.opened_space(), index)
    assert index.clips == count - 1
    with shelf.catalog.write() as connection:
        connection.execute(last.values(vector=whole))
    index = catch_up(shelf.catalog, shelf.opened_space(), index)
    assert index.clips == count
    assert_equal(index, shelf)


def test_an_index_that_nothing_happened_to_is_not_saved_again(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf)
    opened(shelf, tmp_path, save=True)
    before = (tmp_path / "current").read_text()
    opened(shelf, tmp_path, save=True)
    assert (tmp_path / "current").read_text() == before


def test_spaces_and_catalogs_have_folders_of_their_own(shelf: Shelf, tmp_path: Path) -> None:
    space = shelf.opened_space()
    other = replace(space, space="first@2")
    assert folder_of(tmp_path, shelf.catalog, space) != folder_of(tmp_path, shelf.catalog, other)
    assert folder_of(tmp_path, shelf.catalog, space).is_relative_to(tmp_path / "index" / shelf.catalog.uuid)


def test_another_spaces_embeddings_stay_out_of_an_index(shelf: Shelf, tmp_path: Path) -> None:
    other = shelf.another_space()
    fill(shelf, "abc")
    shelf.scan(*map(shelf.clip, "abc"), space=other)
    shelf.embed_all(other, seed=5)
    assert_equal(opened(shelf, tmp_path), shelf)
    shelf.scan(*(shelf.clip(name, size=7) for name in "abc"))
    shelf.embed_all(other, seed=6)
    assert catch_up(shelf.catalog, shelf.opened_space(), None).clips == 0
    assert catch_up(shelf.catalog, shelf.opened_space(other), None).clips == 3


def test_an_outgrown_index_is_laid_out_anew(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf, "a")
    small = in_lists(shelf, built_for=1)
    storage.save(tmp_path, small, catalog=shelf.catalog.uuid, space="first@1")
    fill(shelf, "abcd")
    assert opened(shelf, tmp_path).plan == LISTS  # four times as many: not yet
    fill(shelf, "abcde")
    index = opened(shelf, tmp_path, save=True)
    assert (index.plan.kind, index.built_for) == ("flat", 5)
    assert_equal(index, shelf)
    assert_equal(opened(shelf, tmp_path), shelf)


def test_lists_follow_the_catalog_too(shelf: Shelf, tmp_path: Path) -> None:
    fill(shelf, "abc")
    storage.save(tmp_path, in_lists(shelf), catalog=shelf.catalog.uuid, space="first@1")
    fill(shelf, "abcdef")
    shelf.scan(shelf.clip("a", size=7), shelf.clip("b", size=7), *map(shelf.clip, "cdef"))
    shelf.embed("a")
    index = opened(shelf, tmp_path, save=True)
    assert (index.plan, index.clips, index.seq) == (LISTS, 5, shelf.opened_space().changes)
    assert compare(shelf.catalog, shelf.opened_space(), index) == Comparison(5, 0, 0, 0)
    assert held(opened(shelf, tmp_path)) == held(index)


def test_a_catalog_that_grows_past_a_hundred_thousand_clips_gets_lists(tmp_path: Path) -> None:
    """Also for a program that last looked at the space before there was anything in it."""
    catalog = open_catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
    shelf = Shelf(catalog, registering.ensure_space(catalog, space="first@1", name="first", dim=DIM), vectors=unit)
    before = shelf.opened_space()
    vectors = shelf.pour(FLAT_CLIPS + 1)
    flat = build(plan(FLAT_CLIPS), DIM, FLAT_CLIPS, lambda count: vectors[:count])
    flat.add(POURED + np.arange(FLAT_CLIPS), vectors[:-1])
    flat.seq = FLAT_CLIPS
    index = catch_up(catalog, before, flat)
    assert (index.plan, index.built_for, index.seq) == (plan(FLAT_CLIPS + 1), FLAT_CLIPS + 1, FLAT_CLIPS + 1)
    ids, held = (np.concatenate(parts) for parts in zip(*index.contents(), strict=True))
    assert (np.sort(ids) == POURED + np.arange(FLAT_CLIPS + 1)).all()
    np.testing.assert_allclose(held, vectors[ids - POURED], atol=1e-3)
    catalog.close()


def unit(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["flat", "ivf"])
class TestCompare:
    """Each kind of difference made by hand."""

    @pytest.fixture
    def shelf(self, tmp_path: Path) -> Iterator[Shelf]:
        """On SQLite alone: what the index holds is the same on either database."""
        catalog = open_catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
        yield Shelf(catalog, registering.ensure_space(catalog, space="first@1", name="first", dim=DIM))
        catalog.close()

    @pytest.fixture
    def index(self, shelf: Shelf, kind: str) -> ClipIndex:
        shelf.vectors = unit
        fill(shelf)
        return in_lists(shelf) if kind == "ivf" else catch_up(shelf.catalog, shelf.opened_space(), None)

    def compared(self, shelf: Shelf, index: ClipIndex) -> Comparison:
        return compare(shelf.catalog, shelf.opened_space(), index)

    def put(self, shelf: Shelf, index: ClipIndex, name: str, vector: np.ndarray) -> None:
        id_ = np.array([shelf.ids()[name]])
        index.remove(id_)
        index.add(id_, vector[None].astype(np.float32))

    def vector(self, shelf: Shelf, name: str) -> np.ndarray:
        return np.frombuffer(truth(shelf)[shelf.ids()[name]], np.float32)

    def test_an_index_that_follows_the_catalog_is_equal_to_it(self, shelf: Shelf, index: ClipIndex) -> None:
        assert self.compared(shelf, index) == Comparison(6, 0, 0, 0)

    def test_a_clip_that_the_index_lacks_is_missing(self, shelf: Shelf, index: ClipIndex) -> None:
        index.remove(np.array([shelf.ids()["a"], shelf.ids()["b"]]))
        assert self.compared(shelf, index) == Comparison(4, 2, 0, 0)

    def test_a_clip_that_the_catalog_lacks_is_extra(self, shelf: Shelf, index: ClipIndex) -> None:
        index.add(np.array([999, 1000]), unit(2, 5))
        assert self.compared(shelf, index) == Comparison(8, 0, 2, 0)

    def test_a_clip_that_is_twice_in_the_index_is_extra(self, shelf: Shelf, index: ClipIndex) -> None:
        index.add(np.array([shelf.ids()["a"]]), self.vector(shelf, "a")[None])
        assert self.compared(shelf, index) == Comparison(7, 0, 1, 0)

    @pytest.mark.parametrize("by", [0.003, -0.003, 2.0])
    def test_a_vector_that_is_another_is_different(self, shelf: Shelf, index: ClipIndex, by: float) -> None:
        vector = self.vector(shelf, "a").copy()
        vector[0] += by
        self.put(shelf, index, "a", vector)
        assert self.compared(shelf, index) == Comparison(6, 0, 0, 1)

    def test_two_clips_with_each_others_vectors_are_different(self, shelf: Shelf, index: ClipIndex) -> None:
        a, b = self.vector(shelf, "a"), self.vector(shelf, "b")
        self.put(shelf, index, "a", b)
        self.put(shelf, index, "b", a)
        assert self.compared(shelf, index) == Comparison(6, 0, 0, 2)

    def test_an_empty_index_lacks_everything(self, shelf: Shelf, index: ClipIndex) -> None:
        index.remove(np.array(list(shelf.ids().values())))
        assert self.compared(shelf, index) == Comparison(0, 6, 0, 0)

    def test_every_kind_at_once_is_told_apart(self, shelf: Shelf, index: ClipIndex) -> None:
        index.remove(np.array([shelf.ids()["a"]]))
        index.add(np.array([999, 1000]), unit(2, 5))
        self.put(shelf, index, "b", -self.vector(shelf, "b"))
        assert self.compared(shelf, index) == Comparison(7, 1, 2, 1)
