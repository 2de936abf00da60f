"""The change log: a reader that follows it sees every embedding once, however many write."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import pytest
from catalog.shelf import POURED, Shelf

from speaker_search.catalog import embedding, storing
from speaker_search.catalog.storing import Outcome

WRITERS = 3


class Follower:
    """Replays the log as the index does, and holds what it was told."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.reached = 0
        self.told: list[int] = []
        self.held: dict[int, bytes] = {}

    def replay(self) -> None:
        space = self.shelf.opened_space()
        with self.shelf.catalog.read() as connection:
            for id_ in embedding.removed_between(connection, space.id, self.reached, space.changes).tolist():
                self.held.pop(id_, None)
            for ids, vectors in embedding.embedded_between(connection, space, self.reached, space.changes):
                self.told += ids.tolist()
                self.held.update(zip(ids.tolist(), (vector.tobytes() for vector in vectors), strict=True))
        self.reached = space.changes

    def replay_while(self, writing: list[Future[None]]) -> None:
        while not all(future.done() for future in writing):
            self.replay()
        for future in writing:
            future.result()
        self.replay()


def truth(shelf: Shelf) -> dict[int, bytes]:
    with shelf.catalog.read() as connection:
        held = embedding.vectors_of(connection, shelf.opened_space(), list(shelf.ids().values()))
    return {id_: vector.tobytes() for id_, vector in held.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_follower_of_several_writers_is_told_of_each_clip_once(shelf: Shelf, seed: int) -> None:
    """A plain high-water mark loses rows here: one writer's numbers may be seen before another's lower ones."""
    count = 360
    shelf.scan(clips=(shelf.clip(f"{n}") for n in range(count)))
    ids = np.random.default_rng(seed).permutation(sorted(shelf.ids().values())).tolist()
    vectors = dict(zip(ids, shelf.vectors(count, seed), strict=True))

    def write(number: int) -> None:
        rng = np.random.default_rng([seed, number])
        mine = ids[number::WRITERS] + ids[(number + 1) % WRITERS :: 2 * WRITERS]  # some of another's too
        while mine:
            size = int(rng.integers(1, 25))
            outcomes = [Outcome(id_, 1.0, vectors[id_]) for id_ in mine[:size]]
            storing.store(shelf.catalog, shelf.space, outcomes)
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
        for seed in range(40):
            shelf.embed_all(seed=seed)

    def change() -> None:
        for size in range(200, 215):
            shelf.scan(*(shelf.clip(name, size=size) for name in names[:20]), *map(shelf.clip, names[20:]))

    follower = Follower(shelf)
    with ThreadPoolExecutor(2) as pool:
        follower.replay_while([pool.submit(write), pool.submit(change)])
    shelf.embed_all(seed=99)
    follower.replay()
    assert follower.held == truth(shelf)
    assert len(follower.held) == len(names)


def test_a_number_is_not_seen_before_all_lower_ones(shelf: Shelf) -> None:
    """The second writer has to wait for the first, which took its numbers and has not committed."""
    shelf.scan(*map(shelf.clip, "ab"))
    shelf.embed("a")
    follower = Follower(shelf)
    follower.replay()
    ids = shelf.ids()
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as first:
            embedding.remove_embeddings(first, [ids["a"]])  # number 2
            second = pool.submit(shelf.embed, "b")  # number 3
            assert not wait([second], timeout=0.3).done
            follower.replay()
            assert follower.reached == 1
            assert follower.held.keys() == {ids["a"]}
        second.result()
    follower.replay()
    assert follower.reached == 3
    assert follower.held.keys() == {ids["b"]}


def test_the_log_is_read_in_its_order_and_between_its_ends(shelf: Shelf) -> None:
    shelf.scan(*map(shelf.clip, "abcd"))
    for name in "cadb":
        shelf.embed(name)
    space, ids = shelf.opened_space(), shelf.ids()
    with shelf.catalog.read() as connection:
        parts = list(embedding.embedded_between(connection, space, 1, 3))
        assert [ids_.tolist() for ids_, _ in parts] == [[ids["a"], ids["d"]]]
        assert list(embedding.embedded_between(connection, space, 4, 4)) == []


def test_a_log_longer_than_one_read_is_read_whole(shelf: Shelf) -> None:
    vectors = shelf.pour(embedding.ROWS_PER_READ + 1)
    follower = Follower(shelf)
    follower.replay()
    assert follower.told == list(range(POURED, POURED + len(vectors)))
    assert follower.held == {id_: vector.tobytes() for id_, vector in enumerate(vectors, POURED)}


def test_removals_are_logged_in_each_space_that_held_the_clip_and_in_no_other(shelf: Shelf) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(*map(shelf.clip, "ab"), space=space)
    shelf.embed("a", "b")
    shelf.embed("b", space=other)
    ids = shelf.ids()
    with shelf.catalog.write() as connection:
        embedding.remove_embeddings(connection, list(ids.values()))
    with shelf.catalog.read() as connection:
        first, second = (shelf.opened_space(space).changes for space in (shelf.space, other))
        assert sorted(embedding.removed_between(connection, shelf.space, 0, first)) == sorted(ids.values())
        assert embedding.removed_between(connection, other, 0, second).tolist() == [ids["b"]]
    assert (first, second) == (4, 2)
