"""The views follow the catalog step by step where they can, are made anew where they must, and equal it in the end."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from catalog.shelf import DIM, Shelf
from sqlalchemy import delete, text, update
from views.made_up import assert_same

from speaker_search.catalog import tables as t
from speaker_search.catalog.database import open_catalog
from speaker_search.errors import CatalogError
from speaker_search.views.changes import FEW
from speaker_search.views.snapshot import Snapshot, follow, follow_within, load, save
from speaker_search.views.storage import folder_of

on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def fill(shelf: Shelf, names: str = "abcdef", size: int = 100) -> None:
    shelf.scan(*(shelf.clip(name, size=size) for name in names))
    shelf.embed_all()


def anew(shelf: Shelf) -> Snapshot:
    return follow(shelf.catalog, shelf.opened_space(), None)


def followed(shelf: Shelf, before: Snapshot) -> Snapshot:
    return follow(shelf.catalog, shelf.opened_space(), before)


def test_a_snapshot_made_anew_holds_what_the_catalog_holds(shelf: Shelf) -> None:
    nobody = anew(shelf)
    assert (nobody.position, nobody.clips.clips, nobody.clips.dim) == (0, 0, DIM)
    fill(shelf)
    whole = anew(shelf)
    assert (whole.position, whole.clips.clips, whole.characters.counts.tolist()) == (6, 6, [6])
    assert_same(followed(shelf, nobody), whole)


@on_sqlite
def test_where_nothing_has_happened_the_snapshot_is_the_one_of_before(shelf: Shelf) -> None:
    fill(shelf)
    whole = anew(shelf)
    assert followed(shelf, whole) is whole
    shelf.scan(*map(shelf.clip, "abcdef"), shelf.clip("not embedded yet"))
    assert followed(shelf, whole) is whole


def test_new_removed_and_changed_clips_are_followed_without_making_the_segment_anew(shelf: Shelf) -> None:
    fill(shelf)
    before = anew(shelf)
    shelf.scan(shelf.clip("a", size=7), *map(shelf.clip, "bcdefgh"))
    without_a = followed(shelf, before)
    assert_same(without_a, anew(shelf))
    assert without_a.clips.clips == 5
    shelf.embed_all(seed=7)
    after = followed(shelf, without_a)
    assert_same(after, anew(shelf))
    assert after.clips.clips == 8
    assert after.clips.segment is before.clips.segment


@on_sqlite
def test_a_characters_audio_follows_its_clips(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", "Ann"), shelf.clip("b", "Ann"), shelf.clip("c", "Bob"))
    shelf.embed_all(seconds=1.5)
    before = anew(shelf)
    assert heard(shelf, before) == {"Ann": 3_000, "Bob": 1_500}
    shelf.scan(shelf.clip("a", "Ann", size=7), shelf.clip("b", "Bob"), shelf.clip("c", "Bob"))
    waiting = followed(shelf, before)
    assert heard(shelf, waiting) == {"Bob": 3_000}
    shelf.embed_all(seconds=0.25)
    assert heard(shelf, followed(shelf, waiting)) == heard(shelf, followed(shelf, before)) == {"Ann": 250, "Bob": 3_000}
    assert followed(shelf, before).clips.all().seconds.tolist() == [0.25, 1.5, 1.5]


def heard(shelf: Shelf, snapshot: Snapshot) -> dict[str, int]:
    """Milliseconds of each character that has clips, by name."""
    names = {id_: name for name, id_ in shelf.characters().items()}
    held = snapshot.characters
    return {names[id_]: length for id_, length in zip(held.ids.tolist(), held.milliseconds.tolist(), strict=True)}


@on_sqlite
def test_a_space_without_clips_has_views_that_can_be_followed(shelf: Shelf, tmp_path: Path) -> None:
    shelf.scan(shelf.clip("a"))
    nobody = anew(shelf)
    save(tmp_path, nobody, shelf.catalog.uuid, shelf.opened_space())
    shelf.embed_all()
    again = load(tmp_path, shelf.catalog.uuid, shelf.opened_space())
    assert again is not None
    assert_same(followed(shelf, again), anew(shelf))


@on_sqlite
def test_everything_removed_leaves_views_without_clips(shelf: Shelf) -> None:
    fill(shelf)
    before = anew(shelf)
    shelf.scan(*(shelf.clip(name, size=7) for name in "abcdef"))
    for snapshot in (followed(shelf, before), followed(shelf, before).folded()):
        assert (snapshot.clips.clips, len(snapshot.characters)) == (0, 0)
    shelf.embed_all(seed=2)
    assert_same(followed(shelf, followed(shelf, before).folded()), anew(shelf))


def test_a_transaction_sees_the_views_of_its_own_moment(shelf: Shelf) -> None:
    fill(shelf, "abc")
    before, space = anew(shelf), shelf.opened_space()
    shelf.scan(*map(shelf.clip, "abcdef"))
    writer = ThreadPoolExecutor(1)
    with shelf.catalog.read() as connection:
        first = follow_within(connection, shelf.catalog.uuid, space, before)
        writer.submit(shelf.embed_all).result()
        second = follow_within(connection, shelf.catalog.uuid, space, before)
    writer.shutdown()
    assert first is before
    assert second is before
    assert followed(shelf, before).clips.clips == 6


@on_sqlite
def test_another_spaces_embeddings_stay_out(shelf: Shelf) -> None:
    other = shelf.another_space()
    fill(shelf, "abc")
    before = anew(shelf)
    shelf.scan(*map(shelf.clip, "abc"), space=other)
    shelf.embed_all(other, seed=5)
    assert followed(shelf, before) is before
    shelf.scan(*(shelf.clip(name, size=7) for name in "abc"))
    shelf.embed_all(other, seed=6)
    assert followed(shelf, before).clips.clips == 0
    assert follow(shelf.catalog, shelf.opened_space(other), None).clips.clips == 3


def test_views_that_follow_writers_end_equal_to_the_catalog(shelf: Shelf) -> None:
    shelf.scan(clips=(shelf.clip(f"{number:03d}", character=f"{number % 7}") for number in range(150)))

    def write(first: int) -> None:
        for start in range(first, 150, 20):
            shelf.embed(*(f"{number:03d}" for number in range(start, min(start + 10, 150))))

    snapshot = anew(shelf)
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, first) for first in (0, 10)]
        while not all(future.done() for future in writing):
            snapshot = followed(shelf, snapshot)
        for future in writing:
            future.result()
    snapshot = followed(shelf, snapshot)
    assert (snapshot.clips.clips, snapshot.position) == (150, 150)
    assert_same(snapshot, anew(shelf))


# -- made anew ---------------------------------------------------------------------------------------------------


def was_made_anew(before: Snapshot, after: Snapshot) -> bool:
    return after.clips.segment is not before.clips.segment


@on_sqlite
@pytest.mark.parametrize(("count", "expected"), [(FEW, False), (FEW + 1, True)])
def test_views_are_made_anew_when_most_clips_have_changed(shelf: Shelf, count: int, expected: bool) -> None:
    nobody = anew(shelf)
    shelf.pour(count)
    after = followed(shelf, nobody)
    assert was_made_anew(nobody, after) is expected
    assert_same(after, anew(shelf))


def test_views_are_made_anew_when_the_log_does_not_reach_back_to_them(shelf: Shelf) -> None:
    fill(shelf, "abc")
    early = anew(shelf)
    fill(shelf, "abcdef")
    late = anew(shelf)
    fill(shelf, "abcdefgh")
    with shelf.catalog.write() as connection:
        connection.execute(delete(t.changes).where(t.changes.c.number <= early.position + 1))
    assert was_made_anew(early, followed(shelf, early))
    assert not was_made_anew(late, followed(shelf, late))
    for before in (early, late):
        assert_same(followed(shelf, before), anew(shelf))


@on_sqlite
def test_views_from_beyond_the_logs_end_are_made_anew(shelf: Shelf, tmp_path: Path) -> None:
    """The catalog was put back from a copy that is older than its views."""
    fill(shelf, "abc")
    url, space = shelf.catalog.engine.url, shelf.opened_space()
    shelf.catalog.close()
    shutil.copy(str(url.database), tmp_path / "copy.db")
    fill(shelf, "abcdef", size=7)
    beyond = anew(shelf)
    shelf.catalog.close()
    shutil.copy(tmp_path / "copy.db", str(url.database))
    restored = open_catalog(url)
    assert restored.uuid == shelf.catalog.uuid
    after = follow(restored, space, beyond)
    assert (after.position, after.clips.clips, beyond.position) == (3, 3, 12)
    assert_same(after, follow(restored, space, None))
    restored.close()


# -- what cannot be followed -------------------------------------------------------------------------------------


@on_sqlite
def test_a_catalog_that_lacks_the_space_is_another_one(shelf: Shelf) -> None:
    fill(shelf, "abc")
    before, space = anew(shelf), shelf.opened_space()
    for other in (replace(space, id=99), replace(space, name="other@1")):
        with pytest.raises(CatalogError, match="replaced by another"):
            follow(shelf.catalog, other, before)
    with shelf.catalog.write() as connection:
        connection.execute(update(t.catalog).values(uuid="another"))
    with pytest.raises(CatalogError, match="replaced by another"):
        follow(shelf.catalog, space, before)


@on_sqlite
def test_a_step_that_fails_leaves_the_snapshot_to_be_followed_from(shelf: Shelf) -> None:
    fill(shelf, "abc")
    before = anew(shelf)
    fill(shelf, "abcdef")
    with shelf.catalog.write() as connection:
        connection.execute(text("ALTER TABLE embeddings RENAME TO elsewhere"))
    with pytest.raises(CatalogError, match="no such table"):
        followed(shelf, before)
    with shelf.catalog.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO embeddings"))
    assert_same(followed(shelf, before), anew(shelf))


@on_sqlite
def test_spaces_and_catalogs_have_folders_of_their_own(shelf: Shelf, tmp_path: Path) -> None:
    space = shelf.opened_space()
    folders = {
        folder_of(tmp_path, "one", space),
        folder_of(tmp_path, "two", space),
        folder_of(tmp_path, "one", replace(space, name="first@2")),
    }
    assert len(folders) == 3
    assert folder_of(tmp_path, "one", space).is_relative_to(tmp_path / "index" / "one")
