"""How characters stand to each other in catalogs whose truth was made: who acts whom, and who sounds like whom.

The clips of both spaces are given as vectors, under the names of the encoders that tell actors and roles apart.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from search.filling import Voices, around, fill, units
from standin import DIM, StandInEncoder

from speaker_search.cast.roles.relations import relate
from speaker_search.cast.sheets.page import NO_SOUNDS, page
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.cli import output, sheet_tables
from speaker_search.documents import SearchOptions
from speaker_search.entities import Relation
from speaker_search.library import Library
from speaker_search.library.voices.relating import CANNOT_TELL, TOO_SMALL
from speaker_search.settings import Settings

GAMES, CHARACTERS, ROLES, ACTORS, ALIKE = 12, 12, 80, 60, 8
CASES = ("same_role", "same_actor", "sound_alike", "different")


class OfActors(StandInEncoder):
    name = "anime-va"
    space = "anime-va@000000000000"


class OfRoles(StandInEncoder):
    name = "anime-char"
    space = "anime-char@000000000000"


def made_up(seed: int = 0) -> tuple[Voices, Voices]:
    """Two spaces of one catalog. A character is called `r<role>a<actor>s<sound>x<game>`.

    The first space hears actors, the second sounds: a sound is a role's own, except that six roles sound like a role
    of another actor.
    """
    rng = np.random.default_rng(seed)
    actor_of = [role % ACTORS for role in range(ROLES)]
    sound_of = [role - ALIKE if ALIKE <= role < 2 * ALIKE else role for role in range(ROLES)]
    actors, sounds = units(rng.standard_normal((ACTORS, DIM))), units(rng.standard_normal((ROLES, DIM)))
    heard: tuple[dict[str, dict[str | None, np.ndarray]], ...] = ({}, {})
    for game in range(GAMES):
        for role in sorted(rng.permutation(ROLES)[:CHARACTERS].tolist()):
            name = f"r{role}a{actor_of[role]}s{sound_of[role]}x{game}"
            for space, centre in zip(heard, (actors[actor_of[role]], sounds[sound_of[role]]), strict=True):
                space.setdefault(f"maker{game % 2}/game{game}", {})[name] = around(centre, 5, rng, 0.4)
    return heard


def truth(one: str, other: str) -> str:
    (role, actor, sound), (role2, actor2, sound2) = (_parts(name) for name in (one, other))
    if role == role2:
        return "same_role"
    if actor == actor2:
        return "same_actor"
    return "sound_alike" if sound == sound2 else "different"


def _parts(name: str) -> tuple[str, str, str]:
    role, rest = name[1:].split("a")
    actor, rest = rest.split("s")
    return role, actor, rest.split("x")[0]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    home = tmp_path_factory.mktemp("home")
    with Library(Settings(home=home, encoder=OfActors.name)) as opened:
        of_actors, of_roles = made_up()
        fill(opened, of_actors, encoder=OfActors)
        fill(opened, of_roles, encoder=OfRoles)
        yield opened


@pytest.fixture(scope="module")
def told(library: Library) -> list[tuple[str, Relation]]:
    """The true case of each pair of characters of different games, and what the two spaces say of it."""
    named = {one.id: one for one in library.characters(limit=1_000).characters}
    pairs = [(one.id, other.id) for one, other in combinations(named.values(), 2) if one.game.id != other.game.id]
    actors, roles = (library._ready_of(each.name) for each in (OfActors, OfRoles))
    assert actors is not None
    assert roles is not None
    found = relate(library.catalog, actors.profiles, roles.profiles, pairs, Groups())
    assert found.keys() == set(pairs)
    return [(truth(named[one].name, named[other].name), found[one, other]) for one, other in pairs]


def test_each_case_is_told_from_the_others_that_sound_alike(told: list[tuple[str, Relation]]) -> None:
    right, total = Counter[str](), Counter[str]()
    for case, relation in told:
        if case != "different":
            total[case] += 1
            right[case] += case == max(CASES[:3], key=lambda each: getattr(relation, each))
    assert min(total.values()) >= 20
    assert {case: right[case] / total[case] >= 0.95 for case in total} == dict.fromkeys(CASES[:3], True), right


def test_strangers_are_different_and_what_is_sure_is_right(told: list[tuple[str, Relation]]) -> None:
    strangers = [relation.case for case, relation in told if case == "different"]
    assert strangers.count("different") >= 0.999 * len(strangers)
    sure = [case == relation.case for case, relation in told if getattr(relation, relation.case) >= 0.9]
    assert sum(sure) >= 0.95 * len(sure) > 0
    alike = [(case, relation) for case, relation in told if relation.different < 0.1]
    assert sum(case == relation.case for case, relation in alike) >= 0.95 * len(alike) > 0


def test_probabilities_of_a_case_add_up_to_about_as_many_pairs_as_are_of_it(told: list[tuple[str, Relation]]) -> None:
    for case, tolerance in (("same_role", 1.2), ("same_actor", 1.6), ("sound_alike", 2.0)):
        true = sum(each == case for each, _ in told)
        expected = sum(getattr(relation, case) for _, relation in told)
        assert true / tolerance <= expected <= true * tolerance, (case, true, expected)


def a_sequel(library: Library) -> tuple[int, int]:
    """Two characters of different games in one role."""
    characters = library.characters(limit=1_000).characters
    return next(
        (one.id, other.id)
        for one, other in combinations(characters, 2)
        if one.game.id != other.game.id and truth(one.name, other.name) == "same_role"
    )


def test_similar_says_how_each_match_stands_to_the_character(library: Library) -> None:
    one, other = a_sequel(library)
    found = library.similar_document(one, SearchOptions(limit=200))
    relations = {match.character.id: match.relation for match in found.matches if match.character}
    assert len(relations) > 100
    assert None not in relations.values()
    assert relations[other] is not None
    assert relations[other].case == "same_role"
    assert found.cannot_tell is None
    for relation in relations.values():
        assert relation is not None
        assert sum(getattr(relation, case) for case in CASES) == pytest.approx(1, abs=3e-6)


def test_the_answer_is_the_same_whichever_of_the_two_spaces_is_searched(library: Library) -> None:
    one, _ = a_sequel(library)
    of_actors = library.similar_document(one, SearchOptions(limit=200))
    with Library(library.settings.model_copy(update={"encoder": OfRoles.name})) as other:
        of_roles = other.similar_document(one, SearchOptions(limit=200))
    assert of_roles.query.encoder != of_actors.query.encoder
    first, second = (
        {match.character.id: match.relation for match in found.matches if match.character}
        for found in (of_actors, of_roles)
    )
    assert first == second


def test_a_cast_sheet_says_how_a_character_stands_to_those_of_its_likely_voices(library: Library) -> None:
    found = library.cast_sheet("game3")
    assert found.cannot_tell is None
    seen = []
    for one in found.sheet:
        for voice in one.likely:
            assert len(voice.relations) == len(voice.characters)
            for other, relation in zip(voice.characters, voice.relations, strict=True):
                assert relation is not None
                seen.append((truth(one.name, other.name), relation))
    sequels = [relation.case for case, relation in seen if case == "same_role"]
    assert sequels.count("same_role") == len(sequels) > 0
    first = next(voice for one in found.sheet for voice in one.likely).relations[0]
    assert first is not None
    assert first.words in page(found, NO_SOUNDS)


def test_people_read_the_likeliest_case_beside_each_match(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = a_sequel(library)
    found = library.similar_document(one, SearchOptions(limit=200))
    output.search(found, {})
    sheet_tables.sheet(library.cast_sheet("game3"))
    matches, sheet = capsys.readouterr().out.split("margin")
    (row,) = (line for line in matches.splitlines() if line.split()[:1] == [str(other)])
    assert "same role 0." in row
    assert "same role 0." in sheet


def test_programs_get_the_relations_that_people_get(library: Library) -> None:
    one, other = a_sequel(library)
    found = library.similar(one, limit=200)
    (relation,) = (match.relation for match in found.matches if match.character and match.character.id == other)
    assert relation is not None
    assert (relation.case, relation.actor_known) == ("same_role", False)
    assert found.document() == library.similar_document(one, SearchOptions(limit=200))


def test_what_verdicts_and_credits_say_of_the_actor_stands_above_what_is_heard(tmp_path: Path) -> None:
    of_actors, of_roles = made_up()
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        fill(library, of_actors, encoder=OfActors)
        fill(library, of_roles, encoder=OfRoles)
        one, other = a_sequel(library)
        named = {each.id: each for each in library.characters(limit=1_000).characters}
        alike = next(
            id_
            for id_, each in named.items()
            if each.game.id != named[one].game.id and truth(named[one].name, each.name) == "different"
        )
        library.judge(one, other, same=False)
        rows = [(*named[id_].address.split("/"), "Hana") for id_ in (one, alike)]
        (tmp_path / "credits.csv").write_text(
            "maker,game,character,voice_actor\n" + "".join(",".join(row) + "\n" for row in rows), encoding="utf-8"
        )
        library.import_credits(tmp_path / "credits.csv")
        found = library.similar(one, limit=200)
    relations = {match.character.id: match.relation for match in found.matches if match.character}
    judged, credited = relations[other], relations[alike]
    assert judged is not None
    assert credited is not None
    assert judged.actor_known
    assert credited.actor_known
    assert judged.same_role + judged.same_actor == 0
    assert judged.sound_alike + judged.different == pytest.approx(1)
    assert credited.sound_alike + credited.different == 0
    assert credited.case == "same_actor"
    assert sum(relation.actor_known for relation in relations.values() if relation is not None) == 2


def test_a_search_by_clips_is_about_no_character_and_has_no_relation(library: Library) -> None:
    found = library.search_like(clips=[1]).document()
    assert {match.relation for match in found.matches} == {None}
    assert found.cannot_tell is None


def test_one_name_in_games_of_one_maker_is_evidence_for_one_role(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    heard = made_up(3)
    actor, roles = units(rng.standard_normal(DIM)), units(rng.standard_normal((2, DIM)))
    nearly = units(roles[0] + 0.9 * roles[1])
    for space, centres in zip(heard, ((actor, actor, actor), (roles[0], nearly, nearly)), strict=True):
        for (game, name), centre in zip(
            (("maker0/first", "Aoi"), ("maker0/second", "ＡＯＩ"), ("maker1/third", "Aoi")), centres, strict=True
        ):
            space[game] = {name: around(centre, 5, np.random.default_rng(4), 0.2)}  # type: ignore[index]
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        for voices, encoder in zip(heard, (OfActors, OfRoles), strict=True):
            fill(library, voices, encoder=encoder)
        found = library.similar_document("maker0/first/Aoi", SearchOptions(limit=200))
    by_game = {match.character.game.title: match.relation for match in found.matches if match.character}
    second, third = by_game["second"], by_game["third"]
    assert second is not None
    assert third is not None
    assert 1 - second.same_role < (1 - third.same_role) / 10


def test_with_one_space_an_answer_says_once_what_it_cannot_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        fill(library, made_up()[0], encoder=OfActors)
        found, sheet = library.similar_document(1, SearchOptions()), library.cast_sheet("game3")
        assert library.search_like(clips=[1]).document().cannot_tell is None
    assert (found.cannot_tell, sheet.cannot_tell) == (CANNOT_TELL, CANNOT_TELL)
    assert CANNOT_TELL not in (*found.query.warnings, *sheet.warnings)
    sheet_tables.sheet(sheet)
    assert "".join(capsys.readouterr()).count(CANNOT_TELL) == 1
    assert {match.relation for match in found.matches} == {None}
    assert [voice.relations for one in sheet.sheet for voice in one.likely if voice.relations] == []
    assert page(sheet, NO_SOUNDS).count(CANNOT_TELL) == 1


def test_the_second_space_is_followed_as_it_grows(tmp_path: Path) -> None:
    of_actors, of_roles = made_up()
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        fill(library, of_actors, encoder=OfActors)
        assert library.similar_document(1, SearchOptions()).cannot_tell == CANNOT_TELL
        fill(library, {"maker0/game0": of_roles["maker0/game0"]}, encoder=OfRoles)
        assert library.similar_document(1, SearchOptions()).cannot_tell == TOO_SMALL
        fill(library, of_roles, encoder=OfRoles)
        library.refresh()
        found = library.similar_document(1, SearchOptions(limit=200))
    assert found.cannot_tell is None
    assert None not in {match.relation for match in found.matches}


def test_the_second_space_is_opened_when_first_needed_and_closed_with_the_library(tmp_path: Path) -> None:
    def following() -> int:
        return sum(thread.name.startswith("views") for thread in threading.enumerate())

    before = following()
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        for voices, encoder in zip(made_up(), (OfActors, OfRoles), strict=True):
            fill(library, voices, encoder=encoder)
        library.search_like(clips=[1])
        one = following() - before
        library.similar_document(1, SearchOptions())
        library.similar_document(2, SearchOptions())
        assert following() - before == 2 * one > 0
    assert following() == before


def test_a_match_that_one_space_has_not_heard_has_no_relation(tmp_path: Path) -> None:
    of_actors, of_roles = made_up()
    with Library(Settings(home=tmp_path, encoder=OfActors.name)) as library:
        fill(library, of_actors, encoder=OfActors)
        fill(library, {game: cast for game, cast in of_roles.items() if game != "maker1/game5"}, encoder=OfRoles)
        found = library.similar_document(1, SearchOptions(limit=200))
    games = {match.character.game.title for match in found.matches if match.character and match.relation is None}
    assert games == {"game5"}
