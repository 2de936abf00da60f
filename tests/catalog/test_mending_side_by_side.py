"""Names mended on PostgreSQL while scans register clips and workers store vectors: who waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from catalog.conftest import PATIENCE_S
from catalog.mender import Mender
from catalog.shelf import Shelf, replayed
from sqlalchemy import update

from speaker_search.catalog.clips import lock_clips
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.mending.standing import lock_names
from speaker_search.catalog.scans import register
from speaker_search.catalog.tables import clips
from speaker_search.sources import Candidate

UntilBlocked = Callable[[Catalog, int], list[str]]


@pytest.fixture
def shelf(postgres_shelf: Shelf) -> Shelf:
    return postgres_shelf


@pytest.fixture
def mender(shelf: Shelf) -> Mender:
    shelf.scan(shelf.clip("1", "A"), shelf.clip("2", "B"))
    shelf.embed("1")
    return Mender(shelf.catalog)


def test_a_scan_that_began_before_a_merge_gives_its_clips_to_what_stands_now(
    shelf: Shelf, mender: Mender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first portion is registered before the merge, its second after it, and the games are merged after that."""
    monkeypatch.setattr(register, "ROWS_PER_TRANSACTION", 2)
    shelf.title = "other"
    shelf.scan(shelf.clip("9", "A"))
    shelf.title = "title"

    def candidates() -> Iterator[Candidate]:
        for place, path in enumerate("12345678"):
            if place == 4:
                mender.merge("character", 2, 1)
            if place == 6:
                mender.merge("game", 1, 2)
            yield shelf.clip(path, "AB"[place % 2])

    shelf.scan(clips=candidates(), there=["9"])
    assert {label[:2] for label in shelf.labels().values()} == {("other", "A")}
    shelf.embed_all()
    assert set(shelf.embedded_characters().values()) == {3}
    assert set(shelf.state().values()) == {"embedded"}
    assert replayed(shelf.log()) == shelf.embedded_characters()


def test_a_merge_waits_for_the_portion_that_a_scan_is_registering(
    shelf: Shelf, mender: Mender, until_blocked: UntilBlocked
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            lock_names(connection)
            merging = pool.submit(mender.merge, "character", 2, 1)
            (statement,) = until_blocked(shelf.catalog, 1)
            assert "pg_advisory_xact_lock(" in statement
            connection.execute(update(clips).where(clips.c.path == "1").values(character_id=2))
        merging.result(PATIENCE_S)
    assert {label[1] for label in shelf.labels().values()} == {"A"}


def test_a_merge_that_waits_for_a_worker_takes_the_clips_that_it_gave_the_character(
    shelf: Shelf, mender: Mender, until_blocked: UntilBlocked
) -> None:
    """The worker had locked a clip of the character, and another one with the same audio of an unknown speaker."""
    shelf.scan(shelf.clip("1", "A"), shelf.clip("2", "B"), shelf.clip("3", None))
    ids = shelf.ids()
    with ThreadPoolExecutor(1) as pool:
        with shelf.catalog.write() as connection:
            lock_clips(connection, {ids["2"], ids["3"]})
            merging = pool.submit(mender.merge, "character", 2, 1)
            until_blocked(shelf.catalog, 1)
            connection.execute(update(clips).where(clips.c.id == ids["3"]).values(character_id=2))
        merging.result(PATIENCE_S)
    assert [label[1] for label in shelf.labels().values()] == ["A", "A", "A"]


def test_workers_scans_and_edits_at_once_leave_a_whole_catalog(shelf: Shelf) -> None:
    mender, stop = Mender(shelf.catalog), Event()
    shelf.scan(*(shelf.clip(str(n), "AB"[n % 2]) for n in range(40)))

    def work() -> None:
        while not stop.is_set():
            waiting = [clip.name for clip in shelf.waiting(limit=7)]
            shelf.hear(**{name: "ABCD"[int(name) % 4] for name in waiting})

    def scan() -> None:
        for round_ in range(6):
            shelf.scan(*(shelf.clip(str(n), "AB"[n % 2], size=100 + (n % 5 == round_)) for n in range(40 + 5 * round_)))

    def mend() -> None:
        for _ in range(8):
            mender.undo(mender.merge("character", 2, 1))
        mender.merge("character", 2, 1)

    with ThreadPoolExecutor(3) as pool:
        working = pool.submit(work)
        done = [pool.submit(scan), pool.submit(mend)]
        try:
            for one in done:
                one.result(PATIENCE_S)
        finally:
            stop.set()
        working.result(PATIENCE_S)
    scan()
    assert {label[1] for label in shelf.labels().values()} == {"A"}
    assert replayed(shelf.log()) == shelf.embedded_characters()
