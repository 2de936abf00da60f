"""One space open for questions: kept up to date beside them, and never in their way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from search.asking import PATIENCE_S, kept_position, late, line, nearest, until
from search.filling import assert_equal, enqueue, fill, forget, some_voices
from sqlalchemy import Connection
from views.made_up import assert_same

from speaker_search.catalog.database import Catalog
from speaker_search.errors import CatalogError
from speaker_search.library import Library
from speaker_search.search.answering import answer
from speaker_search.search.live import Live
from speaker_search.search.profiles.build import build_profiles
from speaker_search.search.query import Query
from speaker_search.views.clip_index.clip_index import TAIL_ROWS
from speaker_search.views.snapshot import follow
from speaker_search.views.storage import folder_of

VOICES = some_voices(games=4, characters=5, clips=3)
CLIPS = 4 * (5 * 3 + 2)
on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


class Gate:
    """Where a thread of the views waits until the test opens it."""

    def __init__(self) -> None:
        self.somebody_waits = Event()
        self._opened = Event()
        self._gave_up = False

    def wait(self) -> None:
        self.somebody_waits.set()
        if not self._opened.wait(PATIENCE_S):
            self._gave_up = True
            raise AssertionError("The gate was never opened.")  # which the thread survives

    def open(self) -> None:
        assert not self._gave_up, "The test itself waited for the thread that waits at the gate."
        self._opened.set()


class Gated(Catalog):
    """A catalog whose readers wait at its gate, when it has one."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog.engine, catalog.uuid)
        self.gate: Gate | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self.gate:
            self.gate.wait()
        with super().read() as connection:
            yield connection


class Slow(Live):
    """Folding or calibrating waits until it may go on, as it takes seconds or minutes in a large catalog."""

    def __init__(self, library: Library, folder: Path, part: str) -> None:
        self.gate = Gate()
        self.part = part
        super().__init__(library.catalog, library.space, folder)

    def _fold(self) -> None:
        if self.part == "folding":
            self.gate.wait()
        super()._fold()

    def _calibrate(self) -> None:
        if self.part == "calibrating":
            self.gate.wait()
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
        assert_equal(ready.profiles, build_profiles(ready.snapshot))


@on_sqlite
def test_scores_are_calibrated_beside_the_searches_once_things_settle(library: Library, live: Live) -> None:
    live.start()
    fill(library, late(1))
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position > CLIPS)
    assert_equal(live.ready.profiles, build_profiles(live.ready.snapshot))


@on_sqlite
def test_scores_are_calibrated_without_a_pause_when_a_tenth_of_the_clips_is_new(library: Library, folder: Path) -> None:
    """Measured by the whitening of a few characters before, new voices in other directions all sounded alike."""
    live = Live(library.catalog, library.space, folder, calibrating_share=1e-9)  # pauses that no test waits for
    live.start()
    fill(library, late(1))
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position == CLIPS + 3)
    fill(library, late(2, clips=8))
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position == CLIPS + 3 + 8)
    live.close()


def test_while_many_clips_are_pending_every_answer_says_that_it_is_provisional(library: Library) -> None:
    fill(library, VOICES)
    more = {"maker2/more": some_voices(games=1, characters=4, clips=3, seed=1)["maker0/game0"]}

    def said() -> list[tuple[str, ...]]:
        library.refresh()
        by_clip, by_character = (library.search_like(embedding=line(1).tolist(), by=by) for by in ("clip", "character"))
        return [one.warnings for one in (by_clip, by_character, library.similar(1), library.cast())]

    assert said() == [()] * 4
    enqueue(library, more)
    provisional = "Provisional, because clips are still to be embedded (14 of 82): "
    changing = (f"{provisional}matches and probabilities may change.",)
    assert said() == [(f"{provisional}matches may change.",), changing, changing, changing]
    fill(library, more)
    assert said() == [()] * 4


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
    gated.gate = Gate()
    live.start()
    assert gated.gate.somebody_waits.wait(PATIENCE_S)
    fill(library, late(1))
    assert nearest(library.catalog, live, 1) != "late1"  # from what is ready
    gated.gate.open()
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    live.close()


@on_sqlite
@pytest.mark.parametrize("part", ["folding", "calibrating"])
def test_a_search_is_answered_and_clips_are_followed_during_upkeep(library: Library, folder: Path, part: str) -> None:
    live = Slow(library, folder, part)
    live.start()
    fill(library, late(1))
    assert live.gate.somebody_waits.wait(PATIENCE_S)
    until(lambda: nearest(library.catalog, live, 1) == "late1")
    fill(library, late(2))
    until(lambda: nearest(library.catalog, live, 2) == "late2")
    assert live.ready.profiles.position < live.ready.snapshot.position
    assert live.ready.profiles.character_ids.tolist() == live.ready.snapshot.characters.ids.tolist()
    provisional = "Provisional, because scores are being calibrated again (6 changes in 74 clips): "
    assert answer(library.catalog, live.ready, Query(line(1), 1, None)).warnings[0].startswith(provisional)
    live.gate.open()
    until(lambda: live.ready.profiles.position == live.ready.snapshot.position)
    assert live.ready.warnings(calibrated=True) == ()
    live.close()


@on_sqlite
def test_two_never_calibrate_at_once_so_that_an_older_result_cannot_replace_a_newer(
    library: Library, folder: Path
) -> None:
    live = Slow(library, folder, "calibrating")
    live.start()
    fill(library, late(1))
    assert live.gate.somebody_waits.wait(PATIENCE_S)
    live.gate.somebody_waits.clear()
    fill(library, late(2))
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(live.refresh)
        until(lambda: nearest(library.catalog, live, 2) == "late2")
        assert not live.gate.somebody_waits.wait(0.2)
        live.gate.open()
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
    assert ready.profiles.query_scores(line(1)[None])[0].shape == (1, 20)
    with pytest.raises(CatalogError):
        nearest(library.catalog, live, 1)
    with pytest.raises(CatalogError):
        live.refresh()
    file.with_suffix(".away").rename(file)
    until(lambda: live.problem is None)
    fill(library, late(1))
    until(lambda: nearest(library.catalog, live, 1) == "late1")
