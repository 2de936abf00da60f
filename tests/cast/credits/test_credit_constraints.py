"""What follows from credits for pairs of characters, beside verdicts, and what the audit makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.cast.constraints import Constraints, none
from speaker_search.cast.credits.credit_constraints import Joined, joined, only_actors
from speaker_search.catalog.knowledge.kept_credits import Actor, Credit
from speaker_search.library import Library
from speaker_search.settings import Settings

IDS = range(1, 9)
PAIRS = st.lists(st.sampled_from(list(combinations(IDS, 2))), max_size=5, unique=True)


def constraints(together: list[tuple[int, int]], apart: list[tuple[int, int]]) -> Constraints:
    return Constraints(np.array(together, np.int64).reshape(-1, 2), np.array(apart, np.int64).reshape(-1, 2))


def closure(together: list[list[int]]) -> dict[int, int]:
    """The group of every character."""
    group = {id_: id_ for id_ in IDS}
    for one, other in together:
        old, new = group[one], group[other]
        group = {id_: new if at == old else at for id_, at in group.items()}
    return group


@st.composite
def verdicts(draw: st.DrawFn) -> Constraints:
    """Verdicts that do not contradict each other."""
    together = draw(PAIRS)
    group = closure([list(pair) for pair in together])
    apart = [pair for pair in draw(PAIRS) if group[pair[0]] != group[pair[1]]]
    return constraints(together, apart)


ACTORS = st.dictionaries(st.sampled_from(IDS), st.integers(1, 3))


def holds(found: Joined) -> None:
    said = found.constraints
    group = closure([*said.together.tolist(), *one_actors(dict(said.actors.tolist()))])
    assert all(group[one] != group[other] for one, other in said.apart.tolist())
    assert len({(group[id_], actor) for id_, actor in said.actors.tolist()}) == len({*said.actors[:, 1].tolist()})


def one_actors(actors: dict[int, int]) -> list[list[int]]:
    """The pairs of characters that have one actor."""
    return [[one, other] for one, other in combinations(actors, 2) if actors[one] == actors[other]]


@given(ACTORS, verdicts())
def test_credits_and_verdicts_together_never_contradict_themselves(actors: dict[int, int], said: Constraints) -> None:
    found = joined(actors, said)
    holds(found)
    assert {*map(tuple, said.together.tolist())} <= {*map(tuple, found.constraints.together.tolist())}
    assert {*map(tuple, said.apart.tolist())} <= {*map(tuple, found.constraints.apart.tolist())}


@given(ACTORS, verdicts())
def test_credits_that_no_verdict_contradicts_all_hold(actors: dict[int, int], said: Constraints) -> None:
    found = joined(actors, said)
    wrong = {id_ for each in found.contradictions for id_ in (each.one, each.other)}
    known = found.constraints.groups()
    for one, other in combinations(sorted(actors.keys() - wrong), 2):
        assert known.same(one, other) is (actors[one] == actors[other])


@given(ACTORS)
def test_without_verdicts_no_credit_is_contradicted(actors: dict[int, int]) -> None:
    assert joined(actors, none()).contradictions == ()


def test_a_verdict_wins_and_is_reported() -> None:
    found = joined({1: 7, 2: 7, 3: 8}, constraints([(2, 3)], [(1, 2)]))
    assert [(each.one, each.other, each.same) for each in found.contradictions] == [(1, 2, False), (2, 3, True)]
    assert found.constraints.together.tolist() == [[2, 3]]
    assert found.constraints.apart.tolist() == [[1, 2]]
    assert found.constraints.actors.tolist() == []


def test_nothing_follows_for_a_character_with_two_actors() -> None:
    hana, yuki = (Credit(Actor(id_, "", ()), "", spoiler=False) for id_ in (7, 8))
    assert only_actors({1: (hana,), 2: (hana, yuki), 3: (yuki,)}, np.array([1, 2, 4])) == {1: 7}


# -- the audit ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Voices that are easy to tell apart, characters called after who speaks them, in a catalog on SQLite."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'catalog.db'}", encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        fill(opened, some_voices(games=8, characters=8, clips=4, people=16, spread=0.3))
        yield opened


def credit_all(library: Library, folder: Path, wrong: dict[str, str]) -> None:
    """Credit every character to who speaks it, but some, by address, to someone else."""
    rows = []
    for one in library.characters(limit=1000).characters:
        rows.append(f"{one.game.maker.name},{one.game.title},{one.name},{wrong.get(one.address, one.name)}")
    path = folder / "credits.csv"
    path.write_text("maker,game,character,voice_actor\n" + "\n".join(rows), encoding="utf-8")
    library.import_credits(path)


def test_right_credits_are_not_doubted(library: Library, tmp_path: Path) -> None:
    credit_all(library, tmp_path, {})
    found = library.audit_credits()
    assert found.audited > 40
    assert found.doubtful == found.contradicted == found.recast == found.pen_names == []


def test_a_wrong_credit_is_the_first_that_is_doubted_with_the_lines_to_hear(library: Library, tmp_path: Path) -> None:
    everyone = library.characters(limit=1000).characters
    wrong = next(one for one in everyone if sum(one.name == other.name for other in everyone) >= 3)
    other = next(one.name for one in everyone if one.name != wrong.name)
    credit_all(library, tmp_path, {wrong.address: other})
    first, *_ = library.audit_credits().doubtful
    assert (first.character.id, first.voice_actor, first.role.name) == (wrong.id, other, other)
    assert (first.nearest.name, first.nearest_voice_actor) == (wrong.name, wrong.name)
    assert first.probability < 0.5 < first.nearest_probability
    assert first.role_lines is not None
    assert first.nearest_lines is not None
    clips = {clip.id for clip in library.show(wrong.id).clips}
    assert first.role_lines.clip_id in clips
    assert first.nearest_lines.other_clip_id in {clip.id for clip in library.show(first.nearest.id).clips}
    assert library.audit_credits(limit=1).doubtful == [first]


def test_two_pen_names_of_one_person_are_found_with_what_supports_it(library: Library, tmp_path: Path) -> None:
    everyone = library.characters(limit=1000).characters
    name = max({one.name for one in everyone}, key=lambda name: sum(one.name == name for one in everyone))
    roles = [one.address for one in everyone if one.name == name]
    credit_all(library, tmp_path, dict.fromkeys(roles[: len(roles) // 2], "another pen name"))
    (found,) = library.audit_credits().pen_names
    assert {found.one, found.other} == {name, "another pen name"}
    assert found.one_roles + found.other_roles == len(roles)
    assert (found.pairs, found.shared_games) == (found.one_roles * found.other_roles, 0)
    assert found.alike > found.pairs / 2
    assert found.probability > 0.5
