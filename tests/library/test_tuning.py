"""An index is tuned through the library: measured, saved with the index, and left alone when interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.views import snapshot as views
from speaker_search.views.clip_index import lists
from speaker_search.views.clip_index.clip_index import of_columns
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.snapshot import Snapshot
from speaker_search.views.storage import folder_of

BY_LISTS = Plan("ivf", 16, 16, "by hand")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a catalog whose index on disk has inverted lists, and a search looks into all."""
    made = Settings(home=tmp_path / "home", database_url=f"sqlite:///{tmp_path / 'catalog.db'}")
    with Library(made, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=6, characters=8, clips=20))
        flat = views.follow(library.catalog, library.space, None)
        held = flat.clips.all()
        by_lists = Snapshot(of_columns(held, flat.position, lists.build(held, BY_LISTS)), flat.characters)
        save(library, by_lists)
    return made


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened


def save(library: Library, snapshot: Snapshot) -> None:
    folder = folder_of(library.settings.home, library.catalog.uuid, library.space)
    views.save(folder, snapshot, library.catalog.uuid, library.space)


def test_a_tuned_index_finds_enough_and_still_does_when_it_is_opened_again(
    library: Library, settings: Settings
) -> None:
    before = library.index_status()
    assert (before.kind, before.lists, before.nprobe, before.recall) == ("IVF16,SQfp16", 16, 16, None)
    assert before.games == 6
    assert before.bytes > 0
    found = library.tune_index(0.99)
    assert found.recall is not None
    assert found.recall.recall_at_10 >= found.recall.target == 0.99
    kinds = {"one game", "10 % of the games", "30 % of the games", "without one game", "without one maker"}
    assert set(found.recall.filtered) == kinds
    assert min(found.recall.filtered.values()) >= 0.99
    assert found.nprobe < before.nprobe
    tuned = library.ready.snapshot.clips.segment.lists
    with Library(settings, encoder=StandInEncoder()) as again:
        assert again.index_status() == found
        lists_again = again.ready.snapshot.clips.segment.lists
        assert lists_again.tuning == tuned.tuning
        assert lists_again.probing.nprobe == found.nprobe
        assert again.verify().ok


def test_a_lower_recall_takes_fewer_lists(library: Library) -> None:
    higher = library.tune_index(0.999).nprobe
    assert library.tune_index(0.5).nprobe < higher


def test_interrupted_tuning_leaves_the_setting_that_was(library: Library) -> None:
    before = library.tune_index(0.6)

    def interrupt(words: str) -> None:
        if words.startswith("measuring under filters"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.tune_index(0.99, say=interrupt)
    assert library.index_status() == before
    assert library.ready.snapshot.clips.segment.lists.probing.nprobe == before.nprobe


def test_another_program_that_saves_what_it_opened_earlier_keeps_the_tuning(library: Library) -> None:
    earlier = library.ready.snapshot
    tuned = library.tune_index(0.99)
    save(library, earlier)
    assert library.index_status() == tuned


def test_a_program_that_runs_takes_up_what_another_one_tunes(library: Library, settings: Settings) -> None:
    """Also while it is ahead of what was saved, and keeps it when it saves in turn."""
    library.prepare()
    with Library(settings, encoder=StandInEncoder()) as other:
        fill(other, some_voices(games=7, characters=8, clips=20))
        found = other.tune_index(0.6)
    library.refresh()
    own = library.ready.snapshot.clips.segment.lists.tuning
    assert own is not None
    assert (own.target, own.probing.nprobe) == (0.6, found.nprobe)
    assert library.ready.snapshot.clips.segment.lists.probing.nprobe == found.nprobe < 16
    assert library.verify(deep=True).ok
    with Library(settings, encoder=StandInEncoder()) as other:
        higher = other.tune_index(0.99)
    library.refresh()
    assert library.ready.snapshot.clips.segment.lists.probing.nprobe == higher.nprobe > found.nprobe


def test_an_exact_scan_needs_no_tuning(library: Library) -> None:
    library.build_index()
    found = library.tune_index()
    assert (found.kind, found.lists, found.nprobe, found.recall) == ("Flat,fp16", 0, 0, None)


@pytest.mark.parametrize("recall", [0.0, 0.49, 1.0, 99.0, float("nan")])
def test_a_recall_that_cannot_be_meant_is_refused(library: Library, recall: float) -> None:
    with pytest.raises(UsageError, match=r"at least 0\.5 and below 1"):
        library.tune_index(recall)
