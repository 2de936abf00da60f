"""Names that no database can store, given to every question that takes a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from search.filling import enqueue, fill, some_voices
from standin import StandInEncoder

from speaker_search.entities import shown
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.search.query import Filters
from speaker_search.settings import Settings

ODD = "Ann\udcff"  # how Python reads a name of bytes that are not UTF-8
NUL = "Ann\0"  # which PostgreSQL cannot store
QUESTIONS: dict[str, Callable[[Library, str], object]] = {
    "character": lambda library, name: library.character(name),
    "show": lambda library, name: library.show(name),
    "similar": lambda library, name: library.similar(name),
    "maker": lambda library, name: library.characters(maker=name),
    "game": lambda library, name: library.characters(game=name),
    "cast": lambda library, name: library.cast(game=name),
    "filters": lambda library, name: library.search_like(clips=[1], filters=Filters(exclude_games=(name,))),
}


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened


def test_names_that_cannot_be_stored_are_not_found(library: Library) -> None:
    """Each ended in a UnicodeEncodeError or in an error of the database."""
    fill(library, some_voices(games=2, characters=3, clips=2))
    for ask in QUESTIONS.values():
        for name in (ODD, NUL):
            with pytest.raises(NotFoundError, match="There is no "):
                ask(library, name)
    assert library.characters(name=ODD).characters == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_name_is_found_as_it_was_given_and_as_it_was_stored(library: Library) -> None:
    (voices,) = some_voices(games=1, characters=1, clips=2).values()
    (vectors, *_) = voices.values()
    fill(library, {"m/g": {shown(ODD): vectors}})
    assert library.character(ODD) == library.character(shown(ODD))


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_list_of_a_maker_or_game_nobody_knows_suggests_others(library: Library) -> None:
    """It was an empty list, whose reader had to guess why."""
    fill(library, some_voices(games=2, characters=3, clips=2))
    with pytest.raises(NotFoundError, match=r"There is no maker aker1\. Did you mean maker1\?"):
        library.characters(maker="aker1")
    with pytest.raises(NotFoundError, match=r"There is no game gam1\. Did you mean game1"):
        library.characters(game="gam1")
    assert library.characters(maker="maker0", game="game1").characters == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_character_whose_clips_are_pending_is_said_to_wait_for_a_worker(library: Library) -> None:
    """It was said to be refused, perhaps."""
    enqueue(library, some_voices(games=1, characters=1, clips=2))
    with pytest.raises(UsageError, match=r"has no embedded clip yet.*`spksearch worker --drain`"):
        library.similar(1)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_fewer_clips_than_none_are_no_filter(library: Library) -> None:
    fill(library, some_voices(games=1, characters=1))
    with pytest.raises(UsageError, match="must be 0 or more, not -5"):
        library.search_like(clips=[1], filters=Filters(min_clips=-5))
