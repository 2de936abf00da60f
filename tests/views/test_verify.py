"""The views against the catalog: every kind of difference, made by hand, is counted as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from catalog.shelf import Shelf
from sqlalchemy import update
from views.made_up import clips, unit, without

from speaker_search.catalog.embeddings import UNKNOWN, EmbeddedClips
from speaker_search.catalog.tables import embeddings
from speaker_search.errors import IndexUnusableError
from speaker_search.views import characters, storage
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import lists
from speaker_search.views.clip_index.clip_index import of_columns
from speaker_search.views.clip_index.columns import Columns, join, ordered
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.snapshot import Snapshot, follow, save
from speaker_search.views.verify import Comparison, compare, verify

LISTS = Plan("ivf", 4, 4, "by hand")
TRUTH = clips(range(1, 41), 1)


def catalog(truth: Columns = TRUTH) -> Iterator[EmbeddedClips]:
    """What the catalog holds, by id and in parts."""
    by_id = truth.take(np.argsort(truth.ids))
    for rows in np.array_split(np.arange(len(by_id)), 3):
        part = by_id.take(rows)
        yield EmbeddedClips(part.ids, part.characters, part.games, part.seconds, part.vectors.astype(np.float32))


def of(held: Columns, kind: str) -> Snapshot:
    """A snapshot of these clips, either all in one segment or the last of them in a tail."""
    if kind == "tail":
        first, late = held.take(held.ids <= 20), held.take(held.ids > 20)
        before = Snapshot(of_columns(first, 0), characters.of_clips(first, 0))
        delta = Delta(1, first.take(np.arange(0)), late)
        return Snapshot(before.clips.apply(delta), before.characters.apply(delta))
    made = lists.build(held, LISTS) if kind == "ivf" and len(held) else None
    return Snapshot(of_columns(held, 0, made), characters.of_clips(held, 0))


def other(truth: Columns, id_: int, **change: object) -> Columns:
    """The same clips, but one of them with another label, length or vector."""
    columns = {name: np.array(getattr(truth, name)) for name in ("characters", "games", "seconds", "vectors")}
    for name, value in change.items():
        columns[name][truth.ids == id_] = value
    return ordered(replace(truth, **columns))


kinds = pytest.mark.parametrize("kind", ["flat", "ivf", "tail"])


@kinds
class TestCompare:
    def test_views_of_what_the_catalog_holds_are_equal_to_it(self, kind: str) -> None:
        assert compare(of(TRUTH, kind), catalog()) == Comparison(40, 0, 0, 0)

    def test_a_clip_that_the_views_lack_is_missing(self, kind: str) -> None:
        assert compare(of(without(TRUTH, [1, 30]), kind), catalog()) == Comparison(38, 2, 0, 0)

    def test_a_clip_that_the_catalog_lacks_is_extra(self, kind: str) -> None:
        assert compare(of(TRUTH, kind), catalog(without(TRUTH, [1, 30]))) == Comparison(40, 0, 2, 0)

    def test_a_clip_that_is_twice_in_the_views_is_extra(self, kind: str) -> None:
        twice = ordered(join([TRUTH, TRUTH.take(TRUTH.ids == 30)]))
        assert compare(of(twice, kind), catalog()) == Comparison(41, 0, 1, 0)

    @pytest.mark.parametrize("id_", [1, 30])
    @pytest.mark.parametrize("change", ["vector", "sign of nought", "character", "unknown", "game", "length"])
    def test_a_clip_with_another_label_length_or_vector_is_different(self, kind: str, id_: int, change: str) -> None:
        as_held = {
            "vector": {"vectors": unit(1, 9)[0]},
            "sign of nought": {"vectors": np.negative(np.zeros(8))},
            "character": {"characters": 999},
            "unknown": {"characters": UNKNOWN},
            "game": {"games": 999},
            "length": {"seconds": 99.0},
        }[change]
        truth = TRUTH
        if change == "sign of nought":
            truth = other(TRUTH, id_, vectors=np.zeros(8))
        if change == "unknown":
            truth = other(TRUTH, id_, characters=998)
        held = other(truth, id_, **as_held)
        assert compare(of(held, kind), catalog(truth)) == Comparison(40, 0, 0, 1)

    def test_two_clips_with_each_others_vectors_are_different(self, kind: str) -> None:
        one, two = (TRUTH.vectors[TRUTH.ids == id_][0] for id_ in (5, 30))
        swapped = other(other(TRUTH, 5, vectors=two), 30, vectors=one)
        assert compare(of(swapped, kind), catalog()) == Comparison(40, 0, 0, 2)

    def test_views_without_clips_lack_everything(self, kind: str) -> None:
        assert compare(of(TRUTH.take(np.arange(0)), kind), catalog()) == Comparison(0, 40, 0, 0)

    def test_every_kind_at_once_is_told_apart(self, kind: str) -> None:
        held = ordered(join([other(without(TRUTH, [1]), 30, vectors=unit(1, 9)[0]), clips([98, 99], 3)]))
        assert compare(of(held, kind), catalog()) == Comparison(41, 1, 2, 1)


@kinds
@pytest.mark.parametrize("field", ["sums", "counts", "milliseconds", "games", "moment", "ids"])
def test_characters_that_do_not_add_up_are_different(kind: str, field: str) -> None:
    snapshot = of(TRUTH, kind)
    wrong = getattr(snapshot.characters, field).copy()
    wrong.flat[-1] += 1
    wrong = replace(snapshot, characters=replace(snapshot.characters, **{field: wrong}))
    compared = compare(wrong, catalog())
    assert (compared.missing, compared.extra, compared.different > 0) == (0, 0, True)


def test_lists_that_hold_other_rows_than_the_segment_are_different() -> None:
    wrong = lists.build(other(TRUTH, 5, vectors=unit(1, 9)[0]), LISTS)
    snapshot = Snapshot(of_columns(TRUTH, 0, wrong), characters.of_clips(TRUTH, 0))
    assert compare(snapshot, catalog()).different == 1


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
class TestVerify:
    def test_the_views_are_verified_as_they_would_be_opened_now(self, shelf: Shelf, tmp_path: Path) -> None:
        space = shelf.opened_space()
        shelf.scan(*map(shelf.clip, "abc"))
        shelf.embed("a", "b")
        found = verify(shelf.catalog, space, tmp_path)  # where nothing was ever kept
        assert (found.ok, found.index) == (True, Comparison(2, 0, 0, 0))
        assert (found.clips.embedded, found.clips.pending, found.clips.refused) == (2, 1, 0)
        save(tmp_path, follow(shelf.catalog, space, None), shelf.catalog.uuid, space)
        shelf.embed("c")
        found = verify(shelf.catalog, space, tmp_path)
        assert (found.ok, found.index) == (True, Comparison(3, 0, 0, 0))

    def test_kept_views_that_are_wrong_are_not_ok(self, shelf: Shelf, tmp_path: Path) -> None:
        space = shelf.opened_space()
        shelf.scan(*map(shelf.clip, "abc"))
        shelf.embed_all()
        whole = follow(shelf.catalog, space, None)
        a = whole.clips.held(np.array([shelf.ids()["a"]]))
        lacking = Delta(whole.position, a, a.take(np.arange(0)))
        wrong = Snapshot(whole.clips.apply(lacking), whole.characters.apply(lacking))
        save(tmp_path, wrong, shelf.catalog.uuid, space)
        found = verify(shelf.catalog, space, tmp_path)
        assert (found.ok, found.index) == (False, Comparison(2, 1, 0, 0))

    def test_damaged_views_cannot_be_verified(self, shelf: Shelf, tmp_path: Path) -> None:
        space = shelf.opened_space()
        save(tmp_path, follow(shelf.catalog, space, None), shelf.catalog.uuid, space)
        version = storage.in_use(tmp_path)
        assert version is not None
        version.path("tail.npz").write_bytes(b"")
        with pytest.raises(IndexUnusableError, match="damaged"):
            verify(shelf.catalog, space, tmp_path)

    def test_a_large_catalogs_labels_are_all_compared_and_its_vectors_sampled(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        space = shelf.opened_space()
        shelf.scan(*map(shelf.clip, "abcde"))
        shelf.embed_all()
        whole, ids = follow(shelf.catalog, space, None), shelf.ids()

        def verified(held: Columns, *, deep: bool = False) -> tuple[int, Comparison]:
            views = Snapshot(of_columns(held, whole.position), characters.of_clips(held, whole.position))
            save(tmp_path, views, shelf.catalog.uuid, space)
            found = verify(shelf.catalog, space, tmp_path, deep=deep, sampled=2)
            assert found.ok == (found.index == Comparison(5, 0, 0, 0))
            return found.compared, found.index

        own = whole.clips.all()
        assert verified(own) == (2, Comparison(5, 0, 0, 0))
        assert verified(without(own, [ids["c"]])) == (2, Comparison(4, 1, 0, 0))
        assert verified(other(own, ids["c"], seconds=99.0)) == (2, Comparison(5, 0, 0, 1))
        _, more = verified(ordered(join([own, replace(own.take(slice(0, 1)), ids=np.array([999]))])))
        assert (more.missing, more.extra) == (0, 1)
        assert verified(other(own, ids["a"], vectors=-own.vectors[0]))[1].different == 1  # in the sample
        beyond = other(own, ids["c"], vectors=-own.vectors[0])
        assert verified(beyond)[1].different == 0
        assert verified(beyond, deep=True) == (5, Comparison(5, 0, 0, 1))

    def test_a_damaged_vector_is_named_and_not_missing(self, shelf: Shelf, tmp_path: Path) -> None:
        space = shelf.opened_space()
        shelf.scan(*map(shelf.clip, "abcde"))
        shelf.embed_all()
        damaged = update(embeddings).where(embeddings.c.clip_id == shelf.ids()["c"])
        with shelf.catalog.write() as connection:
            connection.execute(damaged.values(vector=bytes(4 * space.dim)))
        found = verify(shelf.catalog, space, tmp_path, sampled=2)
        assert (found.ok, found.index.missing, [one.id for one in found.unusable]) == (False, 0, [shelf.ids()["c"]])
