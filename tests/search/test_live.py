"""One space open for questions: kept up to date beside them, and never in their way."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest
from search.filling import around, fill, forget, some_voices, units
from sqlalchemy import Connection
from standin import DIM, StandInEncoder
from views.made_up import assert_same

from speaker_search.catalog import log
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.catalog.log import Change
from speaker_search.errors import CatalogError
from speaker_search.library import Library
from speaker_search.search.answering import answer
from speaker_search.search.live import SAVE_AFTER_CHANGES, SCORES, Live
from speaker_search.search.profiles import build_profiles
from speaker_search.search.query import Page, Query
from speaker_search.settings import Settings
from speaker_search.views import storage
from speaker_search.views.clip_index.clip_index import TAIL_ROWS
from speaker_search.views.snapshot import follow, load
from speaker_search.views.storage import folder_of

PATIENCE_S = 60.0  # before a test that waits for something fails
VOICES = some_voices(games=4, characters=5, clips=3)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def until(happens: Callable[[], bool]) -> None:
    """Look again and again until something is so."""
    give_up = time.monotonic() + PATIENCE_S
    pause = Event()
    while not happens():
        assert time.monotonic() < give_up, "It never happened."
        pause.wait(0.01)


def line(seed: int) -> np.ndarray:
    return units(np.random.default_rng(seed).standard_normal(DIM))


def late(seed: int = 1, clips: int = 3) -> dict[str, dict[str | None, np.ndarray]]:
    """A game that was not there before, with one character."""
    return {f"maker0/late{seed}": {f"x{seed}": around(line(seed), clips, np.random.default_rng(seed))}}


def nearest(catalog: Catalog, live: Live, seed: int) -> str:
    """The game of the clip nearest to a line."""
    found = answer(catalog, live.ready, Query(line(seed), 1, None), by="clip", page=Page(1))
    (match,) = found.matches
    return match.character.game.title if match.character else ""


class Gated(Catalog):
    """A catalog whose readers wait while its gate is closed."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog.engine, catalog.uuid)
        self.open = Event()
        self.open.set()
        self.somebody_waits = Event()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if not self.open.is_set():
            self.somebody_waits.set()
            assert self.open.wait(PATIENCE_S)
        with super().read() as connection:
            yield connection


class Slow(Live):
    """Folding and calibrating wait until they may go on, as they take seconds or minutes in a large catalog."""

    may_fold, may_calibrate = Event(), Event()
    folding, calibrating = Event(), Event()

    @classmethod
    def held_up(cls, library: Library, folder: Path, part: str) -> Slow:
        cls.may_fold, cls.may_calibrate, cls.folding, cls.calibrating = (Event() for _ in range(4))
        (cls.may_calibrate if part == "folding" else cls.may_fold).set()
        return cls(library.catalog, library.space, folder)

    def go_on(self) -> None:
        self.may_fold.set()
        self.may_calibrate.set()

    def _fold(self) -> None:
        self.folding.set()
        assert self.may_fold.wait(PATIENCE_S)
        super()._fold()

    def _calibrate(self) -> None:
        self.calibrating.set()
        assert self.may_calibrate.wait(PATIENCE_S)
        super()._calibrate()


@pytest.fixture
def folder(library: Library) -> Path:
    fill(library, VOICES)
    return folder_of(library.settings.home, library.catalog.uuid, library.space)


@pytest.fixture
def live(library: Library, folder: Path) -> Iterator[Live]:
    opened = Live(library.catalog, library.space, folder)
    yield opened
    opened.close()


# -- following ---------------------------------------------------------------------------------------------------


def test_a_new_clip_is_found_without_anybody_asking_for_it(library: Library, live: Live) -> None:
    live.start()
    assert nearest(library.catalog, live, 1) != "late1"
    fill(library, late(1))
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    assert live.problem is None


@on_sqlite
def test_after_a_refresh_all_is_as_if_made_anew(library: Library, live: Live) -> None:
    live.start()
    for seed in range(1, 4):
        forget(library, min(fill(library, late(seed))))
        live.refresh()
        ready = live.ready
        assert_same(ready.snapshot, follow(library.catalog, library.space, None))
        assert ready.profiles.position == ready.snapshot.position
        assert same_profiles(ready.profiles, build_profiles(ready.snapshot))


def same_profiles(one: object, other: object) -> bool:
    def parts(of: object) -> Iterator[object]:
        for value in vars(of).values():
            yield value.tolist() if isinstance(value, np.ndarray) else value

    return list(parts(one)) == list(parts(other))


@on_sqlite
def test_scores_are_calibrated_beside_the_searches_once_things_settle(library: Library, live: Live) -> None:
    live.start()
    fill(library, late(1))
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position > sum_of_clips(VOICES))
    assert same_profiles(live.ready.profiles, build_profiles(live.ready.snapshot))


