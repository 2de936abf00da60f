"""The change log: what each change writes into it, and that a reader who follows it misses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from catalog.conftest import PATIENCE_S
from catalog.shelf import POURED, Shelf
from sqlalchemy import Connection, delete, insert, text

from speaker_search.catalog import embeddings, log, spaces, tables
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.log import Change
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.rows import ROWS_PER_READ
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.entities import Refusal
from speaker_search.errors import CatalogError
from speaker_search.sources import Candidate

WRITERS = 3


class Follower:
    """Follows the log as the product's views do: position, entries and embeddings are read in one `catalog.read()`."""

    def __init__(self, shelf: Shelf) -> None:
        self.catalog = shelf.catalog
        self.space = shelf.opened_space()
        self.reached = 0
        self.told: list[int] = []
        self.held: dict[int, bytes] = {}

    def replay(self) -> None:
        with self.catalog.read() as connection:
            until = spaces.position(connection, self.space, self.catalog.uuid)
            touched = log.touched_between(connection, self.space.id, self.reached, until)
            assert touched is not None
            parts = list(embeddings.embedded(connection, self.space, touched))
        for id_ in touched.tolist():
            self.held.pop(id_, None)
        for part in parts:
            self.held.update(zip(part.ids.tolist(), (vector.tobytes() for vector in part.vectors), strict=True))
        self.told += touched.tolist()
        self.reached = until

    def replay_while(self, writing: list[Future[None]]) -> None:
        while not all(future.done() for future in writing):
            self.replay()
        for future in writing:
            future.result()
        self.replay()


def truth(shelf: Shelf) -> dict[int, bytes]:
    space, ids = shelf.opened_space(), list(shelf.ids().values())
    with shelf.catalog.read() as connection:
        held = embeddings.vectors_of(connection, space, ids)
    return {id_: vector.tobytes() for id_, vector in held.items()}


@pytest.mark.parametrize("seed", range(2))
def test_a_follower_of_several_writers_is_told_of_each_clip_once(shelf: Shelf, seed: int) -> None:
    """A plain high-water mark loses rows here: one writer's numbers may be seen before another's lower ones."""
    count = 240
    shelf.scan(clips=(shelf.clip(f"{n}") for n in range(count)))
    ids = np.random.default_rng(seed).permutation(sorted(shelf.ids().values())).tolist()
    vectors = dict(zip(ids, shelf.vectors(count, seed), strict=True))

    def write(number: int) -> None:
        rng = np.random.default_rng([seed, number])
        mine = ids[number::WRITERS] + ids[(number + 1) % WRITERS :: 2 * WRITERS]  # some of another's too
        while mine:
            size = int(rng.integers(1, 25))
            shelf.store(*(Outcome(id_, 1.0, vectors[id_]) for id_ in mine[:size]))
            del mine[:size]

    follower = Follower(shelf)
    with ThreadPoolExecutor(WRITERS) as pool:
        follower.replay_while([pool.submit(write, number) for number in range(WRITERS)])
    assert sorted(follower.told) == sorted(ids)
    assert follower.held == truth(shelf) == {id_: vector.tobytes() for id_, vector in vectors.items()}


def test_a_follower_of_writers_and_removals_ends_with_what_the_catalog_holds(shelf: Shelf) -> None:
    names = [f"{n:03d}" for n in range(60)]
    shelf.scan(clips=(shelf.clip(name) for name in names))

    def write() -> None:
        for seed in range(20):
            shelf.embed_all(seed=seed)

    def change() -> None:
        for size in range(200, 208):
            shelf.scan(*(shelf.clip(name, size=size) for name in names[:20]), *map(shelf.clip, names[20:]))

    follower = Follower(shelf)
    with ThreadPoolExecutor(2) as pool:
        follower.replay_while([pool.submit(write), pool.submit(change)])
    shelf.embed_all(seed=99)
    follower.replay()
    assert follower.held == truth(shelf)
    assert len(follower.held) == len(names)


