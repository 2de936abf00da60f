"""Voices keep their ids while the catalog grows, and what becomes of them is kept too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.filling import fill, some_voices
from sqlalchemy import text
from standin import StandInEncoder

from speaker_search.cast import keeping, relinking
from speaker_search.cast.keeping import became, keep_ids
from speaker_search.cast.voices import Cast, find_voices
from speaker_search.catalog.knowledge.kept_voices import Event
from speaker_search.documents import INFERENCE
from speaker_search.errors import NotFoundError
from speaker_search.library import Library
from speaker_search.settings import Settings

VOICES = some_voices(games=6, characters=8, clips=4, people=40, spread=0.3)


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, VOICES)
        yield opened


def members(cast: Cast) -> dict[int, list[int]]:
    return {voice.id: sorted(character.id for character, _ in voice.members) for voice in cast.voices}


# -- matching ------------------------------------------------------------------------------------------------


def test_the_group_that_shares_most_keeps_the_id() -> None:
    assert keep_ids([{1, 2, 3}, {4, 5}, {8, 9}], {1: 7, 2: 7, 4: 7, 5: 3}) == [7, 3, None]


def test_of_equal_groups_the_one_with_the_lowest_character_keeps_the_id() -> None:
    assert keep_ids([{3, 4}, {1, 2}], {1: 5, 2: 5, 3: 5, 4: 5}) == [None, 5]


def test_of_equal_voices_the_older_one_keeps_its_id() -> None:
    assert keep_ids([{1, 2, 3, 4}], {1: 9, 2: 9, 3: 4, 4: 4}) == [4]


@settings(deadline=None, derandomize=True)
@given(
    st.dictionaries(st.integers(1, 30), st.integers(1, 6)),
    st.lists(st.integers(0, 6), min_size=30, max_size=30),
    st.randoms(use_true_random=False),
)
def test_no_id_is_kept_twice_and_the_order_of_groups_does_not_matter(
    before: dict[int, int], labels: list[int], random: object
) -> None:
    groups = [{one for one, label in enumerate(labels, 1) if label == wanted} for wanted in set(labels)]
    ids = keep_ids(groups, before)
    kept = [id_ for id_ in ids if id_ is not None]
    assert len(kept) == len(set(kept))
    turned = keep_ids(groups[::-1], before)
    assert turned == ids[::-1]
    assert keep_ids([{one for one, voice in before.items() if voice == 3}], before) in ([3], [None])


def test_what_became_of_voices() -> None:
    before = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3, 8: 4, 9: 4, 10: 4, 11: 4}
    now = {1: 1, 2: 1, 4: 1, 5: 1, 8: 4, 9: 4, 10: 5, 11: 5, 12: 6, 13: 6}
    assert became(before, now) == [
        Event("split", 5, 4),
        Event("new", 6),
        Event("merged", 2, 1),
        Event("ended", 3),
        *[Event("left", before[one], character_id=one) for one in (3, 4, 5, 6, 7, 10, 11)],
        *[Event("joined", now[one], character_id=one) for one in (4, 5, 10, 11, 12, 13)],
    ]
    assert became(before, before) == []


# -- the catalog ---------------------------------------------------------------------------------------------


def test_voices_are_stored_once_and_their_first_linking_is_one_change(library: Library) -> None:
    cast = library.cast()
    assert all(voice.stored for voice in cast.voices)
    assert members(library.cast()) == members(cast)
    (change,) = library.cast_changes().changes
    assert (change.kind, change.voices) == ("first", len(cast.voices))


def test_another_program_finds_the_same_ids(library: Library, settings: Settings) -> None:
    cast = library.cast()
    with Library(settings, encoder=StandInEncoder()) as other:
        assert other.cast() == cast


def test_a_search_by_voice_has_the_ids_of_the_cast(library: Library) -> None:
    cast = library.cast()
    for voice in cast.voices[:3]:
        (first, _), *_ = voice.members
        found = library.similar(first.id, by="voice", same_game=True)
        assert voice.id in {match.voice for match in found.matches}


def test_a_verdict_ends_a_voice_and_its_undoing_brings_it_back(library: Library) -> None:
    before = library.cast()
    id_, own = next((id_, own) for id_, own in members(before).items() if len(own) == 2)
    verdict = library.judge(*own, same=False).id
    assert id_ not in members(library.cast())
    changes = library.cast_changes().changes
    assert [(one.kind, one.voice, [who.id for who in one.characters]) for one in changes[:1]] == [("ended", id_, own)]
    with pytest.raises(NotFoundError, match=f"Voice {id_} ended on"):
        library.voice(id_)
    library.undo_verdict(verdict)
    assert library.cast() == before
    assert [(one.kind, one.voice) for one in library.cast_changes().changes[:1]] == [("new", id_)]


def test_a_character_that_leaves_and_comes_back_finds_its_voice_again(library: Library) -> None:
    before = members(library.cast())
    id_, own = next((id_, own) for id_, own in before.items() if len(own) >= 3)
    verdicts = [library.judge(own[0], one, same=False).id for one in own[1:]]
    assert members(library.cast())[id_] == own[1:]
    for verdict in verdicts:
        library.undo_verdict(verdict)
    assert members(library.cast()) == before
    kinds = [(one.kind, one.voice, [who.id for who in one.characters]) for one in library.cast_changes().changes]
    assert kinds[:2] == [("joined", id_, own[:1]), ("left", id_, own[:1])]


def test_merged_voices_are_reported_as_such(library: Library) -> None:
    before = members(library.cast())
    (kept, first), (gone, second), *_ = sorted(before.items(), key=lambda item: (-len(item[1]), item[0]))
    for one, other in pairwise([*first, *second]):
        library.judge(one, other, same=True)
    cast = library.cast()
    (voice,) = [one for one in cast.voices if one.id in (kept, gone)]
    assert set(first + second) <= set(members(cast)[voice.id])
    assert voice.probability == 1.0
    kind, ended, other = next((c.kind, c.voice, c.other_voice) for c in library.cast_changes().changes)
    assert (kind, {ended, other}) == ("merged", {kept, gone})
    with pytest.raises(NotFoundError, match=f"Voice {ended} was merged into voice {other}"):
        library.voice(ended or 0)


def test_another_probability_stores_nothing_and_keeps_the_ids(library: Library) -> None:
    cast = library.cast()
    strict = library.cast(min_probability=0.99)
    stored = {voice.id for voice in strict.voices if voice.stored}
    assert stored <= {voice.id for voice in cast.voices}
    assert {voice.id for voice in strict.voices if not voice.stored}.isdisjoint({voice.id for voice in cast.voices})
    assert len(library.cast_changes().changes) == 1
    assert library.cast() == cast


def test_a_state_that_was_linked_before_another_was_stored_is_not_stored(library: Library) -> None:
    ready = library.ready
    early = relinking.plan(library.catalog, ready)
    whole = library.cast()
    late = keeping.store(library.catalog, ready, find_voices(library.catalog, ready, min_probability=0.999), early)
    assert {voice.id for voice in late.voices if voice.stored} <= {voice.id for voice in whole.voices}
    assert members(library.cast()) == members(whole)


def test_an_older_state_is_not_stored_over_a_newer_one(library: Library) -> None:
    old = library.ready
    fill(library, {"maker0/later": {"p01": VOICES["maker0/game0"][None]}})
    library.refresh()
    whole = library.cast()
    library.judge(*members(whole)[whole.voices[0].id][:2], same=False)
    plan = relinking.plan(library.catalog, old)
    keeping.store(library.catalog, old, find_voices(library.catalog, old), plan)
    assert relinking.plan(library.catalog, old).kept.version == plan.kept.version


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_catalog_that_cannot_be_written_is_answered_all_the_same(library: Library) -> None:
    with library.catalog.write() as connection:
        connection.execute(
            text("CREATE TRIGGER no BEFORE INSERT ON voices BEGIN SELECT RAISE(ABORT, 'read-only'); END")
        )
    cast = library.cast()
    assert cast.voices
    assert not any(voice.stored for voice in cast.voices)
    assert "The voices could not be stored" in cast.warnings[-1]


# -- pages and reasons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_pages_of_voices_hold_each_once(library: Library) -> None:
    first = library.voices(limit=5)
    rest = library.voices(cursor=first.next)
    assert [voice.id for voice in (*first.voices, *rest.voices)] == [voice.id for voice in library.cast().voices]
    assert (len(first.voices), rest.next, first.inference) == (5, None, INFERENCE)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_games_sheet_by_its_id_is_that_by_its_title(library: Library) -> None:
    game = library.characters(game="game2").characters[0].game
    assert library.cast_sheet(game.id) == library.cast_sheet("game2")
    with pytest.raises(NotFoundError, match="There is no game 99"):
        library.cast_sheet(99)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_voice_that_never_was_is_not_found(library: Library) -> None:
    with pytest.raises(NotFoundError, match=r"There is no voice 999\."):
        library.voice(999)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_character_with_too_little_speech_is_not_linked_and_says_so(settings: Settings) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, VOICES, seconds=lambda clip: 0.1 if clip <= 4 else 3.0)  # the first character's clips
        short, *_ = library.cast_document().unlinked
        assert (short.id, short.reason) == (1, "too_little_speech")


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_character_spoken_by_several_people_is_not_linked_and_says_so(settings: Settings) -> None:
    voices = some_voices(games=4, characters=8, clips=8, people=36)
    mixed = np.concatenate([clips[:2] for clips in list(voices["maker1/game3"].values())[:4]])
    voices["maker0/game0"]["crowd"] = mixed
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, voices)
        assert {one.name for one in library.cast_document().unlinked if one.reason == "inconsistent"} == {"crowd"}


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_two_characters_of_one_game_in_a_voice_are_marked(library: Library) -> None:
    one, other = (character.id for character in library.characters(game="game2").characters[:2])
    library.judge(one, other, same=True)
    document = library.cast_document()
    marked = {who.id for voice in document.voices for who in voice.characters if who.doubling}
    assert marked == {one, other}