def sum_of_clips(voices: dict[str, dict[str | None, np.ndarray]]) -> int:
    return sum(len(clips) for cast in voices.values() for clips in cast.values())


@on_sqlite
def test_what_was_ready_stays_as_it_was(library: Library, live: Live) -> None:
    before = live.ready
    query = Query(line(1), 1, None)
    answered = answer(library.catalog, before, query)
    fill(library, late(1))
    live.refresh()
    assert live.ready is not before
    assert answer(library.catalog, before, query).matches == answered.matches


# -- nobody waits ------------------------------------------------------------------------------------------------


def test_a_search_is_answered_while_a_step_along_the_log_is_under_way(library: Library, folder: Path) -> None:
    gated = Gated(library.catalog)
    live = Live(gated, library.space, folder)
    gated.open.clear()
    live.start()
    assert gated.somebody_waits.wait(PATIENCE_S)
    fill(library, late(1))
    assert nearest(library.catalog, live, 1) != "late1"  # from what is ready
    gated.open.set()
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    live.close()


@on_sqlite
@pytest.mark.parametrize("part", ["folding", "calibrating"])
def test_a_search_is_answered_and_clips_are_followed_during_upkeep(library: Library, folder: Path, part: str) -> None:
    live = Slow.held_up(library, folder, part)
    live.start()
    fill(library, late(1))
    assert getattr(live, part).wait(PATIENCE_S)
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    fill(library, late(2))
    until(lambda: nearest(library.catalog, live, 2) == "late2")
    assert live.ready.profiles.position < live.ready.snapshot.position
    assert live.ready.profiles.character_ids.tolist() == live.ready.snapshot.characters.ids.tolist()
    live.go_on()
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position)
    live.close()


@on_sqlite
def test_two_never_calibrate_at_once_so_that_an_older_result_cannot_replace_a_newer(
    library: Library, folder: Path
) -> None:
    live = Slow.held_up(library, folder, "calibrating")
    live.start()
    fill(library, late(1))
    assert live.calibrating.wait(PATIENCE_S)
    live.calibrating.clear()
    fill(library, late(2))
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(live.refresh)
        until(lambda: nearest(library.catalog, live, 2) == "late2")
        assert not live.calibrating.wait(0.2)
        live.go_on()
        refreshing.result()
    assert live.ready.profiles.position == live.ready.snapshot.position
    live.close()


@on_sqlite
def test_an_index_with_a_long_tail_is_folded_beside_the_searches_and_kept(library: Library, live: Live) -> None:
    before = live.ready.snapshot.clips.segment
    live.start()
    fill(library, late(1, clips=TAIL_ROWS + 1))
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    until(lambda: len(live.ready.snapshot.clips.tail) == 0)
    assert live.ready.snapshot.clips.segment is not before
    assert nearest(library.catalog, live, 1) == "late1"
    folder = folder_of(library.settings.home, library.catalog.uuid, library.space)
    until(lambda: kept_position(folder) == live.ready.snapshot.position)


@on_sqlite
def test_closing_ends_the_threads_whatever_they_are_about(library: Library, folder: Path) -> None:
    before = set(threading.enumerate())
    for number in range(8):
        live = Live(library.catalog, library.space, folder)
        live.start()
        assert len(set(threading.enumerate()) - before) == 2
        if number % 2:
            fill(library, late(number))
            live.refresh()
        live.close()
        assert set(threading.enumerate()) == before
    live.close()
    assert nearest(library.catalog, live, 7) == "late7"  # what is ready can still be asked


# -- many at once ------------------------------------------------------------------------------------------------


def test_searches_on_eight_threads_see_no_error_and_in_the_end_the_new_clips(library: Library) -> None:
    fill(library, VOICES)
    new = late(50)

    def search(number: int) -> int:
        give_up = time.monotonic() + PATIENCE_S
        searches = 0
        while time.monotonic() < give_up:
            by_clip = library.search_like(embedding=line(50).tolist(), by="clip", page=Page(5))
            by_character = library.search_like(embedding=line(number).tolist(), page=Page(5))
            assert len(by_clip.matches) == len(by_character.matches) == 5
            searches += 1
            if by_clip.matches[0].character and by_clip.matches[0].character.name == "x50":
                return searches
        raise AssertionError("The new clips were never found.")

    with ThreadPoolExecutor(8) as pool:
        searching = [pool.submit(search, number) for number in range(8)]
        for seed in range(1, 3):
            clips = fill(library, late(seed))
            forget(library, min(clips))
        fill(library, new)
        for each in searching:
            assert each.result() > 0
    library.refresh()
    ready = library.ready
    assert_same(ready.snapshot, follow(library.catalog, library.space, None))
    assert same_profiles(ready.profiles, build_profiles(ready.snapshot))


