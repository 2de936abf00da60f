"""What follows from verdicts: checked by head, and by hypothesis against colouring all characters by their voice."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speaker_search.cast.verdicts import Known, chain, consistent
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Verdict

CHARACTERS = 7
quiet = settings(deadline=None, derandomize=True, max_examples=200)


def said(id_: int, one: int, other: int, same: bool) -> Verdict:
    return Verdict(id_, one, other, same, "ann", "", 0.0)


def same(id_: int, one: int, other: int) -> Verdict:
    return said(id_, one, other, True)


def different(id_: int, one: int, other: int) -> Verdict:
    return said(id_, one, other, False)


def ids_of(found: list[Verdict] | None) -> list[int] | None:
    return None if found is None else [verdict.id for verdict in found]


#: What people try: a verdict on two characters, or to undo the verdict in some place.
steps = st.lists(
    st.one_of(
        st.tuples(st.integers(1, CHARACTERS), st.integers(1, CHARACTERS), st.booleans()).filter(lambda s: s[0] != s[1]),
        st.integers(0, 30),
    ),
    max_size=40,
)


def accepted(tried: list[tuple[int, int, bool] | int]) -> list[list[Verdict]]:
    """The standing verdicts after each step, where those that contradict others are refused."""
    standing: list[Verdict] = []
    states = []
    for number, step in enumerate(tried, start=1):
        if isinstance(step, int):
            del standing[step : step + 1]
        elif chain(standing, step[0], step[1], same=not step[2]) is None:
            standing.append(said(number, *step))
        states.append(list(standing))
    return states


def can_be_true(verdicts: list[Verdict]) -> bool:
    """Whether each character can be given a voice so that every verdict holds: joined, no `different` is inside one."""
    voice = dict(zip(range(1, CHARACTERS + 1), range(1, CHARACTERS + 1), strict=True))
    for verdict in verdicts:
        if verdict.same:
            old, new = voice[verdict.one_id], voice[verdict.other_id]
            voice = {character: new if was == old else was for character, was in voice.items()}
    return all(voice[verdict.one_id] != voice[verdict.other_id] for verdict in verdicts if not verdict.same)


@quiet
@given(steps)
def test_no_standing_verdict_ever_contradicts_the_rest(tried: list[tuple[int, int, bool] | int]) -> None:
    for standing in accepted(tried):
        assert can_be_true(standing)
        assert consistent(standing) == standing


@quiet
@given(steps)
def test_a_verdict_is_refused_only_if_it_contradicts_the_rest(tried: list[tuple[int, int, bool] | int]) -> None:
    standing = accepted(tried)[-1] if tried else []
    groups = Groups(standing)
    for one, other in combinations(range(1, CHARACTERS + 1), 2):
        possible = {word: can_be_true([*standing, said(0, one, other, word)]) for word in (True, False)}
        for word in (True, False):
            assert (chain(standing, one, other, same=not word) is None) == possible[word]
        known = None if all(possible.values()) else possible[True]
        assert groups.same(one, other) is known


@quiet
@given(steps, st.sets(st.integers(1, CHARACTERS)))
def test_constraints_say_all_that_is_known_of_the_characters_asked_about(
    tried: list[tuple[int, int, bool] | int], wanted: set[int]
) -> None:
    standing = accepted(tried)[-1] if tried else []
    found = Known(standing).constraints(np.array(sorted(wanted), np.int64))
    pairs = [(found.together, True), (found.apart, False)]
    kept = [said(0, int(one), int(other), word) for rows, word in pairs for one, other in rows]
    assert {id_ for verdict in kept for id_ in (verdict.one_id, verdict.other_id)} <= wanted
    whole, part = Groups(standing), Groups(kept)
    for one, other in combinations(sorted(wanted), 2):
        assert part.same(one, other) is whole.same(one, other)


@quiet
@given(st.lists(st.tuples(st.booleans(), st.integers(1, CHARACTERS), st.integers(1, CHARACTERS), st.booleans())))
def test_actors_say_what_verdicts_on_all_their_characters_would(tried: list[tuple[bool, int, int, bool]]) -> None:
    """Beside it each actor is a character, known to differ from the others."""
    groups, plain = Groups(), Groups()
    for one, other in combinations(range(-CHARACTERS, 0), 2):
        plain.add(one, other, same=False)
    for credit, one, other, word in tried:
        if credit:
            assert groups.credit(one, other) == plain.add(one, -other, same=True)
        elif one != other:
            assert groups.add(one, other, same=word) == plain.add(one, other, same=word)
    for one, other in combinations(range(1, CHARACTERS + 1), 2):
        assert groups.same(one, other) is plain.same(one, other)
        assert groups.any_known([one], [other]) == (plain.same(one, other) is not None)


def test_the_shortest_chain_is_the_one_named() -> None:
    long_way = [same(1, 1, 2), same(2, 2, 3), same(3, 3, 4), different(4, 4, 5)]
    assert ids_of(chain(long_way, 1, 4, same=True)) == [1, 2, 3]
    assert ids_of(chain(long_way, 5, 1, same=False)) == [4, 3, 2, 1]
    assert ids_of(chain([*long_way, same(5, 1, 4)], 1, 5, same=False)) == [5, 4]


def test_nothing_follows_from_two_differences() -> None:
    assert chain([different(1, 1, 2), different(2, 2, 3)], 1, 3, same=True) is None
    assert chain([different(1, 1, 2), different(2, 2, 3)], 1, 3, same=False) is None


def test_of_merged_characters_the_older_verdicts_hold() -> None:
    """4 was merged into 1, so that the last two verdicts are about 1."""
    verdicts = [same(1, 1, 2), different(2, 1, 2), different(3, 1, 1), different(4, 1, 3)]
    assert ids_of(consistent(verdicts)) == [1, 4]
    assert Known(verdicts).constraints(np.array([1, 2, 3])).apart.tolist() == [[1, 3]]