def test_a_number_is_not_seen_before_all_lower_ones(
    postgres_shelf: Shelf, until_blocked: Callable[[Catalog, int], list[str]]
) -> None:
    """The second writer has to wait for the first, which has taken its number and has not committed."""
    shelf = postgres_shelf
    shelf.scan(*map(shelf.clip, "ab"))
    shelf.embed("a")
    follower = Follower(shelf)
    follower.replay()
    ids = shelf.ids()
    with ThreadPoolExecutor(2) as pool:
        with shelf.catalog.write() as first:
            log.append(first, log.removals(first, [ids["a"]]))  # number 2
            embeddings.delete_embeddings(first, [ids["a"]])
            second = pool.submit(shelf.embed, "b")  # number 3
            until_blocked(shelf.catalog, 1)
            pool.submit(follower.replay).result(PATIENCE_S)
            assert follower.reached == 1
            assert follower.held.keys() == {ids["a"]}
        second.result()
    follower.replay()
    assert follower.reached == 3
    assert follower.held.keys() == {ids["b"]}


def test_a_plain_high_water_mark_loses_the_writer_that_commits_last_and_the_log_does_not(
    postgres_shelf: Shelf,
) -> None:
    """Both writers also take a number of a sequence, and a second reader asks for what is above the highest it saw."""
    shelf = postgres_shelf
    shelf.scan(*map(shelf.clip, "ab"))
    ids, (vector,) = shelf.ids(), shelf.vectors(1, 0)
    with shelf.catalog.write() as connection:
        connection.execute(text("CREATE TABLE plain (number BIGSERIAL, clip_id BIGINT)"))

    def embed(connection: Connection, clip_id: int) -> None:
        lock_clips(connection, {clip_id})
        connection.execute(text("INSERT INTO plain (clip_id) VALUES (:id)"), {"id": clip_id})
        connection.execute(delete(tables.queue).where(tables.queue.c.clip_id == clip_id))
        row = {"encoder_id": shelf.space, "clip_id": clip_id, "vector": embeddings.stored(vector)}
        connection.execute(insert(tables.embeddings).values(row))

    def number(connection: Connection, clip_id: int) -> None:
        log.append(connection, [Change(shelf.space, "embedded", clip_id, None, None)])

    def write(clip_id: int) -> None:
        with shelf.catalog.write() as connection:
            embed(connection, clip_id)
            number(connection, clip_id)

    def read_above(mark: int) -> list[tuple[int, int]]:
        above = text("SELECT number, clip_id FROM plain WHERE number > :mark ORDER BY number")
        with shelf.catalog.read() as connection:
            return [(row.number, row.clip_id) for row in connection.execute(above, {"mark": mark})]

    follower = Follower(shelf)
    with ThreadPoolExecutor(1) as pool, shelf.catalog.write() as first:
        embed(first, ids["a"])
        pool.submit(write, ids["b"]).result(PATIENCE_S)
        seen = pool.submit(read_above, 0).result(PATIENCE_S)
        pool.submit(follower.replay).result(PATIENCE_S)
        number(first, ids["a"])
    follower.replay()
    assert seen == [(2, ids["b"])]
    assert read_above(2) == []  # a has number 1, and was committed after 2 had been seen: it is never read
    assert follower.told == [ids["b"], ids["a"]]
    assert follower.held == truth(shelf)


def test_a_stretch_of_the_log_is_read_between_its_ends_and_only_if_it_is_whole(shelf: Shelf) -> None:
    shelf.scan(*map(shelf.clip, "abcd"))
    for name in "cadb":
        shelf.embed(name)
    ids = shelf.ids()
    with shelf.catalog.read() as connection:

        def touched(after: int, until: int) -> list[int] | None:
            found = log.touched_between(connection, shelf.space, after, until)
            return None if found is None else found.tolist()

        assert touched(1, 3) == [ids["a"], ids["d"]]
        assert touched(4, 4) == []
        assert touched(2, 5) is None


