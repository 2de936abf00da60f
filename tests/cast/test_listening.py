"""The queue of pairs to listen to: what is asked, in which order, and that nothing is asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from cast.test_voices import in_sqlite
from hypothesis import given, settings
from hypothesis import strategies as st
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.cast.listening import LEAST_CHANGE, LEAST_LOG_ODDS, expected_change, questions
from speaker_search.cast.voices import Cast
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.documents import ListeningPair
from speaker_search.evaluation.metrics import bcubed_of_each
from speaker_search.library import Library
from speaker_search.settings import Settings

MANY = 1_000


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Voices that overlap: each character is called after who speaks."""
    yield from in_sqlite(tmp_path_factory, some_voices(games=8, characters=8, clips=4, people=30, spread=1.5))


@pytest.fixture
def clean(blurred: Library) -> Iterator[Library]:
    """The same, left without verdicts."""
    yield blurred
    for verdict in blurred.verdicts(limit=MANY).verdicts:
        blurred.undo_verdict(verdict.id)


def partition(cast: Cast) -> set[frozenset[int]]:
    return {frozenset(one.id for one, _ in voice.members) for voice in cast.voices}


def together(library: Library, one: int, other: int) -> bool:
    return any({one, other} <= voice for voice in partition(library.cast()))


def ids_of(pair: ListeningPair) -> tuple[int, int]:
    return pair.one.id, pair.other.id


def answer(library: Library, pair: ListeningPair) -> None:
    library.judge(*ids_of(pair), same=pair.one.name == pair.other.name)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_the_expected_change_is_what_b_cubed_changes_by(n: int, m: int, joined: bool) -> None:
    """The answer that changes the cast makes it right, for two groups that are a whole voice, or two."""
    apart, one = np.repeat([0, 1], [n, m]), np.zeros(n + m, np.int64)
    found, truth = (one, apart) if joined else (apart, one)
    gained = sum(float((1 - each).sum()) for each in bcubed_of_each(found, truth))
    certain = np.array(0.0 if joined else 1.0)
    assert float(expected_change(certain, joined, np.array(float(n)), np.array(float(m)))) == pytest.approx(gained)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(0, 10**6))
def test_every_question_about_two_groups_is_found_with_its_probability(blurred: Library, seed: int) -> None:
    """Against the mean of all scores between two groups, one by one; the groups are random ones."""
    profiles = blurred.ready.profiles
    assert profiles.pairs is not None
    labels = np.random.default_rng(seed).integers(0, 30, len(profiles))
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    scores = profiles.pair_scores(np.arange(len(profiles))).astype(np.float64)
    expected = []
    for one, other in product(groups, groups):
        if one[0] >= other[0] or set(profiles.game_ids[one]) & set(profiles.game_ids[other]):
            continue
        log_odds = profiles.pairs.log_odds(scores[np.ix_(one, other)].mean(keepdims=True))[0, 0]
        log_odds += float(profiles.pairs.bonus(len(one) * len(other)))
        if log_odds >= LEAST_LOG_ODDS:
            expected.append((sorted((len(one), len(other))), float(1 / (1 + np.exp(-log_odds)))))
    found = [q for q in questions(profiles, labels, Groups(), MANY) if not q.joined]
    asked = sorted((sorted(q.sizes), q.probability) for q in found)
    assert [sizes for sizes, _ in asked] == [sizes for sizes, _ in sorted(expected)]
    assert [likely for _, likely in asked] == pytest.approx([likely for _, likely in sorted(expected)], abs=1e-5)
    assert all(profiles.game_ids[q.one] != profiles.game_ids[q.other] for q in found)


def test_a_voice_is_asked_about_at_its_weakest_link(clean: Library) -> None:
    """Two halves that are each one person, joined by hand."""
    profiles = clean.ready.profiles
    names = {one.id: one.name for voice in clean.cast().voices for one, _ in voice.members}
    voices = [sorted(voice) for voice in partition(clean.cast()) if len({names[id_] for id_ in voice}) == 1]
    halves = sorted(voices, key=len)[-2:]
    labels = np.arange(len(profiles))
    rows = np.searchsorted(profiles.character_ids, np.concatenate(halves))
    labels[rows] = rows.min()
    (asked,) = (q for q in questions(profiles, labels, Groups(), MANY) if q.joined)
    assert sorted(asked.sizes) == sorted(map(len, halves))
    ends = {names[int(profiles.character_ids[row])] for row in (asked.one, asked.other)}
    assert ends == {names[half[0]] for half in halves}