def test_more_clients_than_there_are_connections_are_all_answered(library: Library) -> None:
    fill(library, VOICES)
    clients = 40
    assert clients > library.catalog.engine.pool.size() + library.catalog.engine.pool._max_overflow
    characters = library.ready.profiles.character_ids.tolist()
    clips = library.ready.snapshot.clips.all().ids.tolist()
    start = Barrier(clients + 1)

    def ask(number: int) -> list[int]:
        start.wait(PATIENCE_S)
        return [
            len(library.search_like(characters=[characters[number % len(characters)]], page=Page(3)).matches),
            len(library.search_like(clips=[clips[number]], by="clip", page=Page(3)).matches),
            len(library.similar(characters[number % len(characters)], page=Page(3)).matches),
            len(library.search_like(clips=[clips[number]], by="voice", page=Page(3)).matches),
        ]

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask, number) for number in range(clients)]
        start.wait(PATIENCE_S)
        for seed in range(1, 5):
            fill(library, late(seed))
        assert [each.result(PATIENCE_S) for each in asking] == [[3, 3, 3, 3]] * clients


# -- what is kept ------------------------------------------------------------------------------------------------


@on_sqlite
def test_views_are_kept_when_there_would_be_much_to_follow(library: Library, folder: Path) -> None:
    first = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == first.ready.snapshot.position
    fill(library, late(1))
    second = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == first.ready.snapshot.position < second.ready.snapshot.position
    assert kept_position(folder / SCORES) == second.ready.snapshot.position
    again = Change(library.space.id, "relabelled", int(second.ready.snapshot.clips.all().ids[0]), None, None)
    with library.catalog.write() as connection:
        log.append(connection, [again] * SAVE_AFTER_CHANGES)
    third = Live(library.catalog, library.space, folder)
    assert kept_position(folder) == third.ready.snapshot.position
    assert_same(third.ready.snapshot, loaded(library, folder))


def kept_position(folder: Path) -> int:
    version = storage.in_use(folder)
    assert version is not None
    return version.stamp.position


def loaded(library: Library, folder: Path) -> object:
    return load(folder, library.catalog.uuid, library.space)


@on_sqlite
def test_views_of_a_catalog_put_back_from_a_copy_are_kept_at_once(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    """Or the next start, when the log has grown past theirs, would follow on from the wrong ones."""
    url, space = library.catalog.engine.url, library.space
    library.catalog.close()
    shutil.copy(str(url.database), tmp_path / "copy.db")
    fill(library, late(1))
    Live(library.catalog, space, folder).save()
    library.catalog.close()
    shutil.copy(tmp_path / "copy.db", str(url.database))
    restored = open_catalog(url)
    Live(restored, space, folder)
    restored.close()
    fill(library, late(2, clips=5))
    after = Live(library.catalog, space, folder)
    assert_same(after.ready.snapshot, follow(library.catalog, space, None))


@on_sqlite
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the one place where not even root may make a folder")
def test_a_reader_that_may_not_write_has_the_views_all_the_same(library: Library, folder: Path) -> None:
    live = Live(library.catalog, library.space, Path("/proc/index"))
    assert nearest(library.catalog, live, 1)


@on_sqlite
def test_views_made_anew_on_request_take_the_place_of_damaged_ones(
    library: Library, folder: Path, settings: Settings
) -> None:
    Live(library.catalog, library.space, folder)
    version = storage.in_use(folder)
    assert version is not None
    version.path("vectors.npy").write_bytes(b"")
    library.build_index()
    with Library(settings, encoder=StandInEncoder()) as again:
        assert again.verify().ok
        assert again.ready.snapshot.clips.clips == sum_of_clips(VOICES)


# -- a catalog that goes away ------------------------------------------------------------------------------------


@on_sqlite
def test_while_the_catalog_is_away_vectors_can_be_compared_and_all_goes_on_when_it_is_back(
    library: Library, live: Live
) -> None:
    live.start()
    file = Path(str(library.catalog.engine.url.database))
    file.rename(file.with_suffix(".away"))
    until(lambda: isinstance(live.problem, CatalogError))
    ready = live.ready
    assert len(ready.snapshot.clips.nearest(line(1), 5).ids) == 5
    assert ready.profiles.query_scores(line(1)[None]).shape == (1, 20)
    with pytest.raises(CatalogError):
        nearest(library.catalog, live, 1)
    with pytest.raises(CatalogError):
        live.refresh()
    file.with_suffix(".away").rename(file)
    until(lambda: live.problem is None)
    fill(library, late(1))
    until(lambda: nearest(library.catalog, live, 1) == "late1")