def test_a_space_of_another_catalog_has_no_position(shelf: Shelf) -> None:
    space = shelf.opened_space()
    with shelf.catalog.read() as connection, pytest.raises(CatalogError, match="was replaced by another one"):
        spaces.position(connection, space, "another catalog's")


def test_a_space_longer_than_one_read_is_read_whole(shelf: Shelf) -> None:
    vectors = shelf.pour(ROWS_PER_READ + 1)
    follower = Follower(shelf)
    follower.replay()
    assert follower.told == list(range(POURED, POURED + len(vectors)))
    assert follower.held == {id_: vector.tobytes() for id_, vector in enumerate(vectors, POURED)}
    with shelf.catalog.read() as connection:
        parts = list(embeddings.all_embedded(connection, follower.space))
    assert [len(part) for part in parts] == [ROWS_PER_READ, 1]
    assert np.array_equal(np.concatenate([part.ids for part in parts]), follower.told)
    assert np.array_equal(np.concatenate([part.vectors for part in parts]), vectors)


def in_two_spaces(shelf: Shelf, *candidates: Candidate) -> Iterator[int]:
    """Scan the same candidates for two spaces; the spaces."""
    for space in (shelf.space, shelf.another_space()):
        shelf.scan(*candidates, space=space)
        yield space


def test_an_embedding_is_logged_in_its_own_space_with_the_character(shelf: Shelf) -> None:
    first, other = in_two_spaces(shelf, shelf.clip("a", "Ann"), shelf.clip("b", None))
    shelf.embed("a", "b")
    a, b, ann = shelf.ids()["a"], shelf.ids()["b"], shelf.characters()["Ann"]
    assert shelf.log() == [Change(first, "embedded", a, None, ann), Change(first, "embedded", b, None, None)]
    assert shelf.log(other) == []


def test_a_removal_is_logged_in_each_space_that_held_the_clip_and_in_no_other(shelf: Shelf) -> None:
    """A view that kept sums by character needed the character a clip had: the old log said only that it was gone."""
    first, other = in_two_spaces(shelf, shelf.clip("a", "Ann"), shelf.clip("b", "Bob"))
    shelf.embed("a", "b")
    shelf.embed("b", space=other)
    shelf.scan()
    assert forget_gone(shelf.catalog) == 2
    ids = [entry.clip_id for entry in shelf.log()[:2]]
    ann, bob = (shelf.characters()[name] for name in ("Ann", "Bob"))
    assert shelf.log()[2:] == [Change(first, "removed", ids[0], ann, None), Change(first, "removed", ids[1], bob, None)]
    assert shelf.log(other)[1:] == [Change(other, "removed", ids[1], bob, None)]


def test_a_clip_embedded_anew_is_removed_and_embedded(shelf: Shelf) -> None:
    first, other = in_two_spaces(shelf, shelf.clip("a", "Ann"))
    shelf.embed("a")
    shelf.scan(shelf.clip("a", "Bob", size=7))
    shelf.embed("a")
    a, ann, bob = shelf.ids()["a"], shelf.characters()["Ann"], shelf.characters()["Bob"]
    assert shelf.log()[1:] == [Change(first, "removed", a, ann, None), Change(first, "embedded", a, None, bob)]
    assert shelf.log(other) == []


@pytest.mark.parametrize(("old", "new"), [("Ann", "Bob"), (None, "Ann"), ("Ann", None)])
def test_a_relabelled_clip_is_logged_with_its_old_and_new_character(
    shelf: Shelf, old: str | None, new: str | None
) -> None:
    """Relabelling used to raise one number of the whole catalog, and every profile was made anew."""
    first, other = in_two_spaces(shelf, shelf.clip("a", old), shelf.clip("b", "Ann"))
    shelf.embed("a", "b")
    shelf.embed("b", space=other)
    shelf.scan(shelf.clip("a", new), shelf.clip("b", "Ann"))
    who: dict[str | None, int | None] = {**shelf.characters(), None: None}
    assert shelf.log()[2:] == [Change(first, "relabelled", shelf.ids()["a"], who[old], who[new])]
    assert shelf.log(other)[1:] == []


