"""Many questions at once on one library, while its catalog changes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from search.asking import PATIENCE_S, late, line
from search.filling import assert_equal, fill, forget, some_voices
from sqlalchemy import create_engine
from views.made_up import assert_same

from speaker_search.catalog.database import Catalog
from speaker_search.documents import By
from speaker_search.errors import NotFoundError
from speaker_search.library import Library
from speaker_search.search.profiles.build import build_profiles
from speaker_search.search.query import Filters
from speaker_search.views.snapshot import follow

VOICES = some_voices(games=4, characters=5, clips=3)
BY: tuple[By, ...] = ("character", "game", "voice", "clip")


def test_searches_on_eight_threads_see_no_error_and_in_the_end_the_new_clips(library: Library) -> None:
    fill(library, VOICES)
    new = late(50)

    def search(number: int) -> int:
        give_up = time.monotonic() + PATIENCE_S
        searches = 0
        while time.monotonic() < give_up:
            by_clip = library.search_like(embedding=line(50).tolist(), by="clip", limit=5)
            by_character = library.search_like(embedding=line(number).tolist(), limit=5)
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
    assert_equal(ready.profiles, build_profiles(ready.snapshot))


def test_more_clients_than_there_are_connections_are_all_answered(library: Library) -> None:
    fill(library, VOICES)
    clients = 40  # for 15 connections
    characters = library.ready.profiles.character_ids.tolist()
    clips = library.ready.snapshot.clips.all().ids.tolist()
    start = Barrier(clients + 1)

    def ask(number: int) -> list[int]:
        start.wait(PATIENCE_S)
        return [
            len(library.search_like(characters=[characters[number % len(characters)]], limit=3).matches),
            len(library.search_like(clips=[clips[number]], by="clip", limit=3).matches),
            len(library.similar(characters[number % len(characters)], limit=3).matches),
            len(library.search_like(clips=[clips[number]], by="voice", limit=3).matches),
            len(library.characters(limit=3).characters),
        ]

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask, number) for number in range(clients)]
        start.wait(PATIENCE_S)
        for seed in range(1, 5):
            fill(library, late(seed))
        assert [each.result(PATIENCE_S) for each in asking] == [[3, 3, 3, 3, 3]] * clients


def test_every_question_needs_one_connection_at_a_time(library: Library) -> None:
    """Listings and searches by clip used to hold one and ask for another. As many of them as there are connections then
    waited for each other until they failed.
    """
    fill(library, VOICES)
    clip = library.ready.snapshot.clips.all().ids.tolist()[0]
    many = library.catalog  # which the views go on following
    engine = create_engine(many.engine.url, pool_size=1, max_overflow=0, pool_timeout=0)
    with closing(Catalog(engine, many.uuid)) as small:
        library.catalog = small
        try:
            ask_everything(library, clip)
        finally:
            library.catalog = many


def ask_everything(library: Library, clip: int) -> None:
    assert library.characters(maker="maker0", limit=3).characters
    assert library.show(1).clips
    assert library.counts().embedded
    assert library.refused().clips == []
    assert library.index_status().clips
    assert library.verify().ok
    with pytest.raises(NotFoundError):
        library.sound(clip)
    only = Filters(makers=("maker0",), exclude_games=("game3",), min_clips=2)
    for by in BY:
        assert library.search_like(clips=[clip], characters=[1], unlike_characters=[2], by=by).matches
        assert library.search_like(clips=[clip], filters=only, by=by).matches
        assert library.similar(1, filters=only, by=by).matches
    assert library.cast(min_probability=0.01).voices
