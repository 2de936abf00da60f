"""A clip is one worker's at a time, comes back when the worker dies, and is refused when it kills workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from catalog.conftest import PATIENCE_S
from catalog.shelf import Shelf
from sqlalchemy import update

from speaker_search.catalog import queue, tables
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import LEASE_S, MAX_KILLS, ClaimedClip, Claims
from speaker_search.catalog.spaces import count_clips
from speaker_search.entities import Refusal

HERE = "this machine"


def claims(shelf: Shelf, pid: int = 1) -> Claims:
    return Claims(shelf.catalog, shelf.space, machine=HERE, pid=pid)


def names(clips: list[ClaimedClip]) -> list[str]:
    return [clip.name for clip in clips]


def dies(shelf: Shelf, *pids: int) -> int:
    """Free what the workers had; how many clips came back."""
    return queue.release(shelf.catalog, lambda machine, pid: machine == HERE and pid in pids)


def lease_runs_out(shelf: Shelf) -> None:
    w = tables.workers
    with shelf.catalog.write() as connection:
        connection.execute(update(w).values(lease_until=w.c.lease_until - 2 * LEASE_S))


@pytest.fixture
def ten(shelf: Shelf) -> Shelf:
    shelf.scan(*(shelf.clip(f"{n}") for n in range(10)))
    return shelf


def test_what_one_worker_has_claimed_another_does_not_get(ten: Shelf) -> None:
    one, other = claims(ten, 1), claims(ten, 2)
    assert names(one.claim(4)) == list("0123")
    assert names(other.claim(4)) == list("4567")
    assert names(one.claim(4)) == list("89")
    assert other.claim(4) == []


def test_workers_that_claim_at_once_share_all_clips(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    shelf.scan(clips=(shelf.clip(f"{n:03}") for n in range(200)))

    def work() -> list[str]:
        own = claims(shelf)
        return [name for part in iter(lambda: own.claim(7), []) for name in names(part)]

    taken: list[list[str]] = all_at_once(work, 3)  # type: ignore[assignment]
    assert sorted(name for part in taken for name in part) == sorted(shelf.ids())


def test_claimed_clips_count_as_pending(ten: Shelf) -> None:
    claims(ten).claim(4)
    with ten.catalog.read() as connection:
        assert count_clips(connection, ten.space).pending == 10
        assert queue.left(connection, ten.space) == (10, 4)


def test_a_worker_that_leaves_gives_back_what_is_left_as_if_nothing_had_happened(ten: Shelf) -> None:
    one = claims(ten, 1)
    clips = one.claim(4)
    ten.store(Outcome(clips[0].id, refusal=Refusal.SILENT, detail="So."))
    one.leave()
    assert ten.count("workers") == 0
    assert names(claims(ten, 2).claim(100)) == list("123456789")
    assert set(ten.rows("queue.kills")) == {0}


def test_only_what_a_worker_was_working_on_when_it_died_is_suspect(ten: Shelf) -> None:
    one = claims(ten, 1)
    one.take_in_hand([clip.id for clip in one.claim(6)[:2]])
    assert dies(ten, 1) == 6
    other = claims(ten, 2)
    first, second = other.claim(100), other.claim(100)
    assert (names(first), names(second)) == (list("23456789"), list("01"))
    assert ({clip.suspect for clip in first}, {clip.suspect for clip in second}) == ({False}, {True})


def test_a_clip_that_three_workers_died_of_is_refused_and_its_neighbours_are_not(ten: Shelf) -> None:
    deaths = 0
    for pid in range(1, 100):
        own = claims(ten, pid)
        clips = own.claim(10)
        if not clips:
            break
        parts = [[clip] for clip in clips] if clips[0].suspect else [clips]
        for part in parts:
            own.take_in_hand([clip.id for clip in part])
            if "3" in names(part):
                dies(ten, pid)
                deaths += 1
                break
            ten.store(*(Outcome(clip.id, 1.0, ten.vectors(1, 0)[0]) for clip in part))
        else:
            own.leave()
    assert deaths == MAX_KILLS
    assert {name for name, state in ten.state().items() if state == "embedded"} == set("012456789")
    assert ten.state()["3"] == Refusal.KILLS_WORKER


def test_a_lease_that_ran_out_frees_the_clips_of_another_machine(ten: Shelf) -> None:
    Claims(ten.catalog, ten.space, machine="elsewhere", pid=1).claim(4)
    assert dies(ten, 1) == 0
    lease_runs_out(ten)
    assert dies(ten) == 4


def test_a_worker_that_renews_its_lease_keeps_its_clips(ten: Shelf) -> None:
    one = claims(ten)
    one.claim(4)
    lease_runs_out(ten)
    one.renew()
    assert dies(ten) == 0


def test_a_worker_given_up_for_dead_goes_on_with_new_clips(ten: Shelf) -> None:
    one = claims(ten, 1)
    first = one.claim(4)
    one.take_in_hand([clip.id for clip in first])
    dies(ten, 1)
    assert names(one.claim(4)) == list("4567")
    kept = ten.store(Outcome(first[0].id, 1.0, ten.vectors(1, 0)[0])).kept
    assert [outcome.clip_id for outcome in kept] == [first[0].id]  # nobody else had finished it
    assert ten.state()["0"] == "embedded"
    one.leave()
    assert ten.count("workers") == 0


def test_a_refused_clip_tried_again_starts_anew(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    for pid in range(MAX_KILLS):
        own = claims(shelf, pid)
        own.take_in_hand([clip.id for clip in own.claim(1)])
        dies(shelf, pid)
    assert shelf.state() == {"a": Refusal.KILLS_WORKER}
    shelf.scan(shelf.clip("a"), retry=True)
    assert shelf.state() == {"a": "pending"}
    assert shelf.rows("queue.kills") == [0]


def test_a_worker_that_has_left_does_nothing_more(ten: Shelf) -> None:
    """The thread that renews the lease used to come after the end, and listed the worker once more."""
    one = claims(ten)
    taken = one.claim(4)
    one.leave()
    one.renew()
    one.take_in_hand([clip.id for clip in taken])
    one.give_back()
    one.leave()
    assert one.claim(4) == []
    assert ten.count("workers") == 0
    assert set(ten.rows("queue.status")) == {"pending"}


def test_what_is_given_back_others_can_claim_while_the_worker_goes_on(ten: Shelf) -> None:
    one, other = claims(ten, 1), claims(ten, 2)
    one.claim(10)
    one.give_back()
    assert names(other.claim(4)) == list("0123")
    assert names(one.claim(10)) == list("456789")


def test_threads_that_find_their_worker_given_up_list_it_once(
    ten: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    """Each thread used to list the worker anew, and what was claimed under all but the last number stayed claimed."""
    one = claims(ten)
    for _ in range(5):
        dies(ten, 1)
        all_at_once(one.renew, 3)
        assert ten.count("workers") == 1


def test_a_worker_that_was_only_slow_gives_away_nothing_of_the_next_one(ten: Shelf) -> None:
    """SQLite gave the next worker the number of the one given up for dead, which then acted in its place."""
    slow = claims(ten, 1)
    slow.claim(4)
    dies(ten, 1)
    following = claims(ten, 2)
    assert len(following.claim(4)) == 4
    slow.leave()
    assert ten.rows("queue.status").count("claimed") == 4
    assert ten.rows("workers.pid") == [2]


def test_claims_that_threads_use_at_once_leave_nothing_behind(ten: Shelf) -> None:
    """The worker is given up for dead again and again meanwhile, as when its machine sleeps between two renewals."""
    one = claims(ten)
    given_up = Event()

    def often(work: Callable[[], object]) -> None:
        assert given_up.wait(PATIENCE_S)
        for _ in range(15):
            work()

    def work_on_clips() -> None:
        one.take_in_hand([clip.id for clip in one.claim(3)])
        one.take_in_hand([])

    with ThreadPoolExecutor(3) as pool:
        using = [pool.submit(often, work) for work in (work_on_clips, one.renew, lambda: one.claim(2))]
        while not all(each.done() for each in using):
            lease_runs_out(ten)
            dies(ten)
            given_up.set()
        for each in using:
            each.result()
    one.leave()
    dies(ten)
    assert ten.count("workers") == 0
    assert "claimed" not in ten.rows("queue.status")
    assert ten.count("queue") == 10
    assert one.claim(10) == []
    assert ten.count("workers") == 0