def test_what_is_all_but_certain_is_not_asked(clean: Library) -> None:
    """Voices are asked about at their weakest links, until a calibration is sure that each holds."""
    profiles = clean.ready.profiles
    assert profiles.pairs is not None
    labels = np.arange(len(profiles))
    for voice in partition(clean.cast()):
        rows = np.searchsorted(profiles.character_ids, sorted(voice))
        labels[rows] = rows[0]
    asked = questions(profiles, labels, Groups(), MANY)
    assert any(question.joined for question in asked)
    assert min(question.change for question in asked) >= LEAST_CHANGE
    surer = replace(profiles, pairs=replace(profiles.pairs, odds=profiles.pairs.odds + 30))
    assert not any(question.joined for question in questions(surer, labels, Groups(), MANY))


def test_the_queue_is_the_same_each_time_and_ends_where_it_is_cut(clean: Library) -> None:
    queue = clean.listening_queue(limit=20)
    assert clean.listening_queue(limit=20) == queue
    values = [pair.value for pair in queue.pairs]
    assert values == sorted(values, reverse=True)
    assert len(values) == 20
    assert queue.encoder == StandInEncoder.space


def test_each_pair_comes_with_a_line_of_each_character(clean: Library) -> None:
    for pair in clean.listening_queue(limit=10).pairs:
        held = clean.clips([clip.id for clip in pair.lines])
        for character, clip in zip((pair.one, pair.other), pair.lines, strict=True):
            assert clip.audio == f"/v1/clips/{clip.id}/audio"
            assert clip.id in {own.id for own in clean.show(character.id).clips}
            assert clip.id in held


def test_what_is_answered_directly_or_through_others_is_never_asked_again(clean: Library) -> None:
    known, asked = Groups(), 0
    while pairs := clean.listening_queue(limit=5).pairs:
        for pair in clean.listening_queue(limit=MANY).pairs:
            assert known.same(*ids_of(pair)) is None
        answer(clean, pairs[0])
        assert known.add(*ids_of(pairs[0]), same=pairs[0].one.name == pairs[0].other.name)
        asked += 1
        if asked == 40:
            break
    assert asked >= 20


def test_answers_make_the_cast_better(clean: Library) -> None:
    def wrong() -> int:
        """Pairs of characters that the cast has wrong."""
        everyone = clean.characters(limit=MANY).characters
        voice = {one: number for number, members in enumerate(partition(clean.cast())) for one in members}
        return sum(
            (one.name == other.name) != (voice.get(one.id, -one.id) == voice.get(other.id, -other.id))
            for one in everyone
            for other in everyone
            if one.id < other.id
        )

    before = wrong()
    assert before > 0
    for _ in range(30):
        answer(clean, clean.listening_queue(limit=1).pairs[0])
    assert wrong() < before


def test_a_rejected_pair_never_comes_back_also_not_through_a_third(clean: Library) -> None:
    one, other, third = sorted(max(partition(clean.cast()), key=len))[:3]
    clean.judge(one, other, same=False)
    assert not together(clean, one, other)
    for end, joined in ((one, other), (other, one)):
        verdict = clean.judge(third, end, same=True)
        assert together(clean, third, end)
        assert not together(clean, third, joined)
        assert not together(clean, one, other)
        clean.undo_verdict(verdict.id)


def test_characters_judged_to_be_one_voice_are_in_one(clean: Library) -> None:
    voices = sorted(map(sorted, partition(clean.cast())))
    one, other = voices[0][0], voices[1][0]
    clean.judge(one, other, same=True)
    assert together(clean, one, other)


def test_undoing_every_verdict_restores_the_cast(clean: Library) -> None:
    before = partition(clean.cast())
    given_ = []
    for pair in clean.listening_queue(limit=10).pairs:
        given_.append(clean.judge(*ids_of(pair), same=not pair.joined).id)
    assert partition(clean.cast()) != before
    for id_ in given_:
        clean.undo_verdict(id_)
    assert partition(clean.cast()) == before


def test_nothing_is_asked_where_nothing_can_be_calibrated(settings: Settings, encoder: StandInEncoder) -> None:
    with Library(settings, encoder=encoder) as library:
        fill(library, some_voices(games=2, characters=2, clips=2, people=3, spread=0.3))
        found = library.listening_queue()
        assert found.pairs == []
        assert found.warnings
        assert questions(library.ready.profiles, np.arange(4), Groups(), 10) == []
