"""Workers and scans side by side on PostgreSQL: who waits for whom, and that nobody waits for ever.

SQLite has one writer at a time, so there is nothing to see there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from catalog.conftest import PATIENCE_S
from catalog.shelf import DIM, Shelf, replayed
from sqlalchemy import Connection, delete, insert, update

from speaker_search.catalog import duplicates, log, queue, tables
from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import stored
from speaker_search.catalog.log import Change
from speaker_search.catalog.rows import IDS_PER_STATEMENT
from speaker_search.catalog.scans.enqueue import enqueue
from speaker_search.sources import Candidate

UntilBlocked = Callable[[Catalog, int], list[str]]


@pytest.fixture
def shelf(postgres_shelf: Shelf) -> Shelf:
    return postgres_shelf


def embed_unnumbered(connection: Connection, shelf: Shelf, clip_id: int) -> None:
    """What a store does to a clip before it takes its number in the log."""
    lock_clips(connection, {clip_id})
    connection.execute(tables.queue.delete().where(tables.queue.c.clip_id == clip_id))
    row = {"encoder_id": shelf.space, "clip_id": clip_id, "vector": stored(np.ones(DIM, np.float32))}
    connection.execute(insert(tables.embeddings).values(row))


def test_workers_do_not_wait_for_each_others_embeddings(shelf: Shelf) -> None:
    """Each used to lock the whole space before it wrote its first row, so that all workers wrote one after another."""
    shelf.scan(*map(shelf.clip, "abcd"))
    ids = shelf.ids()
    with ThreadPoolExecutor(1) as pool, shelf.catalog.write() as connection:
        embed_unnumbered(connection, shelf, ids["b"])
        pool.submit(shelf.embed, "a", "c").result(PATIENCE_S)
        assert pool.submit(shelf.state).result(PATIENCE_S) == {
            "a": "embedded",
            "b": "pending",
            "c": "embedded",
            "d": "pending",
        }
        log.append(connection, [Change(shelf.space, "embedded", ids["b"], None, None)])
    assert [entry.clip_id for entry in shelf.log()] == [ids["a"], ids["c"], ids["b"]]


def test_a_worker_that_waits_for_a_clip_keeps_nobody_else_waiting(shelf: Shelf, until_blocked: UntilBlocked) -> None:
    """It used to hold its space's lock while it waited."""
    shelf.scan(*map(shelf.clip, "abc"))
    ids = shelf.ids()
    with ThreadPoolExecutor(2) as pool:
        with shelf.catalog.write() as connection:
            lock_clips(connection, {ids["b"]})
            storing = pool.submit(shelf.embed, "b")
            until_blocked(shelf.catalog, 1)
            pool.submit(shelf.embed, "a", "c").result(PATIENCE_S)
        storing.result()
    assert [entry.clip_id for entry in shelf.log()] == [ids["a"], ids["c"], ids["b"]]


def test_a_worker_waits_only_for_the_numbering(shelf: Shelf, until_blocked: UntilBlocked) -> None:
    shelf.scan(*map(shelf.clip, "ab"))
    ids = shelf.ids()
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            embed_unnumbered(connection, shelf, ids["a"])
            log.append(connection, [Change(shelf.space, "embedded", ids["a"], None, None)])
            storing = pool.submit(shelf.embed, "b")
            (statement,) = until_blocked(shelf.catalog, 1)
            assert "FROM encoders" in statement
            assert "FOR NO KEY UPDATE" in statement
        storing.result()
    assert [entry.clip_id for entry in shelf.log()] == [ids["a"], ids["b"]]


