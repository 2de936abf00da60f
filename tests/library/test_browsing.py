"""Looking through a catalog on either database: filters, pages, and the state of clips."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from search.filling import enqueue, fill, some_voices
from standin import StandInEncoder

from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=4, characters=3, clips=2))
        yield library


def test_filters_leave_what_fits_and_pages_hold_it_once(library: Library) -> None:
    games = library.games().games
    assert [(one.title, one.characters) for one in games] == [(f"game{n}", 3) for n in range(4)]
    assert [one.games for one in library.makers().makers] == [2, 2]
    assert library.games(maker="MAKER1").games == games[1::2]
    assert library.games(maker_id=games[0].maker.id, contains="me2").games == games[2:3]
    assert library.games(contains="_").games == []  # no wildcard
    cast = library.characters(game_id=games[1].id).characters
    assert {one.game.id for one in cast} == {games[1].id}
    assert [one.clips for one in cast] == [2, 2, 2]
    clips = library.clip_list(maker="maker1").clips
    first = library.clip_list(maker="maker1", limit=7)
    assert len(clips) == 16
    assert first.clips + library.clip_list(maker="maker1", cursor=first.next).clips == clips
    assert library.clip_list(character_id=cast[0].id).clips == [
        one for one in clips if one.character is not None and one.character.id == cast[0].id
    ]
    assert len(library.clip_list(unknown=True).clips) == 8


def test_clips_that_are_still_to_be_embedded_are_pending(library: Library) -> None:
    embedded = library.clip_list(state="embedded").clips
    assert library.clip_list(state="pending").clips == []
    enqueue(library, {"maker9/game9": some_voices(games=1, seed=9)["maker0/game0"]})
    pending = library.clip_list(state="pending").clips
    assert {one.game.title for one in pending} == {"game9"}
    assert library.clip_list(state="embedded").clips == embedded
    assert library.clip_list(limit=1000).clips == embedded + pending


def test_verdicts_are_filtered_by_the_database(library: Library) -> None:
    given = [library.judge(1, n, same=n > 6, author="ann" if n % 2 else "bea") for n in range(4, 9)]
    listed = library.verdicts().verdicts
    assert [one.id for one in listed] == [one.id for one in reversed(given)]
    assert library.verdicts(same=True, author="ann").verdicts == [one for one in listed if one.other.id == 7]
    library.undo_verdict(given[0].id)
    assert library.verdicts(4).verdicts == []
    assert [one.state for one in library.verdicts(4, history=True).verdicts] == ["undone"]
    first = library.verdicts(limit=2)
    assert len(first.verdicts + library.verdicts(cursor=first.next).verdicts) == 4


def test_a_verdict_is_found_by_a_character_that_was_merged_since(library: Library) -> None:
    one, other = library.characters(game="game0", limit=2).characters
    given = library.judge(other.id, library.characters(game="game1").characters[0].id, same=True)
    library.merge("character", other.id, one.id)
    for id_ in (one.id, other.id):
        assert [verdict.id for verdict in library.verdicts(id_).verdicts] == [given.id]
    assert library.verdicts(one.id).verdicts[0].one.id == one.id


def test_what_is_not_there_is_not_found(library: Library) -> None:
    for ask in (library.maker, library.game, library.character_of, library.clip):
        for id_ in (999, 2**63 - 1):
            with pytest.raises(NotFoundError, match=f"There is no .* {id_}"):
                ask(id_)
    with pytest.raises(NotFoundError, match="There is no maker nobody"):
        library.clip_list(maker="nobody")
    with pytest.raises(UsageError, match="The limit must be from 1"):
        library.games(limit=0)
