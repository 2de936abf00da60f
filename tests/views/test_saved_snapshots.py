"""A snapshot of the views on disk: it comes back as it was saved, and a segment that stays is not written again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from views.made_up import assert_same, clips, unit

from speaker_search.catalog.spaces import Space
from speaker_search.errors import IndexUnusableError
from speaker_search.views import characters, storage
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns, lists
from speaker_search.views.clip_index.clip_index import of_columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.snapshot import LISTS, SEGMENT, Snapshot, load, save
from speaker_search.views.storage import MEND

PATIENCE_S = 300.0  # before a test that waits for something fails
UUID = "0a1b2c3d"
SPACE = Space(1, "first@1", "first", 8)
BY_LISTS = Plan("ivf", 4, 4, "by hand")
both = pytest.mark.parametrize("by_lists", [False, True], ids=["flat", "ivf"])


def of(held: Columns, position: int, *, by_lists: bool = False) -> Snapshot:
    made = lists.build(held, BY_LISTS) if by_lists else None
    return Snapshot(of_columns(held, position, made), characters.of_clips(held, position))


def stepped(before: Snapshot, leave: list[int], added: Columns) -> Snapshot:
    """A snapshot with a tail and tombstones."""
    held = before.clips.held(np.array(leave + added.ids.tolist(), np.int64))
    delta = Delta(before.position + 1, held, added)
    return Snapshot(before.clips.apply(delta), before.characters.apply(delta))


def loaded(folder: Path) -> Snapshot:
    found = load(folder, UUID, SPACE)
    assert found is not None
    return found


def version_of(folder: Path) -> Path:
    version = storage.in_use(folder)
    assert version is not None
    return version.folder


# -- on disk -----------------------------------------------------------------------------------------------------


@both
def test_a_snapshot_comes_back_as_it_was_saved(tmp_path: Path, by_lists: bool) -> None:
    first = of(clips(range(1, 41), 1), 5, by_lists=by_lists)
    whole = stepped(first, [3, 4], clips([5, 50, 51], 2))
    save(tmp_path, whole, UUID, SPACE)
    again = loaded(tmp_path)
    assert_same(again, whole)
    assert (len(again.clips.tail), int(again.clips.tombstones.sum()), again.clips.clips) == (3, 3, 40)
    for part in ("id", "lists.plan", "lists.built_for"):
        assert attribute(again.clips.segment, part) == attribute(whole.clips.segment, part)
    asked = unit(1, 3)[0]
    np.testing.assert_array_equal(again.clips.nearest(asked, 20).ids, whole.clips.nearest(asked, 20).ids)
    assert isinstance(again.clips.segment.columns.vectors, np.memmap)


def attribute(of_it: object, path: str) -> object:
    for name in path.split("."):
        of_it = getattr(of_it, name)
    return of_it


@both
def test_a_loaded_snapshot_goes_on_as_the_saved_one_would(tmp_path: Path, by_lists: bool) -> None:
    whole = of(clips(range(1, 41), 1), 5, by_lists=by_lists)
    save(tmp_path, whole, UUID, SPACE)
    late = clips([6, 60], 3)
    assert_same(stepped(loaded(tmp_path), [1], late), stepped(whole, [1], late))
    assert_same(stepped(loaded(tmp_path), [1], late).folded(), stepped(whole, [1], late).folded())


def test_a_snapshot_without_clips_comes_back(tmp_path: Path) -> None:
    nothing = of(columns.none(8), 0)
    save(tmp_path, nothing, UUID, SPACE)
    assert_same(loaded(tmp_path), nothing)
    assert_same(stepped(loaded(tmp_path), [], clips([1], 1)), stepped(nothing, [], clips([1], 1)))


@both
def test_a_segment_that_stays_is_linked_and_a_folded_one_is_written(tmp_path: Path, by_lists: bool) -> None:
    files = [*SEGMENT, LISTS] if by_lists else [*SEGMENT]
    first = of(clips(range(1, 41), 1), 5, by_lists=by_lists)
    save(tmp_path, first, UUID, SPACE)
    inodes = [(version_of(tmp_path) / name).stat().st_ino for name in files]
    save(tmp_path, stepped(loaded(tmp_path), [3], clips([50], 2)), UUID, SPACE)
    assert [(version_of(tmp_path) / name).stat().st_ino for name in files] == inodes
    folded = loaded(tmp_path).folded()
    save(tmp_path, folded, UUID, SPACE)
    after = [(version_of(tmp_path) / name).stat().st_ino for name in SEGMENT]
    assert not set(after) & set(inodes)
    assert_same(loaded(tmp_path), folded)


def test_vectors_mapped_from_a_version_that_was_swapped_out_can_still_be_read(tmp_path: Path) -> None:
    whole = of(clips(range(1, 41), 1), 5)
    save(tmp_path, whole, UUID, SPACE)
    mapped = loaded(tmp_path)
    gone = version_of(tmp_path)
    save(tmp_path, whole.folded(), UUID, SPACE)
    assert not gone.exists()
    assert_same(mapped, whole)
    asked = unit(1, 3)[0]
    assert mapped.clips.nearest(asked, 9).ids.tolist() == whole.clips.nearest(asked, 9).ids.tolist()
    save(tmp_path, mapped, UUID, SPACE)
    assert_same(loaded(tmp_path), whole)


@pytest.mark.parametrize(("uuid", "name"), [("another", "first@1"), (UUID, "first@2")])
def test_the_views_of_another_catalog_or_space_are_not_taken(tmp_path: Path, uuid: str, name: str) -> None:
    save(tmp_path, of(clips(range(1, 9), 1), 5), UUID, SPACE)
    assert load(tmp_path, uuid, replace(SPACE, name=name)) is None


@both
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, by_lists: bool) -> None:
    save(tmp_path, of(clips(range(1, 41), 1), 5, by_lists=by_lists), UUID, SPACE)
    files = sorted(version_of(tmp_path).iterdir())
    assert len(files) == (9 if by_lists else 8)
    for file in files:
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(IndexUnusableError, match="damaged") as refusal:
            load(tmp_path, UUID, SPACE)
        assert refusal.value.mend == MEND
        file.write_bytes(whole)
    assert load(tmp_path, UUID, SPACE) is not None


def test_programs_that_save_snapshots_at_once_and_one_that_loads_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each snapshot has as many clips as its position says."""
    save(tmp_path, of(clips([1], 1), 1), UUID, SPACE)
    has_loaded, saved = Event(), Event()

    def save_some(first: int) -> None:
        for position in range(first, 20, 2):
            save(tmp_path, of(clips(range(position), 1), position, by_lists=position > 8), UUID, SPACE)
            assert has_loaded.wait(PATIENCE_S)  # at least one load comes in between

    def load_on() -> None:
        while not saved.is_set():
            try:
                found = loaded(tmp_path)
            finally:
                has_loaded.set()
            assert found.position == found.clips.clips == len(found.clips.nearest(unit(1, 1)[0], 99).ids)

    with ThreadPoolExecutor(3) as pool:
        loader = pool.submit(load_on)
        writers = [pool.submit(save_some, first) for first in (2, 3)]
        try:
            for each in writers:
                each.result()
        finally:
            saved.set()
        loader.result()