@pytest.mark.parametrize("name", ["Ann", None])
def test_a_clip_that_moves_to_another_game_is_logged_even_if_nobody_knows_who_speaks(
    shelf: Shelf, name: str | None
) -> None:
    shelf.scan(shelf.clip("a", name))
    shelf.embed("a")
    old = shelf.log()[0].new_character_id
    shelf.title = "another"
    shelf.scan(shelf.clip("a", name))
    new = max(shelf.characters().values(), default=None)
    assert shelf.log()[1:] == [Change(shelf.space, "relabelled", shelf.ids()["a"], old, new)]
    assert (old != new) == (name is not None)


def test_nothing_is_logged_when_nothing_that_is_searched_changes(shelf: Shelf) -> None:
    """A corrected text used to raise the catalog's number as well, which had every profile made anew."""
    _, other = in_two_spaces(shelf, shelf.clip("a"), shelf.clip("b"), shelf.missing("c"))
    shelf.embed("a")
    before = shelf.log()
    shelf.scan(shelf.clip("a", text="Hello."), shelf.clip("b", "B"), shelf.missing("c"))  # b is not embedded yet
    shelf.scan(shelf.clip("a", text="Hello."), shelf.clip("b", "B"), shelf.missing("c"))
    shelf.scan(shelf.clip("b", "B"))  # a is gone, and kept
    shelf.scan(shelf.clip("a", text="Hello."), shelf.clip("b", "B"))
    shelf.embed("a")  # it does not wait
    assert (shelf.log(), shelf.log(other)) == (before, [])


def test_a_relabelling_that_two_scans_find_is_logged_once(shelf: Shelf) -> None:
    """The second scan read the catalog before the first one wrote to it."""
    shelf.scan(shelf.clip("a", "Ann"))
    shelf.embed("a")

    def late() -> Iterator[Candidate]:
        Shelf(shelf.catalog, shelf.space).scan(shelf.clip("a", "Bob"))
        yield shelf.clip("a", "Bob")

    shelf.scan(clips=late())
    ann, bob = shelf.characters()["Ann"], shelf.characters()["Bob"]
    assert shelf.log()[1:] == [Change(shelf.space, "relabelled", shelf.ids()["a"], ann, bob)]


def test_a_refusal_takes_no_number(shelf: Shelf) -> None:
    shelf.scan(*map(shelf.clip, "abc"))
    a, b, c = (shelf.ids()[path] for path in "abc")
    refused = [Outcome(id_, refusal=Refusal.SILENT, detail="Silent.") for id_ in (a, c)]
    shelf.store(refused[0], Outcome(b, 1.0, shelf.vectors(1, 0)[0]), refused[1])
    assert [entry.clip_id for entry in shelf.log()] == [b]
    shelf.scan(*map(shelf.clip, "abc"), retry=True)
    shelf.store(*refused)
    assert shelf.position() == 1


def test_a_merge_removes_one_clip_and_relabels_the_other(shelf: Shelf) -> None:
    """The clip that stays learns who speaks from its copy; merging used to say nothing of that to the profiles."""
    first, other = in_two_spaces(shelf, shelf.clip("a", None))
    for space in (first, other):
        shelf.hear(space, a="A")
    own = Shelf(shelf.catalog, other, root=Path("/voices/second"))
    own.scan(own.clip("b", "Ann"))
    own.embed("b")  # in the other space, with no fingerprint
    own.scan(own.clip("b", "Ann"), space=first)
    a, b, ann = shelf.ids()["a"], shelf.ids()["b"], shelf.characters()["Ann"]
    assert shelf.hear(first, b="A").merged == 1
    assert shelf.log(first)[1:] == [Change(first, "relabelled", a, None, ann)]
    assert shelf.log(other)[1:] == [
        Change(other, "embedded", b, None, ann),
        Change(other, "relabelled", a, None, ann),
        Change(other, "removed", b, ann, None),
    ]