def test_clips_can_be_claimed_while_a_worker_takes_its_numbers(shelf: Shelf) -> None:
    shelf.scan(*map(shelf.clip, "abc"))
    with ThreadPoolExecutor(1) as pool, shelf.catalog.write() as connection:
        embed_unnumbered(connection, shelf, shelf_id := min(pool.submit(shelf.ids).result(PATIENCE_S).values()))
        log.append(connection, [Change(shelf.space, "embedded", shelf_id, None, None)])
        claimed = pool.submit(shelf.waiting).result(PATIENCE_S)
    assert [clip.name for clip in claimed] == ["b", "c"]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_that_store_the_same_audio_at_the_same_time_end_with_one_clip(
    shelf: Shelf, until_blocked: UntilBlocked, workers: int
) -> None:
    """None of them can see what the others have not committed yet: they look once more when it is their turn."""
    paths = "abc"[:workers]
    shelf.scan(*map(shelf.clip, paths))
    with ThreadPoolExecutor(workers) as pool:
        with shelf.catalog.write() as connection:
            log.lock_all(connection)
            storing = [pool.submit(shelf.hear, **{path: "A"}) for path in paths]
            until_blocked(shelf.catalog, workers)  # each has written its embedding
        assert sum(each.result().merged for each in storing) == workers - 1
    assert list(shelf.state().values()) == ["embedded"]
    assert shelf.count("copies") == workers - 1
    assert replayed(shelf.log()) == shelf.embedded_characters()


def test_workers_of_two_encoders_that_merge_the_same_clips_do_not_lock_each_other_out(
    shelf: Shelf, until_blocked: UntilBlocked
) -> None:
    """One hears the older clip as the copy, the other the younger one."""
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(*map(shelf.clip, "ab"), space=space)
    with ThreadPoolExecutor(2) as pool:
        with shelf.catalog.write() as connection:
            log.lock_all(connection)
            storing = [pool.submit(shelf.hear, shelf.space, a="A"), pool.submit(shelf.hear, other, b="A")]
            until_blocked(shelf.catalog, 2)
        assert sum(each.result().merged for each in storing) == 1
    assert len(shelf.ids()) == 1
    for space in (shelf.space, other):
        shelf.embed_all(space)
        assert list(shelf.state(space).values()) == ["embedded"]
        assert replayed(shelf.log(space)) == shelf.embedded_characters(space)


def test_a_worker_and_a_scan_of_changed_files_do_not_lock_each_other_out(
    shelf: Shelf, until_blocked: UntilBlocked
) -> None:
    """Both lock clips in order of their ids, also when there are more than fit one statement."""
    names = [f"{number:05d}" for number in range(IDS_PER_STATEMENT + 1)]
    shelf.scan(clips=(shelf.clip(name) for name in names))
    shelf.embed(names[-1])
    scan_and_work(shelf, until_blocked, [shelf.clip(name, size=7) for name in names], names[500], [names[0]])


def test_a_worker_and_a_scan_of_relabelled_clips_do_not_lock_each_other_out(
    shelf: Shelf, until_blocked: UntilBlocked
) -> None:
    """A scan used to go by path and a worker by id, and each held what the other waited for."""
    for name in "zma":  # as files come one by one, so that ids are not in the order of paths
        shelf.scan(shelf.clip(name))
    scan_and_work(shelf, until_blocked, [shelf.clip(name, "B") for name in "amz"], "m", ["z", "a"])


def scan_and_work(
    shelf: Shelf, until_blocked: UntilBlocked, candidates: list[Candidate], held: str, embedded: list[str]
) -> None:
    """Hold a scan half way, at a clip that it wants to change, while a worker comes to store others."""
    with ThreadPoolExecutor(2) as pool:
        with shelf.catalog.write() as connection:
            connection.execute(update(tables.clips).where(tables.clips.c.path == held).values(seconds=1.0))
            scan = pool.submit(shelf.scan, *candidates)
            until_blocked(shelf.catalog, 1)
            work = pool.submit(shelf.embed, *embedded)
            until_blocked(shelf.catalog, 2)
        assert scan.result().new == 0
        work.result()


def test_a_scan_does_not_queue_a_clip_that_a_worker_has_just_given_a_vector(
    shelf: Shelf, until_blocked: UntilBlocked
) -> None:
    """A merge gives the older clip a vector in a space that knew nothing of it: it could be embedded and queued."""
    other = shelf.another_space()
    shelf.scan(*map(shelf.clip, "ab"))
    ids = shelf.ids()
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            lock_clips(connection, {ids["a"]})
            row = {"encoder_id": other, "clip_id": ids["a"], "vector": stored(np.ones(DIM, np.float32))}
            connection.execute(insert(tables.embeddings).values(row))
            scan = pool.submit(shelf.scan, *map(shelf.clip, "ab"), space=other)
            until_blocked(shelf.catalog, 1)
        scan.result()
    assert shelf.state(other) == {"a": "embedded", "b": "pending"}


def test_a_worker_that_merges_waits_for_a_scan_that_queues_the_clip(shelf: Shelf, until_blocked: UntilBlocked) -> None:
    """Both could queue the older clip for the other encoder, and the worker ended with an error of the database."""
    other = shelf.another_space()
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="A")
    second = Shelf(shelf.catalog, shelf.space, root=Path("/voices/second"))
    for space in (shelf.space, other):
        second.scan(shelf.clip("b"), space=space)
    a = shelf.ids()["a"]
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            lock_clips(connection, {a})
            enqueue(connection, other, [a])
            work = pool.submit(shelf.hear, b="A")
            until_blocked(shelf.catalog, 1)
        assert work.result().merged == 1
    assert shelf.state(other) == {"a": "pending"}


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_copy_that_another_scan_has_just_made_a_clip_is_left_to_it(
    shelf: Shelf, until_blocked: UntilBlocked, change: str
) -> None:
    """Whoever found the clip's own file gone or changed took the copy's place as well, and failed: it was taken."""
    shelf.scan(*map(shelf.clip, "ab"))
    shelf.hear(a="A", b="A")
    own = [shelf.clip("a", size=7)] if change == "changed" else []
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            (copy,) = connection.execute(delete(tables.copies).returning(tables.copies)).all()
            place = {name: getattr(copy, name) for name in ("root_id", "path", "character_id", "text")}
            place |= {"game_id": 1, "size": 8, "mtime_ns": 8, "gone": False}
            connection.execute(insert(tables.clips).values(place))
            scan = pool.submit(shelf.scan, *own, shelf.clip("b"))
            until_blocked(shelf.catalog, 1)
        scan.result()
    assert shelf.ids().keys() == {"a", "b"}
    assert shelf.count("copies") == 0
    assert shelf.state() == {"a": "embedded" if change == "gone" else "pending", "b": "pending"}


def test_a_clip_that_a_worker_makes_a_copy_while_a_scan_inserts_it_is_not_both(
    shelf: Shelf, until_blocked: UntilBlocked
) -> None:
    """The scan read the catalog before the clip was there. Afterwards its place was taken twice, and whoever heard it
    again failed.
    """
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="A")
    has_read, go_on = Event(), Event()

    def late() -> Iterator[Candidate]:
        yield shelf.clip("a")
        has_read.set()
        assert go_on.wait(PATIENCE_S)
        yield shelf.clip("b")

    with ThreadPoolExecutor(1) as pool:
        scan = pool.submit(shelf.scan, clips=late())
        assert has_read.wait(PATIENCE_S)
        shelf.scan(*map(shelf.clip, "ab"))
        a, b = (shelf.ids()[path] for path in "ab")
        with shelf.catalog.write() as connection:
            lock_clips(connection, {a, b})
            duplicates.merge(connection, {b: a})
            go_on.set()
            until_blocked(shelf.catalog, 1)
        scan.result()
    assert shelf.count("copies") == 0
    assert shelf.hear(b="A").merged == 1
    assert shelf.state() == {"a": "embedded"}
    assert shelf.count("copies") == 1


def test_freeing_a_dead_workers_clips_does_not_wait_for_one_that_is_stored_after_all(shelf: Shelf) -> None:
    """Two dead workers of two encoders had claimed the same clip: freeing one claim waited for the other."""
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.clip("a"), space=space)
        queue.Claims(shelf.catalog, space, machine="here", pid=1).claim(1)
    with ThreadPoolExecutor(1) as pool, shelf.catalog.write() as connection:
        connection.execute(delete(tables.queue).where(tables.queue.c.encoder_id == shelf.space))
        freed = pool.submit(queue.release, shelf.catalog, lambda _, __: True)
        assert freed.result(PATIENCE_S) == 1
    assert shelf.state(other) == {"a": "pending"}
    assert queue.release(shelf.catalog, lambda _, __: True) == 0
    assert shelf.count("workers") == 0
